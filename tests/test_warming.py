"""What is computed before anybody asks is what is asked for then."""

import pytest
import streamlit as st

from pages.shared import texts, warming
from pages.shared.pictures import embedded
from tests.test_pages import Open, visit
from zfnet import InferenceSession

__all__ = ["visit"]  # a fixture


@pytest.fixture(autouse=True)
def cold() -> None:
    st.cache_data.clear()


def test_a_warm_page_of_occlusion_computes_nothing(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "embedded", lambda: {name: embedded()[name] for name in list(embedded())[:1]})
    monkeypatch.setattr(warming, "LAYERS", ())
    warming.warm(lambda: False)

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(InferenceSession, "occlusion", computed)
    for class_index in ("auto", "3"):
        at = visit("occlusion", image=next(iter(embedded())), class_=class_index)
        assert any(texts.text("occlusion.to_unit", "en", unit="conv5:")[:12] in button.label for button in at.button)


def test_it_stops_when_the_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(*_: object) -> None:
        raise AssertionError("begun")

    monkeypatch.setattr(warming, "peaks", begun)
    monkeypatch.setattr(warming, "warm_occlusion", begun)
    warming.warm(lambda: True)

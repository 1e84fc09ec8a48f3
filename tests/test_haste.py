"""Pages that are cut short, and only those, let the next one wait."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import haste
from tests.test_house import ROOT

DASHBOARD = ROOT / "pages" / "shared" / "dashboard.py"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the pages have waited, without waiting."""
    slept: list[float] = []
    monkeypatch.setattr(haste, "sleep", slept.append)
    return slept


def test_pages_that_are_completed_do_not_wait(pauses: list[float]) -> None:
    at = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    at.run()
    assert not at.exception
    assert pauses == []


def test_after_a_page_that_was_cut_short_one_waits(pauses: list[float]) -> None:
    at = AppTest.from_file(DASHBOARD, default_timeout=60).run()
    at.session_state["unfinished"] = True
    at.run()
    assert pauses == [haste.PAUSE]
    at.run()
    assert pauses == [haste.PAUSE]

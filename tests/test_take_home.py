"""The row from which a page is taken home: what is kept for the report, and what a saved picture brings back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import texts
from pages.shared.exhibits import Exhibit, Recipe
from pages.shared.export import About, picture_file
from pages.shared.pictures import sample_picture, samples
from pages.shared.selection import Selection
from pages.shared.take_home import MAX_PAGES
from tests.test_pages import chosen, run, send, visit, words  # noqa: F401
from zfnet import render

EXHIBIT = Exhibit(
    kind="view",
    name="picture",
    png=render.encode_png(np.zeros((14, 14, 3), np.uint8)),
    alt="Nothing but black.",
    caption="Black.",
    recipe=Recipe("pass", "true"),
    arrays=lambda: {"zeros": np.zeros(3)},
)


def foot() -> None:
    from pages.shared.take_home import offer, picture_button
    from tests.test_take_home import EXHIBIT

    picture_button(EXHIBIT, "A page")
    offer([EXHIBIT], "A page")


@pytest.fixture
def at() -> AppTest:
    return run(AppTest.from_function(foot, default_timeout=60))


def press(at: AppTest, key: str) -> AppTest:
    return run(at.button(key=key).click())


def look(at: AppTest, **changes: Any) -> None:
    """Select something else."""
    query = at.session_state["selection"].to_query()
    at.session_state["selection"] = Selection(**{"image": query["image"], "language": query["lang"]} | changes)
    run(at)


def test_nothing_is_kept_at_first_and_a_report_is_offered_only_then(at: AppTest) -> None:
    assert at.session_state["kept"] == {}
    assert {button.key for button in at.button} == {"keep_page"}
    press(at, "keep_page")
    assert {button.key for button in at.button} == {"keep_page", "empty_report"}


def test_the_same_selection_is_kept_once_and_another_one_beside_it(at: AppTest) -> None:
    press(press(at, "keep_page"), "keep_page")
    assert len(at.session_state["kept"]) == 1
    look(at, channel=5)
    press(at, "keep_page")
    first, second = at.session_state["kept"].values()
    assert (first.about.query["channel"], second.about.query["channel"]) == ("auto", "5")
    assert first.about.title == "A page"
    assert press(at, "empty_report").session_state["kept"] == {}


def test_what_is_kept_holds_pictures_and_words_alone(at: AppTest) -> None:
    (page,) = press(at, "keep_page").session_state["kept"].values()
    assert [exhibit.arrays for exhibit in page.exhibits] == [None]
    assert page.exhibits[0].png == EXHIBIT.png


def test_a_full_report_takes_no_further_page_and_says_so(at: AppTest) -> None:
    for channel in range(MAX_PAGES):
        look(at, channel=channel)
        press(at, "keep_page")
    assert not at.button(key="keep_page").disabled
    look(at, channel=MAX_PAGES)
    keep = at.button(key="keep_page")
    assert keep.disabled
    assert keep.help == texts.text("export.full", chosen_language(at), limit=MAX_PAGES)
    assert not press(at, "empty_report").button(key="keep_page").disabled


def chosen_language(at: AppTest) -> str:
    language: str = at.session_state["selection"].language
    return language


def test_files_are_made_outside_of_the_pages_run(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: dict[str, Callable[[], bytes]] = {}

    def note(label: str, data: Callable[[], bytes], file_name: str, mime: str, **options: Any) -> None:
        assert options["on_click"] == "ignore"
        offered[file_name] = data

    monkeypatch.setattr(st, "download_button", note)
    at = press(run(AppTest.from_function(foot, default_timeout=60)), "keep_page")
    assert set(offered) == {"picture.png", "zfnet-overview.zip", "zfnet-report.html"}
    press(at, "empty_report")
    # As it was when the button was shown: what happens later changes no file.
    assert b"Black." in offered["zfnet-report.html"]()
    assert offered["picture.png"]().startswith(b"\x89PNG")
    assert offered["zfnet-overview.zip"]().startswith(b"PK")


def saved(**changes: Any) -> bytes:
    """Return a picture that was saved with a selection."""
    selection = Selection(**{"image": next(iter(samples()))} | changes)
    return picture_file(EXHIBIT, About("", "x", selection.to_query(), "0.1.0", "id", "x", selection.language))


def test_a_saved_picture_brings_back_what_was_selected_but_not_the_language(visit: Callable[..., AppTest]) -> None:  # noqa: F811
    name = list(samples())[3]
    at = send(visit(lang="ko"), ("saved.png", saved(image=name, layer="conv3", channel=7, language="en")))
    assert texts.text("export.restorable", "ko") in words(at)
    assert chosen(at).image.startswith("sha256-")
    press(at, "restore")
    assert (chosen(at).image, chosen(at).layer, chosen(at).channel) == (name, "conv3", 7)
    assert chosen(at).language == "ko"
    assert texts.text("export.restorable", "ko") not in words(at)


def test_what_a_picture_asks_for_and_cannot_have_is_corrected_and_said(visit: Callable[..., AppTest]) -> None:  # noqa: F811
    at = press(send(visit(lang="en"), ("saved.png", saved(channel=100_000))), "restore")
    assert chosen(at).channel == 255
    assert "100000" in words(at)


def test_an_ordinary_upload_offers_nothing_to_restore(visit: Callable[..., AppTest]) -> None:  # noqa: F811
    picture = sample_picture(next(iter(samples())))
    at = send(visit(lang="en"), ("cat.png", render.encode_png(np.asarray(picture))))
    assert texts.text("export.restorable", "en") not in words(at)
    assert "restore" not in {button.key for button in at.button}

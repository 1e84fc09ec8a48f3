"""The page of lessons: choose one, go through it, predict, and only then see the answer."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state, texts
from tests.test_pages import Open, chosen, run, visit, words

__all__ = ["visit"]  # a fixture
NAMES = ("edges-to-parts", "which-pixels", "why-stride-two")


def lesson(name: str) -> Any:
    return state.library().lessons[name]


def button(at: AppTest, key: str) -> Any:
    return at.button(key=key)


def predict(at: AppTest, option: int) -> AppTest:
    """Choose an option of a question in words."""
    (radio,) = (radio for radio in at.radio if radio.key and radio.key.startswith("option_"))
    return run(radio.set_value(option))


def test_all_lessons_are_offered_and_the_first_step_selects_what_it_is_about(visit: Open) -> None:
    at = visit("lesson", image="cathedral", channel="7")
    for name in NAMES:
        assert lesson(name).title["en"] in words(at)
    at = run(button(at, "begin_edges-to-parts").click())
    now = chosen(at)
    assert (now.lesson, now.step, now.layer, now.channel, now.image) == (
        "edges-to-parts",
        0,
        "conv1",
        None,
        "cathedral",
    )
    assert lesson("edges-to-parts").steps[0].title["en"] in words(at)


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_gone_through_forward_and_back(name: str, visit: Open) -> None:
    at = run(button(visit("lesson", lang="ko"), f"begin_{name}").click())
    steps = lesson(name).steps
    for number, step in enumerate(steps):
        assert chosen(at).step == number
        assert step.title["ko"] in words(at)
        assert button(at, "previous").disabled == (number == 0)
        assert button(at, "next").disabled == (number == len(steps) - 1)
        if number < len(steps) - 1:
            at = run(button(at, "next").click())
    assert texts.text("lesson.summary_none", "ko") in words(at)
    at = run(button(at, "previous").click())
    assert chosen(at).step == len(steps) - 2
    at = run(button(at, "all_lessons").click())
    assert (chosen(at).lesson, chosen(at).step) == ("none", 0)


@pytest.mark.parametrize("picture", ["gratings", "espresso"])
def test_every_step_is_shown_on_any_picture(picture: str, visit: Open) -> None:
    for name in NAMES:
        at = run(button(visit("lesson", image=picture), f"begin_{name}").click())
        for _ in lesson(name).steps[1:]:
            at = run(button(at, "next").click())


def test_the_answer_is_shown_only_after_a_prediction(visit: Open) -> None:
    at = visit("lesson", lesson="why-stride-two", step="2", layer="conv1", period="5")
    measured = texts.text("lesson.measured_period", "en")
    assert button(at, "reveal").disabled
    assert not at.table
    at = predict(at, 0)
    assert not button(at, "reveal").disabled
    assert not at.table
    at = run(button(at, "reveal").click())
    assert measured in at.table[0].value.columns
    assert texts.text("lesson.wrong", "en", option="20 pixels", chosen="2.5 pixels") in words(at)
    assert texts.text("lesson.score", "en", right=0, asked=1) in words(at)
    at = run(at.button(key="next").click())
    at = predict(at, 2)
    at = run(button(at, "reveal").click())
    assert texts.text("lesson.right", "en", option="4 pixels") in words(at)
    assert texts.text("lesson.score", "en", right=1, asked=2) in words(at)


def test_a_prediction_belongs_to_its_picture(visit: Open) -> None:
    at = visit("lesson", lesson="edges-to-parts", step="1", image="cheetah")
    at = run(button(predict(at, 1), "reveal").click())
    at.session_state["selection"] = state.replace(chosen(at), image="cathedral")
    at = run(at)
    assert button(at, "reveal").disabled
    at.session_state["selection"] = state.replace(chosen(at), image="cheetah")
    assert run(at).table


def test_what_a_step_selects_can_be_changed_while_it_lasts(visit: Open) -> None:
    at = run(button(visit("lesson"), "begin_edges-to-parts").click())
    at.session_state["selection"] = state.replace(chosen(at), layer="conv2")
    assert chosen(run(at)).layer == "conv2"


def test_what_would_distract_is_hidden_during_a_step_only(visit: Open) -> None:
    def shown(at: AppTest) -> bool:
        return any(box.key == "choose_layer" for box in at.selectbox)

    assert shown(visit("lesson"))
    assert not shown(visit("lesson", lesson="edges-to-parts"))
    assert shown(visit("overview", lesson="edges-to-parts"))


def test_a_broken_file_is_named_and_leaves_the_page_working(
    visit: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZFNET_LESSONS", str(tmp_path))
    (tmp_path / "broken.yaml").write_text("title: {en: A, ko: 가}\nsteps:\n  - titel: {en: A, ko: 가}\n", "utf-8")
    (tmp_path / "mine.yaml").write_text(
        "title: {en: Mine, ko: 내 것}\nsteps:\n  - {title: {en: One, ko: 하나}, text: {en: Look, ko: 보십시오}}\n",
        "utf-8",
    )
    for language in texts.LANGUAGES:
        at = visit("lesson", lang=language)
        (error,) = (error.value for error in at.error)
        assert "`broken.yaml`" in error
        assert "3" in error
        assert "`titel`" in error
    at = run(button(at, "begin_mine").click())
    assert {"ko": "보십시오", "en": "Look"}[chosen(at).language] in words(at)
    # Mended, it is read again.
    (tmp_path / "broken.yaml").unlink()
    assert not visit("lesson").error


def test_a_short_link_to_a_step_selects_what_the_step_is_about(visit: Open) -> None:
    at = visit("lesson", lesson="edges-to-parts", step="2")
    assert (chosen(at).layer, chosen(at).step) == ("conv3", 2)
    assert chosen(visit("lesson", lesson="edges-to-parts", step="2", layer="conv4")).layer == "conv4"

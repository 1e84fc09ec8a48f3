"""Follow me, in both roles: what the teacher chooses is chosen for all, and what they predict is counted."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import texts
from pages.shared.rooms import PATIENCE, rooms
from pages.shared.selection import Selection
from pages.shared.state import replace
from tests.test_jobs import Clock
from tests.test_lesson_page import button, predict
from tests.test_pages import DASHBOARD, UNKNOWN, Open, drawn, encoded, run, send, turn, visit, words

__all__ = ["visit"]  # a fixture
QUESTION = {"lesson": "why-stride-two", "step": "2", "layer": "conv1", "period": "5"}


def said(key: str, language: str = "en", **values: object) -> str:
    return texts.text(f"follow.{key}", language, **values)


def chosen(at: AppTest) -> Selection:
    selection: Selection = at.session_state["selection"]
    return selection


def select(at: AppTest, **changes: Any) -> AppTest:
    at.session_state["selection"] = replace(chosen(at), **changes)
    return run(at)


def title(at: AppTest) -> str:
    return str(at.title[0].value)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Rooms of this test alone, in a time that stands still."""
    clock = Clock()
    rooms.cache_clear()
    monkeypatch.setattr(rooms(), "_clock", clock)
    return clock


def lead(at: AppTest) -> str:
    """Open a room; return its code."""
    at.session_state["room_popover"] = True
    at = run(button(run(at), "open_room").click())
    code: str = at.session_state["seat"].code
    assert code in [metric.value for metric in at.metric]
    return code


def enter(**query: str) -> AppTest:
    """Open a link, and stay where it leads."""
    at = AppTest.from_file(DASHBOARD, default_timeout=60)
    at.query_params.update(query)
    return run(at)


def test_a_follower_goes_where_the_teacher_goes_in_his_own_language(visit: Open) -> None:
    teacher = visit("deconvnet", image="cathedral", channel="7")
    code = lead(teacher)
    student = enter(lang="ko", room=code)
    assert (chosen(student).image, chosen(student).channel, chosen(student).language) == ("cathedral", 7, "ko")
    assert title(student) == texts.text("deconvnet.title", "ko")
    assert said("following", "ko", code=code) in words(student)
    assert said("leading", code=code, followers=1) in words(run(teacher))
    select(turn(teacher, "feature_maps"), image="cheetah", layer="conv3", present=True)
    student = run(student)
    assert title(student) == texts.text("feature_maps.title", "ko")
    assert (chosen(student).image, chosen(student).layer, chosen(student).present) == ("cheetah", "conv3", False)
    assert student.query_params["room"] == code
    assert "room" not in teacher.query_params


def test_a_follower_stays_with_his_own_choice_until_the_teacher_changes_something(visit: Open) -> None:
    teacher = visit("overview", image="cathedral")
    code = lead(teacher)
    student = select(turn(enter(room=code), "gradcam"), image="espresso")
    student = run(student)
    run(teacher)
    assert (chosen(run(student)).image, title(student)) == ("espresso", texts.text("gradcam.title", "en"))
    select(teacher, channel=3)
    student = run(student)
    assert (chosen(student).image, chosen(student).channel) == ("cathedral", 3)
    assert title(student) == texts.text("overview.title", "en")


def test_who_leaves_is_free(visit: Open) -> None:
    teacher = visit("overview", image="cathedral")
    student = enter(room=lead(teacher))
    student = run(button(student, "leave_room").click())
    select(teacher, image="cheetah")
    assert chosen(run(student)).image == "cathedral"
    assert "room" not in student.query_params


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_wrong_code_is_told_and_forgotten_with_the_next_choice(visit: Open, language: str) -> None:
    at = enter(lang=language, room="nowhere")
    told = said("error_unknown", language, code="NOWHERE", length=6)
    assert told in words(at)
    assert "room" not in at.query_params
    assert told in words(turn(at, "gradcam"))
    assert told not in words(select(at, channel=1))


def test_a_code_may_be_typed_in_small_letters_with_spaces(visit: Open) -> None:
    code = lead(visit("overview"))
    at = visit("overview")
    at.session_state["room_popover"] = True
    at = run(at)
    at.text_input(key="room_code").set_value(f" {code[:3]} {code[3:]} ".lower())
    (join,) = (one for one in at.button if one.label == said("join"))
    assert said("following", code=code) in words(run(join.click()))


def test_a_room_that_is_closed_or_deserted_ends_for_all(visit: Open, clock: Clock) -> None:
    teacher = visit("overview")
    code = lead(teacher)
    student = enter(room=code)
    run(button(teacher, "close_room").click())
    assert said("error_unknown", code=code, length=6) in words(run(student))
    code = lead(teacher)
    student = enter(room=code)
    clock.now += PATIENCE + 1
    for at in (student, teacher):
        assert said("error_unknown", code=code, length=6) in words(run(at))
        assert at.session_state["seat"] is None


def test_an_upload_does_not_travel(visit: Open) -> None:
    teacher = visit("overview")
    code = lead(teacher)
    send(teacher, ("mine.png", encoded(drawn())))
    assert texts.text("share.no_upload", "en") in words(teacher)
    student = enter(room=code)
    assert chosen(student).image == chosen(teacher).image
    assert said("upload") in words(student)
    assert student.session_state["uploads"] == {}
    # Who has the same file unlocks it, as with any link.
    assert said("upload") not in words(send(student, ("other.png", encoded(drawn()))))
    assert said("upload") not in words(visit("overview", image=UNKNOWN))


def test_predictions_are_counted_and_revealed_to_all(visit: Open) -> None:
    teacher = visit("lesson", **QUESTION)
    code = lead(teacher)
    early, late, silent = (enter(room=code) for _ in range(3))
    assert said("vote") in words(early)
    predict(early, 0)
    predict(late, 1)
    assert said("counted") in words(late)
    predict(late, 2)
    assert not [one for one in late.button if one.key == "reveal"]
    teacher = run(teacher)
    assert said("answered", votes=2) in words(teacher)
    assert not bars(teacher)
    (toggle,) = (one for one in teacher.toggle if one.label == said("show_votes"))
    teacher = run(toggle.set_value(True))
    assert [count for _, count in bars(teacher)] == ["1", "0", "1", "0"]
    teacher = run(button(teacher, "reveal").click())
    for at in (teacher, run(early), run(late), run(silent)):
        assert at.table
        assert said("votes", votes=2) in words(at)
        assert [count for _, count in bars(at)] == ["1", "0", "1", "0"]
        assert sum("✓" in label for label, _ in bars(at)) == 1
    assert [texts.text("lesson.score", "en", right=0, asked=1) in words(at) for at in (early, silent)] == [True, False]


def bars(at: AppTest) -> list[tuple[str, str]]:
    """Return what the bars of votes are called and how many each has."""
    drawn = [element.proto.body for element in at.get("html") if "class='bar'" in element.proto.body]
    return [found for html in drawn[1:] for found in re.findall(r"<span>([^<]*)</span><span>([^<]*)</span>", html)]

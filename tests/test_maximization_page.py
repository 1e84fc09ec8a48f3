"""The page of maximization: what it asks for, what it shows of a job in every state, and that jobs end."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import climbs, results, texts
from pages.shared.maximization_settings import Asked
from pages.shared.selection import TUNED
from tests.test_pages import Open, chosen, run, turn, visit, words
from zfnet import InferenceSession, MaximizationSettings, QueueFullError, Unit, render
from zfnet.geometry import receptive_field
from zfnet.jobs import Jobs, JobView
from zfnet.maximization_settings import PRESETS, STARTS

__all__ = ["visit"]
PATIENCE = 60  # seconds until a test that hangs fails
PREVIEW = climbs.Preview(render.encode_png(np.full((8, 8, 3), 90, np.uint8)), np.array([0.5, 1.25], np.float32))


class Held:
    """Jobs in a state that stays."""

    def __init__(self, view: JobView[Any, Any] | None) -> None:
        self.view = view

    def look(self, key: str, owner: str) -> JobView[Any, Any] | None:
        return self.view

    def submit(self, key: str, owner: str, work: object) -> None:
        raise QueueFullError("16 jobs wait")

    def cancel(self, key: str, owner: str) -> None:
        self.view = replace(self.view, state="stopped") if self.view else None


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs[Any, Any]:
    """Jobs of this test alone."""
    own: Jobs[Any, Any] = Jobs()
    monkeypatch.setattr(climbs, "_jobs", lambda: own)
    return own


def press(at: AppTest, key: str, **values: object) -> AppTest:
    label = texts.text(f"maximization.{key}", chosen(at).language, **values)
    (button,) = (button for button in at.button if button.label == label)
    assert not button.disabled
    return run(button.click())


def finished(at: AppTest) -> AppTest:
    """Look again until the film is there."""
    until = time.monotonic() + PATIENCE
    while ", 32 steps, " not in words(at):
        assert time.monotonic() < until, words(at)
        time.sleep(0.1)
        run(at)
    return at


def test_a_live_maximization_runs_to_its_end_and_stays(visit: Open, jobs: Jobs[Any, Any]) -> None:
    at = visit("maximization", layer="conv1", channel="3", tuning="steps:32")
    name = "conv1:3@56,56"
    finished(press(at, "run", name=name))
    told = texts.text("maximization.measure_cell", "en")
    assert f"{name}, 32 steps, 7×7 pixels. {told}: " in words(at)
    # It stays while other pages are looked at, and is not shown for another unit.
    turn(turn(at, "overview"), "maximization")
    assert f"{name}, 32 steps, 7×7 pixels" in words(at)
    run(at.selectbox(key="choose_channel").set_value(4))
    assert f"{name}, 32 steps" not in words(at)
    assert texts.text("maximization.nothing_yet", "en") in words(at)


def test_what_the_page_makes_is_what_the_session_makes(
    visit: Open,
    jobs: Jobs[Any, Any],
    session: InferenceSession,
) -> None:
    at = visit("maximization", layer="conv2", channel="17", goal="map", preset="decay", tuning="steps:32", seed="3")
    finished(press(at, "run", name="conv2:17"))
    (made,) = session.maximize(["conv2:17"], replace(PRESETS["decay"], steps=32, seed=3))
    ends = f"{results.rounded(made.curve[0])} → {results.rounded(made.curve[-1])}"
    assert ends in words(at)


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize(
    ("view", "key", "values"),
    [
        (JobView("waiting", place=2), "waiting", {"place": 3}),
        (JobView("running", done=12, of=256, preview=PREVIEW), "progress", {"step": 12, "steps": 256, "left": 244}),
        (JobView("stopped", done=12, of=256, preview=PREVIEW), "stopped", {"step": 12, "steps": 256}),
    ],
)
def test_a_job_is_told_in_every_state(
    visit: Open,
    monkeypatch: pytest.MonkeyPatch,
    view: JobView[Any, Any],
    *,
    key: str,
    values: dict[str, int],
    language: str,
) -> None:
    monkeypatch.setattr(climbs, "_jobs", lambda: Held(view))
    at = visit("maximization", lang=language)
    said = texts.text(f"maximization.{key}", language, **values)
    bars = [bar.proto.text for bar in at.get("progress")]
    assert said in bars or said in words(at)
    growing = "until_then" if view.state == "stopped" else "so_far"
    shown = texts.text(f"maximization.{growing}", language, start="0.50", now="1.25")
    drawn = [html.proto.body for html in at.get("html") if shown in html.proto.body]
    assert len(drawn) == (view.preview is not None)
    assert all(body.count("<img src='data:image/") == 2 for body in drawn)
    stoppable = [b for b in at.button if b.label == texts.text("maximization.stop", language) and not b.disabled]
    assert bool(stoppable) == (view.state != "stopped")


def test_a_failure_is_told_with_its_sentence_or_as_a_defect(
    visit: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error, said in (("no such unit", "no such unit"), (None, texts.text("frame.defect", "en"))):
        monkeypatch.setattr(climbs, "_jobs", lambda error=error: Held(JobView("failed", error=error)))
        at = visit("maximization")
        assert said in [box.value for box in at.error]


def test_a_full_queue_is_told_and_the_next_attempt_is_open(
    visit: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(climbs, "_jobs", lambda: Held(None))
    at = visit("maximization", layer="conv2", channel="17")
    press(at, "run", name="conv2:17@14,14")
    assert [box.value for box in at.warning] == [texts.text("maximization.queue_full", "en")]
    press(at, "run", name="conv2:17@14,14")


def test_a_stop_stops_and_leaves_what_there_is(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(JobView("running", done=12, of=256, preview=PREVIEW))
    monkeypatch.setattr(climbs, "_jobs", lambda: held)
    at = visit("maximization")
    press(at, "stop")
    assert texts.text("maximization.stopped", "en", step=12, steps=256) in words(at)


# What is asked for


def wanted(at: AppTest, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return what the page asks for when it is run once more."""
    asked: list[Asked] = []
    live = climbs.live
    with monkeypatch.context() as patch:
        patch.setattr(climbs, "live", lambda of: (asked.append(of), live(of)))
        run(at)
    return asked[-1]


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ({"layer": "conv3", "channel": "5"}, Unit("conv3", 5, (7, 7))),
        ({"layer": "conv3", "channel": "5", "position": "2,3"}, Unit("conv3", 5, (2, 3))),
        ({"layer": "conv3", "channel": "5", "position": "2,3", "goal": "map"}, Unit("conv3", 5)),
        ({"layer": "fc6", "channel": "5", "goal": "map"}, Unit("fc6", 5)),
        ({"class": "207", "goal": "class"}, Unit("fc8", 207)),
        ({"class": "207", "goal": "class", "head": "gap"}, Unit("gap", 207)),
    ],
)
def test_the_goal_decides_what_is_driven(
    visit: Open,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str],
    *,
    unit: Unit,
) -> None:
    monkeypatch.setattr(climbs, "_jobs", lambda: Held(None))
    assert wanted(visit("maximization", **query), monkeypatch).unit == unit


def test_the_settings_are_a_preset_and_what_is_tuned(
    visit: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(climbs, "_jobs", lambda: Held(None))
    at = visit("maximization", preset="smooth", tuning="l2:5,steps:64", beginning="grey", seed="9")
    expected = replace(PRESETS["smooth"], l2=5.0, steps=64, start="grey", seed=9)
    assert wanted(at, monkeypatch).settings == expected
    assert at.slider(key="tune_steps").value == 64
    run(at.slider(key="tune_jitter").set_value(8))
    assert chosen(at).tuning == (("jitter", 8.0), ("l2", 5.0), ("steps", 64.0))
    # What is set back to the preset's own value is no longer tuned; another preset begins untuned.
    run(at.slider(key="tune_l2").set_value(PRESETS["smooth"].l2))
    assert chosen(at).tuning == (("jitter", 8.0), ("steps", 64.0))
    run(
        at.get("button_group")[1].set_value(["normal"])
        if False
        else at.segmented_control(key="choose_preset").set_value("normal")
    )
    assert chosen(at).tuning == ()
    assert wanted(at, monkeypatch).settings == replace(PRESETS["normal"], start="grey", seed=9)


def test_every_slider_holds_the_values_of_every_preset() -> None:
    for preset in PRESETS.values():
        for name, (low, high, step) in TUNED.items():
            places = (getattr(preset, name) - low) / step
            assert low <= getattr(preset, name) <= high
            assert places == pytest.approx(round(places))
    assert {preset.start for preset in PRESETS.values()} <= set(STARTS)
    assert MaximizationSettings() == PRESETS["normal"]


def test_a_result_is_named_by_all_that_it_depends_on(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    class Listening(Held):
        def look(self, key: str, owner: str) -> None:
            keys.append(key)

    monkeypatch.setattr(climbs, "_jobs", lambda: Listening(None))
    queries: list[dict[str, str]] = [
        {}, {"seed": "1"}, {"channel": "3"}, {"position": "1,1"}, {"preset": "best"}, {"tuning": "steps:64"},
        {"beginning": "picture"}, {"beginning": "picture", "image": "palace"},
    ]  # fmt: skip
    distinct = set()
    for query in queries:
        visit("maximization", **({"channel": "2"} | query))
        distinct.add(keys[-1])
    assert len(distinct) == len(queries)
    visit("maximization", channel="2", image="palace")
    assert keys[-1] in distinct  # noise does not depend on the picture


def test_four_at_once_are_shown_as_one_picture(visit: Open, jobs: Jobs[Any, Any], session: InferenceSession) -> None:
    at = visit("maximization", layer="conv2", channel="17", four="1", negative="1", tuning="steps:32")
    name = "conv2:17@14,14"
    finished(press(at, "run", name=name))
    side = receptive_field(session.info.config, "conv2").size
    measure = texts.text("maximization.measure_cell", "en")
    told = texts.text("maximization.measure_negative", "en", measured=measure)
    assert f"{name}, 32 steps, {side}×{side} pixels. {told}: " in words(at)
    settings = replace(PRESETS["normal"], steps=32, diversity=1.0, negative=True)
    made = session.maximize([name] * 4, settings)
    assert f"→ {np.mean([one.curve[-1] for one in made]):.2f}." in words(at)

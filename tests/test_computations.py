"""The log of computations: one line for each, with what it cost, and nothing of what is in a picture."""

import json
import logging
import sys
import threading
from functools import partial

import numpy as np
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from pages.shared import logs
from pages.shared.metrics import Counting
from zfnet import Cancelled, InferenceSession, SelectionError
from zfnet.computations import unasked
from zfnet.images import digest

LOGGER = "zfnet.computations"
FIELDS = {"method", "ms", "wait_ms", "hit", "picture", "outcome"}


def picture(seed: int) -> Image.Image:
    """A view that no other test has shown."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (224, 224, 3), np.uint8))


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


def told(log: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.fields for record in log.records if record.name == LOGGER]  # type: ignore[attr-defined]


def test_each_call_is_one_line_however_many_methods_it_uses(
    session: InferenceSession, log: pytest.LogCaptureFixture
) -> None:
    view = picture(1)
    session.guided_gradcam(view, 3)
    (line,) = told(log)
    assert set(line) == FIELDS
    assert (line["method"], line["outcome"], line["hit"]) == ("guided_gradcam", "done", False)
    assert 0 <= float(str(line["wait_ms"])) <= float(str(line["ms"]))


def test_a_picture_that_was_traced_before_is_a_hit(session: InferenceSession, log: pytest.LogCaptureFixture) -> None:
    view = picture(2)
    session.classify(view)
    session.deconvnet(view, ["conv5:1"])
    session.filters("conv1")
    assert [(line["method"], line["hit"]) for line in told(log)] == [
        ("classify", False),
        ("deconvnet", True),
        ("filters", None),
    ]


def test_a_picture_is_told_by_the_start_of_its_digest_only(
    session: InferenceSession, log: pytest.LogCaptureFixture
) -> None:
    view = picture(3)
    session.classify(view)
    assert told(log)[0]["picture"] == digest(view)[:12]
    assert digest(view)[:13] not in "".join(logs.JsonLines().format(record) for record in log.records)


def test_what_failed_and_what_was_stopped_is_told_apart(
    session: InferenceSession, log: pytest.LogCaptureFixture
) -> None:
    view = picture(4)
    session.trace(view)
    with pytest.raises(SelectionError):
        session.deconvnet(view, ["fc8:1"])
    with pytest.raises(Cancelled):
        session.occlusion(view, 3, cancel=lambda: True)
    with pytest.raises(KeyboardInterrupt):
        session.occlusion(view, 3, cancel=interrupt)
    assert [line["outcome"] for line in told(log)] == ["done", "failed", "stopped", "stopped"]


def interrupt() -> bool:
    raise KeyboardInterrupt


def test_the_time_in_the_queue_is_told(session: InferenceSession, log: pytest.LogCaptureFixture) -> None:
    view, places = picture(5), session._places
    session.trace(view)
    for _ in range(session.slots):
        places.enter()
    threading.Timer(0.2, lambda: [places.leave() for _ in range(session.slots)]).start()
    session.deconvnet(view, ["conv5:1"])
    waited = float(str(told(log)[-1]["wait_ms"]))
    assert 150 < waited <= float(str(told(log)[-1]["ms"]))


def test_who_waits_for_another_thread_with_the_same_picture_waits_and_hits(
    session: InferenceSession, log: pytest.LogCaptureFixture
) -> None:
    view = picture(6)
    threads = [threading.Thread(target=session.trace, args=(view,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bool(line["hit"]) for line in told(log)) == [False, True]


def test_nothing_is_measured_where_nobody_wants_it(session: InferenceSession, log: pytest.LogCaptureFixture) -> None:
    log.set_level(logging.WARNING, LOGGER)
    session.classify(picture(7))
    assert not told(log)


def test_a_line_of_the_log_is_json_with_its_fields() -> None:
    record = logging.LogRecord("zfnet.x", logging.INFO, "", 0, "%s of %d", ("one", 2), None)
    record.fields = {"method": "trace", "ms": 1.5}
    line = json.loads(logs.JsonLines().format(record))
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "info", "logger": "zfnet.x", "message": "one of 2", "method": "trace", "ms": 1.5}


def test_a_failure_is_still_one_line() -> None:
    try:
        interrupt()
    except KeyboardInterrupt:
        failed = sys.exc_info()
    line = logs.JsonLines().format(logging.LogRecord("zfnet", logging.ERROR, "", 0, "failed", (), failed))
    assert "\n" not in line
    assert "KeyboardInterrupt" in json.loads(line)["error"]


def test_computations_are_counted_for_prometheus(session: InferenceSession) -> None:
    labels = {"method": "classify", "outcome": "done", "hit": "true"}
    view, counting, logger = picture(8), Counting(), logging.getLogger(LOGGER)
    session.trace(view)
    counted = partial(REGISTRY.get_sample_value, "zfnet_computation_seconds_count", labels)
    before = counted() or 0
    logger.addHandler(counting)
    try:
        session.classify(view)
    finally:
        logger.removeHandler(counting)
    assert counted() == before + 1


@pytest.mark.parametrize(("asked", "written"), [("debug", 3), ("INFO", 2), ("warning", 1), ("error", 0), ("loud", 3)])
def test_the_level_of_the_log_can_be_chosen(
    asked: str, written: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZFNET_LOG", asked)
    loggers = [logging.getLogger(name) for name in ("", "zfnet", "pages", LOGGER)]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    try:
        logs.configure()
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger("zfnet.x").log(level, "said")
    finally:
        for logger, (level, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers = handlers
    assert len(capsys.readouterr().err.splitlines()) == written


def test_what_nobody_asked_for_is_no_line_unless_asked_to_debug(
    session: InferenceSession, log: pytest.LogCaptureFixture
) -> None:
    with unasked():
        session.classify(picture(30))
    assert told(log) == []
    log.set_level(logging.DEBUG, LOGGER)
    with unasked():
        session.classify(picture(31))
    session.classify(picture(32))
    assert [record.levelname for record in log.records if record.name == LOGGER] == ["DEBUG", "INFO"]

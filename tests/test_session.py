"""The shared backend: one forward pass a picture, everybody their own answer, a bound on what runs, nothing changed."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zfnet import (
    Cancelled,
    InferenceSession,
    InvalidCheckpointError,
    MaximizationSettings,
    SelectionError,
    crop,
    deconvnet,
    host,
)
from zfnet.checkpoint import EMBEDDED, Checkpoint, read_checkpoint
from zfnet.geometry import LAYERS, TABLE
from zfnet.window import Window

USERS = 30
CPU = torch.device("cpu")
PATIENCE = 20  # seconds until a test that hangs fails
UNITS = ["conv2:3", "conv5:17"]
SHORT = MaximizationSettings(steps=1, size=48)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return read_checkpoint(EMBEDDED)


@pytest.fixture
def fresh(checkpoint: Checkpoint) -> InferenceSession:
    """A session that has seen nothing yet."""
    return InferenceSession(checkpoint, CPU)


@pytest.fixture
def single(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> InferenceSession:
    """A session in which one computation runs at a time."""
    monkeypatch.setattr(host, "_cores", lambda: 1)
    return InferenceSession(checkpoint, CPU)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """One picture for each user, all different."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (USERS, 8, 8, 3), dtype=np.uint8)
    return [Image.fromarray(c).resize((224, 224), Image.Resampling.BICUBIC) for c in coarse]


def count_passes(session: InferenceSession, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return a list that grows by the shape of the input at every forward pass."""
    passes: list[tuple[int, ...]] = []
    trace = session._model.trace

    def counted(x: torch.Tensor, until: str | None = None) -> Any:
        passes.append(tuple(x.shape))
        return trace(x, until)

    monkeypatch.setattr(session._model, "trace", counted)
    return passes


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Return the results of calls that are made from as many threads at the same time."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls, timeout=3 * PATIENCE))


@contextmanager
def occupied(session: InferenceSession) -> Iterator[None]:
    """Hold every place of a session."""
    with ExitStack() as places:
        for _ in range(session.slots):
            places.enter_context(session._compute(patience()))
        yield


def patience() -> Callable[[], bool]:
    """Return a ``cancel`` that says stop after a while: what would wait for ever fails instead."""
    deadline = time.monotonic() + PATIENCE
    return lambda: time.monotonic() > deadline


def eventually(true: Callable[[], bool]) -> None:
    over = patience()
    while not true():
        assert not over()
        time.sleep(0.001)


# Everybody their own answer


def answers(session: InferenceSession, picture: Image.Image, kind: int) -> list[np.ndarray]:
    """Return the probabilities and, by turns, a projection, class maps or feature maps."""
    methods: list[Callable[[], list[np.ndarray]]] = [
        lambda: [p.pixels for p in session.deconvnet(picture, ["conv3:5", "conv5:17"])],
        lambda: [m.values for m in session.class_activation(picture, [207, 281])],
        lambda: [session.feature_maps(picture, "conv4").values],
    ]
    return [session.classify(picture).probabilities, *methods[kind % 3]()]


def test_thirty_users_at_once_get_the_answers_for_their_own_pictures(
    fresh: InferenceSession, checkpoint: Checkpoint, pictures: list[Image.Image]
) -> None:
    alone = InferenceSession(checkpoint, CPU)
    expected = [answers(alone, picture, i) for i, picture in enumerate(pictures)]
    assert min(np.abs(a[0] - b[0]).max() for i, a in enumerate(expected) for b in expected[:i]) > 1e-4
    got = at_once([partial(answers, fresh, picture, i) for i, picture in enumerate(pictures)])
    for mine, right in zip(got, expected, strict=True):
        for a, b in zip(mine, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6 * np.abs(b).max())


def test_thirty_users_of_the_same_picture_cause_one_forward_pass(
    fresh: InferenceSession, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = count_passes(fresh, monkeypatch)
    traces = at_once([lambda: fresh.trace(sample.copy())] * USERS)
    assert passes == [(1, 3, 224, 224)]
    assert all(trace is traces[0] for trace in traces)


def test_no_method_repeats_the_forward_pass_of_a_traced_picture(
    fresh: InferenceSession, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = count_passes(fresh, monkeypatch)
    fresh.classify(sample)
    fresh.classify(sample, head="gap")
    fresh.feature_maps(sample, "conv1")
    fresh.deconvnet(sample, UNITS)
    fresh.class_activation(sample, [0, 1])
    assert len(passes) == 1


def test_any_other_picture_is_centre_cropped(fresh: InferenceSession, sample: Image.Image) -> None:
    wide = sample.resize((400, 300))
    assert fresh.trace(wide) is fresh.trace(crop(wide))
    assert torch.equal(fresh.prepare(wide), fresh.prepare(crop(wide)))
    assert fresh.trace(wide) is not fresh.trace(sample)


def test_a_prepared_picture_is_normalised_as_the_checkpoint_says(
    session: InferenceSession, sample: Image.Image
) -> None:
    x = session.prepare(sample)
    assert (x.dtype, tuple(x.shape), x.device) == (torch.float32, (1, 3, 224, 224), CPU)
    pixels = (np.asarray(sample) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(x[0].numpy(), pixels.transpose(2, 0, 1), atol=1e-5)


def test_who_writes_into_a_result_changes_nobody_elses(fresh: InferenceSession, sample: Image.Image) -> None:
    for layer in LAYERS:
        for rectified in (True, False):
            before = fresh.feature_maps(sample, layer, rectified=rectified).values
            kept = before.copy()
            before[:] = -1
            assert (fresh.feature_maps(sample, layer, rectified=rectified).values == kept).all()


# The traces that are kept


def test_traces_are_kept_within_the_bound_and_the_least_recently_used_goes_first(
    checkpoint: Checkpoint, pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZFNET_TRACE_MB", "25")
    session = InferenceSession(checkpoint, CPU)
    passes = count_passes(session, monkeypatch)

    def passes_for(*which: int) -> int:
        before = len(passes)
        for i in which:
            session.trace(pictures[i])
        return len(passes) - before

    assert 10 * 2**20 < session.trace(pictures[0]).nbytes < 12.5 * 2**20
    assert passes_for(0, 1, 0) == 1
    assert passes_for(2) == 1  # pushes out 1, which was used before 0
    assert passes_for(2, 0) == 0
    assert passes_for(1) == 1
    assert sum(trace.nbytes for trace in session._traces._held.values()) <= 25 * 2**20


def test_the_newest_trace_is_kept_even_beyond_the_bound(
    checkpoint: Checkpoint, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZFNET_TRACE_MB", "0")
    session = InferenceSession(checkpoint, CPU)
    assert session.trace(sample) is session.trace(sample)


def test_a_bound_that_is_no_number_is_refused(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZFNET_TRACE_MB", "lots")
    with pytest.raises(SelectionError, match="ZFNET_TRACE_MB must be a whole number, got 'lots'"):
        InferenceSession(checkpoint, CPU)


def test_a_failed_forward_pass_is_tried_again(
    fresh: InferenceSession, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(fresh._model, "trace", fail)
        for _ in range(fresh.slots + 1):
            with pytest.raises(MemoryError):
                fresh.trace(sample, cancel=patience())
    assert fresh.classify(sample, cancel=patience()).classes


def fail(*_: object, **__: object) -> None:
    raise MemoryError


# How much runs at once


@pytest.mark.parametrize(("cores", "threads", "slots"), [(8, 2, 4), (2, 2, 1), (1, 4, 1), (7, 2, 3)])
def test_slots_times_threads_stay_within_the_cores(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, *, cores: int, threads: int, slots: int
) -> None:
    monkeypatch.setattr(host, "_cores", lambda: cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert InferenceSession(checkpoint, CPU).slots == slots


def test_as_many_computations_run_at_once_as_there_are_slots(
    checkpoint: Checkpoint, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_cores", lambda: 3)
    session = InferenceSession(checkpoint, CPU)
    session.trace(sample)
    running, most, lock, pullback_cells = 0, 0, threading.Lock(), deconvnet.pullback_cells
    three = threading.Barrier(3)

    def watched(*args: Any, **options: Any) -> list[Window]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait(PATIENCE)  # breaks unless three are in here together
        try:
            return pullback_cells(*args, **options)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(deconvnet, "pullback_cells", watched)
    at_once([lambda: session.deconvnet(sample, ["conv1:0"])] * 12)
    assert (session.slots, most, running) == (3, 3, 0)


@pytest.mark.parametrize("method", ["trace", "deconvnet", "class_activation", "maximize"])
@pytest.mark.parametrize("end", [Cancelled, KeyboardInterrupt])
def test_a_call_that_waits_can_be_given_up_and_leaves_its_place_to_others(
    fresh: InferenceSession, sample: Image.Image, method: str, end: type[BaseException]
) -> None:
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        if asked > 1 and end is not Cancelled:
            raise end
        return asked > 1

    calls: dict[str, Callable[[], Any]] = {
        "trace": lambda: fresh.trace(sample, cancel=cancel),
        "deconvnet": lambda: fresh.deconvnet(sample, UNITS, cancel=cancel),
        "class_activation": lambda: fresh.class_activation(sample, [1], cancel=cancel),
        "maximize": lambda: fresh.maximize(["conv1:0"], SHORT, cancel=cancel),
    }
    if method != "trace":
        fresh.trace(sample)
    with occupied(fresh), pytest.raises(end):
        calls[method]()
    assert asked == 2
    with occupied(fresh):  # every place is free again
        pass


def test_a_call_that_waits_for_another_to_trace_the_same_picture_can_be_cancelled(
    fresh: InferenceSession, sample: Image.Image
) -> None:
    with ThreadPoolExecutor() as pool:
        with occupied(fresh):
            first = pool.submit(fresh.classify, sample)
            time.sleep(0.1)
            with pytest.raises(Cancelled, match="stopped while waiting for a free place"):
                fresh.trace(sample, cancel=lambda: True)
            assert not first.done()
        assert first.result(PATIENCE).classes


def test_a_cancelled_forward_pass_is_left_to_the_next_who_waits_for_it(
    fresh: InferenceSession, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = count_passes(fresh, monkeypatch)
    leave = threading.Event()
    with ThreadPoolExecutor() as pool:
        with occupied(fresh):
            first = pool.submit(fresh.trace, sample, cancel=leave.is_set)
            second = pool.submit(fresh.classify, sample)
            leave.set()
            assert isinstance(first.exception(PATIENCE), Cancelled)
            assert not second.done()
        assert second.result(PATIENCE).classes
    assert len(passes) == 1


def test_an_exception_frees_its_slot(
    fresh: InferenceSession, sample: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(deconvnet, "pullback_cells", fail)
        for _ in range(fresh.slots + 1):
            with pytest.raises(MemoryError):
                fresh.deconvnet(sample, UNITS, cancel=patience())
            with pytest.raises(SelectionError):
                fresh.class_activation(sample, [1000], cancel=patience())
    with occupied(fresh):
        pass


def test_places_are_handed_over_in_the_order_of_asking(single: InferenceSession) -> None:
    order: list[int] = []

    def in_line(count: int) -> bool:
        return len(single._places._line) == count

    def work(number: int) -> None:
        with single._compute():
            order.append(number)

    with ThreadPoolExecutor(USERS) as pool, occupied(single):
        for number in range(USERS):
            pool.submit(work, number)
            eventually(partial(in_line, number + 1))
    assert order == list(range(USERS))


def test_a_short_call_goes_in_between_the_steps_of_a_long_one(
    single: InferenceSession, pictures: list[Image.Image]
) -> None:
    steps, stop, started = 0, threading.Event(), threading.Event()

    def progress(done: int, _: object) -> None:
        nonlocal steps
        steps = done
        started.set()

    settings = MaximizationSettings(steps=4000, size=64)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(single.maximize, ["conv3:5"], settings, progress=progress, cancel=stop.is_set)
        try:
            assert started.wait(PATIENCE)
            for picture in pictures[:5]:
                before = steps
                single.classify(picture)
                assert steps - before < 10
        finally:
            stop.set()
        with pytest.raises(Cancelled):
            job.result(PATIENCE)


# What is loaded


def test_the_info_says_what_is_loaded(session: InferenceSession, checkpoint: Checkpoint) -> None:
    info = session.info
    assert (info.checkpoint_id, info.checkpoint_name) == (checkpoint.id, "zfnet.safetensors")
    assert info.config == TABLE
    assert info.labels.name(207, "ko") == "골든 리트리버"
    assert info.evaluation["imagenette"]["n"] == 3925
    assert info.ranks == {"fc6": 256, "fc7": 256}
    assert info.heads == ("fc", "gap")
    assert info.device == "cpu"


def test_the_architecture_has_a_row_for_every_layer_and_for_the_averaging_head(
    session: InferenceSession, checkpoint: Checkpoint, sample: Image.Image
) -> None:
    rows = session.architecture()
    assert [row.name for row in rows] == [*LAYERS, "gap"]
    assert [row.rank for row in rows if row.rank] == [256, 256]
    plain = {name: tensor for name, tensor in checkpoint.tensors.items() if not name.startswith("gap.")}
    headless = InferenceSession(replace(checkpoint, tensors=plain), CPU)
    assert headless.info.heads == ("fc",)
    assert [row.name for row in headless.architecture()] == list(LAYERS)
    with pytest.raises(SelectionError, match="this network's heads are fc, got 'gap'"):
        headless.classify(sample, head="gap")


def test_a_checkpoint_comes_from_the_argument_else_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.symlink_to(EMBEDDED)
    monkeypatch.setenv("ZFNET_CHECKPOINT", str(mine))
    assert InferenceSession.load(device="cpu").info.checkpoint_name == "mine.safetensors"
    assert InferenceSession.load(str(EMBEDDED), device="cpu").info.checkpoint_name == "zfnet.safetensors"
    monkeypatch.setenv("ZFNET_CHECKPOINT", str(tmp_path / "gone.safetensors"))
    with pytest.raises(InvalidCheckpointError, match=r"there is no checkpoint at .*gone\.safetensors"):
        InferenceSession.load(device="cpu")


def test_the_device_comes_from_the_argument_else_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZFNET_DEVICE", "abacus")
    assert InferenceSession.load(device="cpu").info.device == "cpu"
    with pytest.raises(SelectionError, match="there is no device 'abacus' here"):
        InferenceSession.load()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for value in ("cpu", ""):  # an empty variable is an unset one
        monkeypatch.setenv("ZFNET_DEVICE", value)
        assert InferenceSession.load().info.device == "cpu"


@pytest.mark.parametrize("device", ["gpu", "meta", "mps", "hpu", "cuda:99", "cuda:-1", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(SelectionError) as caught:
        InferenceSession.load(device=device)
    assert str(caught.value) == f"there is no device {device!r} here; use cpu, or cuda with an NVIDIA card and driver"


# Nothing changed


def test_no_method_changes_the_model_or_anything_global(fresh: InferenceSession, sample: Image.Image) -> None:
    model, pixels, randomness = fresh._model, sample.tobytes(), torch.random.get_rng_state()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trace = fresh.trace(sample)
    values = {name: tensor.clone() for name, tensor in trace.outputs.items()}

    def refused(call: Callable[[], Any]) -> None:
        with pytest.raises(SelectionError):
            call()

    fresh.prepare(sample)
    fresh.architecture()
    fresh.filters("conv1")[:] = 0
    fresh.classify(sample)
    fresh.feature_maps(sample, "conv1")
    fresh.deconvnet(sample, UNITS)
    fresh.class_activation(sample, [1, 2])
    fresh.overwriting(sample, UNITS)
    fresh.lost(sample, "pool2")
    fresh.randomised("conv1", seed=1).class_activation(sample, [1])
    fresh.maximize(["conv3:1", "fc8:207"], SHORT)
    refused(lambda: fresh.filters("fc6"))
    refused(lambda: fresh.classify(sample, top=0))
    refused(lambda: fresh.feature_maps(sample, "conv6"))
    refused(lambda: fresh.deconvnet(sample, ["conv5:300"]))
    refused(lambda: fresh.class_activation(sample, [1], methods=["guess"]))
    refused(lambda: fresh.maximize(["conv5:1@14,0"], SHORT))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    for parameter in model.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None
    for module in model.modules():
        assert not module.training
        hooks = [value for name, value in vars(module).items() if "hook" in name and isinstance(value, dict)]
        assert hooks
        assert not any(hooks)
    for name, tensor in fresh.trace(sample).outputs.items():
        assert torch.equal(tensor, values[name]), name
        assert not tensor.requires_grad
    assert sample.tobytes() == pixels
    assert torch.equal(torch.random.get_rng_state(), randomness)
    assert torch.is_grad_enabled()

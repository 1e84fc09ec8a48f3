"""Activation maximization: what drives a unit rises, pixels are fixed by the seed, steps yield and stop."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.oracle import narrow, random_network
from zfnet import Cancelled, InferenceSession, MaximizationSettings, SelectionError, Unit, crop, decode_image
from zfnet.climb import Climbed, _adam
from zfnet.geometry import GEOMETRIES, receptive_field
from zfnet.maximization import maximize
from zfnet.maximization_settings import PRESETS
from zfnet.model import ZFNet
from zfnet.objective import Objective
from zfnet.transformation import Transformation

ROOT = Path(__file__).resolve().parent.parent
QUICK = MaximizationSettings(steps=2, size=48)
SHORT = MaximizationSettings(steps=24, size=64)


def normalise(x: Tensor) -> Tensor:
    return (x - 0.45) / 0.225


def units(*names: str) -> list[Unit]:
    return [Unit.parse(name) for name in names]


def driven(embedded: ZFNet, image: np.ndarray, name: str, move: Callable[[Tensor], Tensor] = lambda x: x) -> float:
    """Return what drives a unit in a picture that is shown, moved a little or not."""
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255
    objective = Objective(embedded, units(name))
    return float(objective.drive(objective.cells(normalise(move(x)))[0])[0])


# The climb


@pytest.mark.parametrize("name", ["conv1:0", "conv3:17", "conv3:100", "pool5:17", "gap:207"])
def test_what_drives_a_unit_rises_and_the_last_value_is_that_of_the_picture_shown(embedded: ZFNet, name: str) -> None:
    (result,) = maximize(embedded, units(name), SHORT, normalise)
    start = result.curve[0]
    assert result.curve[-1] > max(2 * start, start + 0.05)
    assert result.curve[-1] == pytest.approx(driven(embedded, result.image, name), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "side", "rise"), [("conv3:17@6,9", 75, 1), ("conv5:17@0,6", 139, 0.5), ("fc8:207", 224, 2)]
)
def test_a_cell_and_a_class_rise_on_a_canvas_of_their_own(embedded: ZFNet, name: str, side: int, rise: float) -> None:
    (result,) = maximize(embedded, units(name), replace(SHORT, steps=8), normalise)
    assert result.image.shape[1] == side
    assert result.curve[-1] > result.curve[0] + rise
    assert result.curve[-1] == pytest.approx(driven(embedded, result.image, name), rel=1e-3)


def test_the_default_beats_plain_pixels_and_the_best_sample_picture_at_equal_steps(
    embedded: ZFNet, session: InferenceSession
) -> None:
    channel, steps = 60, 64
    name = f"conv5:{channel}"
    made = {preset: session.maximize([name], replace(PRESETS[preset], steps=steps))[0] for preset in ("none", "normal")}
    # The noise of plain pixels is built on exact positions: it counts for less when it is moved by a few pixels.
    generator, move = torch.Generator().manual_seed(9), Transformation(padding=0)
    moved = {
        preset: np.mean([driven(embedded, result.image, name, lambda x: move(x, generator)) for _ in range(20)])
        for preset, result in made.items()
    }
    assert moved["normal"] > 1.5 * moved["none"] > 0
    files = list((ROOT / "assets" / "samples").glob("*.jpg"))
    views = [crop(decode_image(path.read_bytes())) for path in files]
    samples = [float(session.feature_maps(view, "conv5").values[channel].mean()) for view in views]
    assert len(samples) > 10
    assert made["normal"].curve[-1] > 2 * max(samples)


def test_waves_beat_pixels_where_nothing_else_differs(session: InferenceSession) -> None:
    still = replace(PRESETS["none"], steps=64)
    for name in ("conv5:60", "conv3:17"):
        (pixels,) = session.maximize([name], still)
        (waves,) = session.maximize([name], replace(still, parametrisation="fourier", learning_rate=0.4))
        assert waves.curve[-1] > pixels.curve[-1] > 0, name


def test_the_plainest_climb_finds_the_filters_of_the_first_layer(session: InferenceSession) -> None:
    weights = session.filters("conv1")  # (96, 3, 7, 7)
    norms = np.sqrt((weights**2).sum((1, 2, 3)))
    live = np.flatnonzero(norms > 0.03 * norms.max())
    settings = replace(PRESETS["decay"], steps=200)
    made = session.maximize([Unit("conv1", int(channel), (50, 50)) for channel in live], settings)
    correlations = []
    for channel, result in zip(live, made, strict=True):
        assert result.image.shape == (7, 7, 3)
        values = result.image.astype(float).transpose(2, 0, 1)
        correlations.append(abs(np.corrcoef(values.ravel(), weights[channel].ravel())[0, 1]))
    assert len(live) > 60
    assert np.median(correlations) >= 0.8


def test_a_silent_unit_is_named_and_still_climbed(session: InferenceSession) -> None:
    (result,) = session.maximize(["conv5:17@6,6"], replace(SHORT, steps=48))
    assert result.silent
    assert result.curve[0] <= 0 < result.curve[-1]
    assert np.ptp(result.image) > 100
    (loud,) = session.maximize(["conv1:0"], QUICK)
    assert not loud.silent
    (logit,) = session.maximize(["fc8:5"], QUICK)
    assert not logit.silent


def test_the_plain_logit_is_highest_for_a_picture_that_says_nothing(embedded: ZFNet, session: InferenceSession) -> None:
    # Why classes are climbed against the average class; a checkpoint whose logits are centred may drop this test.
    settings = MaximizationSettings(steps=40)
    (plain,) = session.maximize(["fc8:497"], replace(settings, centred=False))
    (centred,) = session.maximize(["fc8:497"], settings)
    best, other = (
        embedded.trace(normalise(torch.from_numpy(m.image.copy()).permute(2, 0, 1)[None] / 255)).outputs["fc8"][0]
        for m in (centred, plain)
    )
    assert best.argmax() == 497
    assert other.softmax(0)[497] < 0.1 * best.softmax(0)[497]
    assert other[497] > best[497]


# Where it starts and what lies between


def test_it_starts_from_noise_from_grey_or_from_the_picture(session: InferenceSession) -> None:
    view = crop(decode_image((ROOT / "assets" / "samples" / "golden_retriever.jpg").read_bytes()))
    pixels = np.asarray(view)
    for parametrisation in ("fourier", "pixels"):
        settings = replace(QUICK, parametrisation=parametrisation, size=224, coarse_to_fine=False)
        noise, grey = (
            session.maximize(["conv5:17"], replace(settings, start=start))[0].frames[0][1]
            for start in ("noise", "grey")
        )
        assert 0 < noise.std() < 40
        assert (grey == 128).all()
        (whole,) = session.maximize(["conv5:17"], replace(settings, start="picture"), picture=view)
        assert np.abs(whole.frames[0][1].astype(int) - pixels).max() <= 1
        (cell,) = session.maximize(["conv5:17@6,6"], replace(settings, start="picture"), picture=view)
        top, left, bottom, right = receptive_field(session.info.config, "conv5").box(6, 6)
        assert np.abs(cell.frames[0][1].astype(int) - pixels[top:bottom, left:right]).max() <= 1
    with pytest.raises(SelectionError, match="start='picture' needs a picture to start from, got none"):
        session.maximize(["conv5:17"], replace(QUICK, start="picture"))


def test_frames_lead_from_the_start_to_the_end(session: InferenceSession) -> None:
    (result,) = session.maximize(["conv2:17"], replace(SHORT, steps=100))
    steps = [step for step, _ in result.frames]
    assert (steps[0], steps[-1]) == (0, 100)
    assert 20 <= len(steps) <= 25
    between = np.diff(steps)
    assert between.min() >= 1
    assert between[:5].max() < between[-5:].min()
    assert (result.frames[-1][1] == result.image).all()
    (few,) = session.maximize(["conv2:17"], replace(SHORT, steps=3))
    assert [step for step, _ in few.frames] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("conv5:17", [(256, 128)]),
        ("fc8:207", [(64, 112), (64, 159), (128, 224)]),
        ("conv5:17@6,6", [(256, 139)]),
    ],
)
def test_the_canvas_grows_and_the_last_steps_are_on_the_full_one(
    embedded: ZFNet, monkeypatch: pytest.MonkeyPatch, name: str, sides: list[tuple[int, int]]
) -> None:
    seen: list[int] = []

    def cells(self: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(x.shape[2])
        return x.mean((1, 2, 3))[:, None] * 2, x

    monkeypatch.setattr(Objective, "cells", cells)
    maximize(embedded, units(name), MaximizationSettings(), normalise)
    counts = [(len(list(group)), side) for side, group in groupby(seen[:-1])]
    assert counts == sides
    seen.clear()
    maximize(embedded, units(name), MaximizationSettings(steps=10), normalise)
    assert set(seen) == {sides[-1][1]}


def test_penalties_hold_the_picture_back(session: InferenceSession) -> None:
    base = replace(PRESETS["none"], steps=40, size=64)
    contrast, roughness = [], []
    for penalty in ({}, {"l2": 20.0}, {"total_variation": 20.0}, {"blur": 2000.0}):
        image = session.maximize(["conv3:17"], replace(base, **penalty))[0].image / 255
        contrast.append(image.std())
        roughness.append(np.abs(np.diff(image, axis=1)).mean())
    assert contrast[1] < 0.8 * contrast[0]
    assert max(roughness[2:]) < 0.7 * roughness[0]


def test_what_silences_a_unit_is_found_as_well(session: InferenceSession) -> None:
    (result,) = session.maximize(["conv3:17"], replace(SHORT, negative=True))
    assert result.curve[-1] > result.curve[0] + 0.5
    (driven_,) = session.maximize(["conv3:17"], SHORT)
    assert np.corrcoef(result.image.ravel(), driven_.image.ravel())[0, 1] < 0.5


def test_a_unit_named_several_times_has_pictures_that_differ_and_more_so_when_held_apart(
    session: InferenceSession,
) -> None:
    settings = replace(SHORT, steps=40)

    def alike(pictures: list[np.ndarray]) -> float:
        first, second, third = (picture.astype(float).ravel() for picture in pictures)
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in ((first, second), (first, third), (second, third))]))

    names = ["conv4:100@7,7"] * 3
    free = session.maximize(names, settings)
    apart = session.maximize(names, replace(settings, diversity=2.0))
    (alone,) = session.maximize(names[:1], settings)
    assert np.abs(free[0].image.astype(int) - alone.image).mean() < 2  # rounding grows over the steps
    assert alike([m.image for m in apart]) < alike([m.image for m in free]) < 0.99
    assert all(m.curve[-1] > 0.4 * alone.curve[-1] for m in apart)


def test_bfloat16_makes_as_good_a_picture(session: InferenceSession) -> None:
    settings = replace(SHORT, steps=48)
    exact, rough = (
        session.maximize(["conv3:17"], replace(settings, precision=name))[0] for name in ("float32", "bfloat16")
    )
    assert (exact.image != rough.image).any()
    assert rough.curve[-1] > 0.9 * exact.curve[-1]


def test_bfloat16_is_used_where_the_processor_multiplies_matrices_of_it(
    session: InferenceSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    (exact,) = session.maximize(["conv3:17"], replace(QUICK, precision="float32"))
    for units_there, same in ((False, "float32"), (True, "bfloat16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda there=units_there: {"amx_bf16": there})
        (automatic,) = session.maximize(["conv3:17"], QUICK)
        (expected,) = session.maximize(["conv3:17"], replace(QUICK, precision=same))
        assert (automatic.curve == expected.curve).all()
        assert (automatic.curve == exact.curve).all() == (same == "float32")


# Same seed, same pixels


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(session: InferenceSession) -> None:
    first, again = (session.maximize(["conv2:3", "conv2:4"], SHORT) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert (a.image == b.image).all()
        assert (a.curve == b.curve).all()
    other, _ = session.maximize(["conv2:3", "conv2:4"], replace(SHORT, seed=1))
    assert (other.image != first[0].image).mean() > 0.5


def test_global_randomness_is_neither_used_nor_moved(session: InferenceSession) -> None:
    torch.manual_seed(1)
    (first,) = session.maximize(["conv1:3"], QUICK)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    (second,) = session.maximize(["conv1:3"], QUICK)
    assert (first.image == second.image).all()
    torch.manual_seed(1)
    assert torch.equal(torch.random.get_rng_state(), state)


# Several units


def test_there_is_one_result_for_each_unit_in_the_order_given(session: InferenceSession) -> None:
    names = ["conv3:5", "conv3:7", "conv1:2", "fc8:207", "conv3:5", "pool5:1", "conv2:3@0,0"]
    results = session.maximize(names, replace(QUICK, steps=1))
    assert [str(result.unit) for result in results] == names
    sides = [48, 48, 48, 224, 48, 48, 14]
    assert [result.image.shape for result in results] == [(side, side, 3) for side in sides]
    assert {result.image.dtype for result in results} == {np.dtype(np.uint8)}
    assert {(result.curve.dtype, result.curve.shape) for result in results} == {(np.dtype(np.float32), (2,))}
    assert {result.settings for result in results} == {replace(QUICK, steps=1)}
    assert session.maximize([], QUICK) == ()


def test_a_picture_does_not_depend_on_what_is_made_beside_it(session: InferenceSession) -> None:
    (alone,) = session.maximize(["conv3:17"], SHORT)
    for others in (["conv3:100", "conv3:17"], ["conv3:5@3,3", "conv3:17"]):
        beside = session.maximize(others, SHORT)[1]
        assert np.abs(beside.image.astype(int) - alone.image).max() <= 1
        np.testing.assert_allclose(beside.curve, alone.curve, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_smallest_picture_reaches_the_last_pooling_of_every_geometry(geometry: str) -> None:
    model = random_network(narrow(GEOMETRIES[geometry])).float()
    (result,) = maximize(model, units("pool5:1"), replace(QUICK, steps=1), normalise)
    assert result.image.shape == (48, 48, 3)


# Long work


def test_progress_comes_once_a_step_with_the_pictures_so_far(session: InferenceSession) -> None:
    steps: list[int] = []
    shown: list[Climbed] = []

    def progress(done: int, climbed: Callable[[], Climbed]) -> None:
        steps.append(done)
        shown.append(climbed())

    settings = replace(QUICK, steps=4)
    results = session.maximize(["conv1:3", "conv1:4"], settings, progress=progress)
    assert steps == [1, 2, 3, 4]
    for done, climbed in enumerate(shown, 1):
        assert [(str(p.dtype), p.shape) for p in climbed.images] == [("uint8", (48, 48, 3))] * 2
        assert climbed.curves.shape == (2, done)
    assert (shown[0].images[0] != shown[1].images[0]).any()
    for result, last, curve in zip(results, shown[-1].images, shown[-1].curves, strict=True):
        assert (result.image == last).all()
        assert (result.curve[:-1] == curve).all()


@pytest.mark.parametrize("after", [1, 3])
def test_a_cancelled_climb_stops_within_one_step(session: InferenceSession, after: int) -> None:
    steps: list[int] = []
    with pytest.raises(Cancelled) as caught:
        session.maximize(
            ["conv1:3"], SHORT, progress=lambda done, _: steps.append(done), cancel=lambda: len(steps) >= after
        )
    assert str(caught.value) == f"stopped after {after} of 24 steps"
    assert len(steps) == after


def test_the_slot_is_entered_for_each_step_and_free_in_between(embedded: ZFNet) -> None:
    held, entered, asked = False, 0, 0

    @contextmanager
    def slot() -> Iterator[None]:
        nonlocal held, entered
        assert not held
        held, entered = True, entered + 1
        yield
        held = False

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        assert not held
        return False

    def progress(*_: object) -> None:
        assert not held

    settings = replace(QUICK, steps=5)
    maximize(embedded, units("conv1:3"), settings, normalise, slot=slot, progress=progress, cancel=cancel)
    assert entered == 7  # the first one makes the canvas, the last one looks at the result
    assert asked == 4  # at the end there is nothing left to stop
    assert not held


# What is refused, and what stays


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps goes from 1 to 4096, got 0"),
        ({"steps": 5000}, "steps goes from 1 to 4096, got 5000"),
        ({"size": 47}, "size goes from 48 to 512, got 47"),
        ({"size": 513}, "size goes from 48 to 512, got 513"),
        ({"learning_rate": 0.0}, "learning_rate goes from 0.0001 to 1.0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate goes from 0.0001 to 1.0, got nan"),
        ({"seed": -1}, f"seed goes from 0 to {2**63 - 1}, got -1"),
        ({"jitter": 33}, "jitter goes from 0 to 32, got 33"),
        ({"l2": float("inf")}, "l2 goes from 0 to 1000000.0, got inf"),
        ({"parametrisation": "wavelets"}, "parametrisation is one of fourier, pixels, got 'wavelets'"),
        ({"start": "zebra"}, "start is one of noise, grey, picture, got 'zebra'"),
        ({"precision": "int8"}, "precision is one of auto, float32, bfloat16, got 'int8'"),
    ],
)
def test_settings_outside_their_range_are_refused(setting: dict[str, float], message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        MaximizationSettings(**setting)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conv5:256", "conv5 has 256 channels (0-255), got 256"),
        ("conv5:1@14,0", "the maps of conv5 have 14 rows and 14 columns (counted from 0), got row 14, column 0"),
        ("conv5", "a unit is written conv5:17 or conv5:17@6,9 (row, column), got 'conv5'"),
    ],
)
def test_a_unit_that_does_not_exist_is_refused_before_any_work(
    session: InferenceSession, name: str, message: str
) -> None:
    steps: list[int] = []
    with pytest.raises(SelectionError) as caught:
        session.maximize(["conv1:1", name], QUICK, progress=lambda done, _: steps.append(done))
    assert str(caught.value) == message
    assert not steps


def test_a_climb_changes_nothing_about_the_model_even_when_it_fails(embedded: ZFNet) -> None:
    weights = {name: tensor.clone() for name, tensor in embedded.state_dict().items()}

    def explode(*_: object) -> None:
        raise ZeroDivisionError

    maximize(embedded, units("fc8:207", "conv5:17"), replace(QUICK, steps=1), normalise)
    with pytest.raises(ZeroDivisionError):
        maximize(embedded, units("conv5:17"), QUICK, normalise, progress=explode)
    for name, parameter in embedded.named_parameters():
        assert torch.equal(parameter, weights[name]), name
        assert not parameter.requires_grad
        assert parameter.grad is None
    assert not embedded.training
    assert torch.is_grad_enabled()


def test_the_steps_are_those_of_torchs_optimiser_and_its_compiler_is_not_loaded() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(4, 5, generator=generator).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    moments = torch.zeros_like(ours), torch.zeros_like(ours), torch.zeros(())
    gradients = [torch.randn(4, 5, generator=generator) for _ in range(5)]
    for gradient in gradients:
        _adam(ours, gradient, moments, 0.1)
    optimizer = torch.optim.Adam([theirs], lr=0.1)
    for gradient in gradients:
        theirs.grad = gradient
        optimizer.step()
    torch.testing.assert_close(ours, theirs)
    code = (
        "import sys; from zfnet import InferenceSession, MaximizationSettings;"
        "InferenceSession.load(device='cpu').maximize(['conv1:0'], MaximizationSettings(steps=2));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

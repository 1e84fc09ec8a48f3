"""Activation maximization: the formula, a rising objective, pixels fixed by the seed, steps that yield and stop."""

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.oracle import narrow, random_network
from zfnet import Cancelled, InferenceSession, MaximizationSettings, SelectionError, Unit, crop, decode_image
from zfnet.geometry import GEOMETRIES
from zfnet.maximization import COLOUR_MATRIX, maximize, objective, picture, transform
from zfnet.model import ZFNet

ROOT = Path(__file__).resolve().parent.parent
QUICK = MaximizationSettings(steps=2, size=48)
SHORT = MaximizationSettings(steps=24, size=64)


def normalise(x: Tensor) -> Tensor:
    return (x - 0.45) / 0.225


def units(*names: str) -> list[Unit]:
    return [Unit.parse(name) for name in names]


# The picture and its transforms


@pytest.mark.parametrize("size", [48, 49])
def test_a_picture_follows_its_formula(size: int) -> None:
    z = np.random.default_rng(0).normal(size=(2, 3, size, size // 2 + 1, 2))
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    spectrum = (z[..., 0] + 1j * z[..., 1]) / np.maximum(f, 1 / size)
    independent = np.fft.irfft2(spectrum, s=(size, size), norm="ortho") / 4
    expected = 1 / (1 + np.exp(-np.einsum("ij,njhw->nihw", COLOUR_MATRIX, independent)))
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(picture(torch.tensor(z, dtype=torch.float32), size), expected, atol=1e-5)


def test_a_single_coefficient_is_a_single_wave() -> None:
    size, row, column = 64, 3, 5
    coefficients = torch.zeros(1, 3, size, size // 2 + 1, 2)
    assert (picture(coefficients, size) == 0.5).all()
    coefficients[0, 1, row, column, 0] = 8  # the second colour: red against blue
    logit = picture(coefficients, size).logit()
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    amplitude = 2 * 8 * size / np.hypot(row, column) / size / 4  # twice, for the mirrored frequency; 1/f; ortho; / 4
    wave = amplitude * torch.cos(2 * np.pi * (row * y + column * x) / size)
    for channel in range(3):
        torch.testing.assert_close(logit[0, channel], COLOUR_MATRIX[channel][1] * wave, rtol=0, atol=1e-5)


def test_transforms_stay_within_their_ranges_and_treat_all_pictures_alike() -> None:
    size, generator = 160, torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(
        torch.arange(size, dtype=torch.float32), torch.arange(size, dtype=torch.float32), indexing="ij"
    )
    ramps = torch.stack([x, y, torch.full_like(x, 7)]).expand(2, 3, size, size)
    inner = slice(size // 2 - 20, size // 2 + 20)
    seen = []
    for _ in range(200):
        moved = transform(ramps, generator)
        assert torch.equal(moved[0], moved[1])
        torch.testing.assert_close(moved[0, 2], ramps[0, 2])  # mirrored at the edges: nothing dark comes in
        centre = moved[0, :2, inner, inner].mean((1, 2)) - (size - 1) / 2
        across = moved[0, :2, size // 2, size // 2 + 20] - moved[0, :2, size // 2, size // 2 - 20]
        down = moved[0, :2, size // 2 + 20, size // 2] - moved[0, :2, size // 2 - 20, size // 2]
        torch.testing.assert_close(down, torch.stack([-across[1], across[0]]), rtol=0, atol=0.05)  # square pixels
        seen.append([*centre.tolist(), 40 / across.norm().item(), torch.rad2deg(across[1].atan2(across[0])).item()])
    extent = np.abs(np.array(seen) - [0, 0, 1, 0]).max(0)
    limits = np.array([8, 8, 0.1, 10])
    assert (extent <= limits + 1e-3).all()
    assert (extent > 0.9 * limits).all()


# The objective


def test_the_objective_is_a_mean_a_cell_or_the_unit_itself_before_the_relu(embedded: ZFNet) -> None:
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    outputs = embedded.trace(x).outputs
    for names, expected in (
        (("conv5:17", "conv5:3"), [outputs["conv5"][0, 17].mean(), outputs["conv5"][1, 3].mean()]),
        (("conv3:5@0,0", "conv3:5@13,2"), [outputs["conv3"][0, 5, 0, 0], outputs["conv3"][1, 5, 13, 2]]),
        (("conv3:5@6,9", "conv3:5"), [outputs["conv3"][0, 5, 6, 9], outputs["conv3"][1, 5].mean()]),
        (("fc6:9", "fc6:8"), [outputs["fc6"][0, 9], outputs["fc6"][1, 8]]),
        (("fc8:207", "fc8:1"), [outputs["fc8"][0, 207], outputs["fc8"][1, 1]]),
    ):
        torch.testing.assert_close(objective(embedded, x, units(*names)), torch.stack(expected), rtol=1e-5, atol=1e-6)
    assert outputs["conv5"].min() < 0


def test_a_channels_mean_rises_and_the_picture_is_what_drives_it(embedded: ZFNet) -> None:
    for name in ("conv1:0", "conv3:17", "conv3:100"):
        (result,) = maximize(embedded, units(name), SHORT, normalise)
        start = result.curve[0]
        assert result.curve[-4:].mean() > max(2 * start, start + 0.05), name
        seen = torch.from_numpy(result.image.copy()).permute(2, 0, 1)[None] / 255
        assert objective(embedded, normalise(seen), units(name)) > max(2 * start, start + 0.05), name


@pytest.mark.parametrize(("name", "steps", "rise"), [("conv3:17@6,9", 6, 1), ("fc8:207", 4, 2)])
def test_a_cell_and_a_class_rise_on_a_picture_of_the_input_size(
    embedded: ZFNet, name: str, steps: int, rise: float
) -> None:
    (result,) = maximize(embedded, units(name), replace(SHORT, steps=steps), normalise)
    assert result.image.shape == (224, 224, 3)
    assert result.curve[-1] > result.curve[0] + rise


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
    sides = [48, 48, 48, 224, 48, 48, 224]
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


def test_the_colour_matrix_is_the_root_of_the_samples_covariance() -> None:
    folder = ROOT / "assets" / "samples"
    entries = tomllib.loads((folder / "samples.toml").read_text("utf-8"))["sample"]
    photographs = [folder / entry["file"] for entry in entries if entry["kind"] != "pattern"]
    views = [np.asarray(crop(decode_image(path.read_bytes()))) for path in photographs]
    covariance = np.cov(np.concatenate(views).reshape(-1, 3).T / 255)
    np.testing.assert_allclose(np.array(COLOUR_MATRIX) @ np.array(COLOUR_MATRIX).T, covariance, atol=3e-4)


# Long work


def test_progress_comes_once_a_step_with_the_pictures_so_far(session: InferenceSession) -> None:
    steps: list[int] = []
    shown: list[list[np.ndarray]] = []

    def progress(done: int, pictures: Callable[[], list[np.ndarray]]) -> None:
        steps.append(done)
        shown.append(pictures())

    settings = replace(QUICK, steps=4)
    results = session.maximize(["conv1:3", "conv1:4"], settings, progress=progress)
    assert steps == [1, 2, 3, 4]
    for pictures in shown:
        assert [(str(p.dtype), p.shape) for p in pictures] == [("uint8", (48, 48, 3))] * 2
    assert (shown[0][0] != shown[1][0]).any()
    for result, last in zip(results, shown[-1], strict=True):
        assert (result.image == last).all()


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
    assert entered == 6  # the last one looks at the result
    assert asked == 5
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

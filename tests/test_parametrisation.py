"""How a picture is written in numbers: the Fourier formula against numpy, there and back, and from small to large."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from zfnet import crop, decode_image
from zfnet.parametrisation import COLOUR_MATRIX, PARAMETRISATIONS

SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"
FOURIER, PIXELS = PARAMETRISATIONS["fourier"], PARAMETRISATIONS["pixels"]
SIZES = [(48, 48), (49, 49), (70, 139), (7, 7), (27, 12)]


def weights(size: tuple[int, int]) -> np.ndarray:
    f = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None, :])
    return np.asarray(1 / np.maximum(f, 1 / max(size)))


def pictures(size: tuple[int, int]) -> Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.9 + 0.05


@pytest.mark.parametrize("size", SIZES)
def test_coefficients_become_a_picture_by_the_formula(size: tuple[int, int]) -> None:
    z = np.random.default_rng(0).normal(size=(2, 3, size[0], size[1] // 2 + 1, 2))
    independent = np.fft.irfft2((z[..., 0] + 1j * z[..., 1]) * weights(size), s=size, norm="ortho") / 4
    expected = 1 / (1 + np.exp(-np.einsum("ij,njhw->nihw", COLOUR_MATRIX, independent)))
    assert np.ptp(expected) > 0.3
    np.testing.assert_allclose(FOURIER.decode(torch.tensor(z, dtype=torch.float32), size), expected, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_becomes_coefficients_by_the_formula(size: tuple[int, int]) -> None:
    x = pictures(size)
    logits = x.logit().numpy()
    independent = np.einsum("ij,njhw->nihw", np.linalg.inv(np.array(COLOUR_MATRIX)), logits)
    expected = np.fft.rfft2(independent, norm="ortho") * 4 / weights(size)
    z = torch.view_as_complex(FOURIER.encode(x)).numpy()
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PARAMETRISATIONS)
def test_a_picture_comes_back_as_it_was(name: str, size: tuple[int, int]) -> None:
    x = pictures(size)
    written = PARAMETRISATIONS[name]
    torch.testing.assert_close(written.decode(written.encode(x), size), x, rtol=0, atol=1e-5)


def test_colours_at_the_ends_of_the_range_come_back_nearly() -> None:
    x = torch.tensor([0.0, 1.0]).repeat(32)[None, None, None].expand(1, 3, 64, 64)
    assert (FOURIER.decode(FOURIER.encode(x), (64, 64)) - x).abs().max() < 1 / 255


def test_a_single_coefficient_is_a_single_wave() -> None:
    size, row, column = 64, 3, 5
    coefficients = torch.zeros(1, 3, size, size // 2 + 1, 2)
    assert (FOURIER.decode(coefficients, (size, size)) == 0.5).all()
    coefficients[0, 1, row, column, 0] = 8  # the second colour: red against blue
    logit = FOURIER.decode(coefficients, (size, size)).logit()
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    amplitude = 2 * 8 * size / np.hypot(row, column) / size / 4  # twice, for the mirrored frequency; 1/f; ortho; / 4
    wave = amplitude * torch.cos(2 * np.pi * (row * y + column * x) / size)
    for channel in range(3):
        torch.testing.assert_close(logit[0, channel], COLOUR_MATRIX[channel][1] * wave, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("small", "large"), [((16, 16), (32, 32)), ((15, 15), (45, 45)), ((15, 16), (30, 48))])
def test_enlarged_coefficients_are_the_same_waves_between_more_pixels(
    small: tuple[int, int], large: tuple[int, int]
) -> None:
    z = torch.randn(2, 3, small[0], small[1] // 2 + 1, 2, generator=torch.Generator().manual_seed(0))
    # The highest frequency of an even side cannot be told from its mirror image.
    z[:, :, small[0] // 2] *= small[0] % 2
    z[..., -1, :] *= small[1] % 2
    before = FOURIER.decode(z, small)
    after = FOURIER.decode(FOURIER.enlarge(z, small, large), large)
    assert after.shape[2:] == large
    torch.testing.assert_close(after[:, :, :: large[0] // small[0], :: large[1] // small[1]], before, rtol=0, atol=1e-5)


def test_enlarging_to_any_size_keeps_what_is_seen() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 101)[:-1], torch.linspace(0, 1, 101)[:-1], indexing="ij")
    wave = (0.5 + 0.2 * torch.sin(2 * np.pi * (2 * x + y))).expand(1, 3, 100, 100)
    large = FOURIER.decode(FOURIER.enlarge(FOURIER.encode(wave), (100, 100), (141, 141)), (141, 141))
    y, x = torch.meshgrid(torch.linspace(0, 1, 142)[:-1], torch.linspace(0, 1, 142)[:-1], indexing="ij")
    assert (large[0, 0] - (0.5 + 0.2 * torch.sin(2 * np.pi * (2 * x + y)))).abs().max() < 1e-3


def test_enlarged_pixels_keep_a_ramp() -> None:
    ramp = torch.linspace(0.2, 0.8, 20).expand(1, 3, 20, 20)
    large = PIXELS.decode(PIXELS.enlarge(PIXELS.encode(ramp), (20, 20), (40, 40)), (40, 40))
    assert large.shape == (1, 3, 40, 40)
    expected = 0.2 + 0.6 * (torch.arange(40) / 2 - 0.25) / 19  # pixel centres
    torch.testing.assert_close(large[0, 0, 20, 8:32], expected[8:32], rtol=0, atol=5e-3)


def test_the_colour_matrix_is_the_root_of_the_samples_covariance() -> None:
    entries = tomllib.loads((SAMPLES / "samples.toml").read_text("utf-8"))["sample"]
    photographs = [SAMPLES / entry["file"] for entry in entries if entry["kind"] != "pattern"]
    views = [np.asarray(crop(decode_image(path.read_bytes()))) for path in photographs]
    covariance = np.cov(np.concatenate(views).reshape(-1, 3).T / 255)
    np.testing.assert_allclose(np.array(COLOUR_MATRIX) @ np.array(COLOUR_MATRIX).T, covariance, atol=3e-4)

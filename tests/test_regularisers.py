"""Penalties on pictures: their gradients against finite differences, and what they let pass."""

import numpy as np
import pytest
import torch
from torch import Tensor

from zfnet.regularisers import REGULARISERS, likeness


def pictures(size: int = 9) -> Tensor:
    return torch.rand(2, 3, size, size + 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", REGULARISERS)
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    x = pictures().requires_grad_()
    assert torch.autograd.gradcheck(REGULARISERS[name], (x,), eps=1e-6, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("name", REGULARISERS)
def test_every_picture_has_a_penalty_of_its_own_above_zero(name: str) -> None:
    x = pictures()
    penalties = REGULARISERS[name](x)
    assert penalties.shape == (2,)
    assert (penalties > 1e-3).all()
    torch.testing.assert_close(penalties[1:], REGULARISERS[name](x[1:]))


@pytest.mark.parametrize("name", REGULARISERS)
def test_grey_costs_nothing(name: str) -> None:
    assert REGULARISERS[name](torch.full((1, 3, 8, 8), 0.5)).item() == pytest.approx(0, abs=1e-3)


def test_only_the_contrast_of_an_even_colour_is_held_back() -> None:
    even = torch.full((1, 3, 8, 8), 0.9)
    assert REGULARISERS["l2"](even).item() == pytest.approx(0.16, rel=1e-5)
    assert REGULARISERS["total_variation"](even).item() == pytest.approx(0, abs=1e-3)
    assert REGULARISERS["blur"](even).item() == pytest.approx(0, abs=1e-9)


def test_total_variation_is_the_mean_length_of_the_slope() -> None:
    y, x = torch.meshgrid(torch.arange(10.0), torch.arange(10.0), indexing="ij")
    slope = (0.03 * x + 0.04 * y).expand(1, 3, 10, 10)
    assert REGULARISERS["total_variation"](slope).item() == pytest.approx(0.05, rel=1e-3)


def test_blur_holds_fine_detail_back_more_than_coarse() -> None:
    x = torch.arange(64.0)
    waves = [(0.5 + 0.3 * torch.sin(2 * torch.pi * x / period)).expand(1, 3, 64, 64) for period in (32, 8, 3)]
    coarse, middle, fine = (REGULARISERS["blur"](wave).item() for wave in waves)
    assert coarse * 10 < middle < fine / 2
    assert fine < 0.09 / 2 * 1.01  # all of the wave's variance


PAIRS = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])


def test_likeness_is_the_cosine_of_gram_matrices() -> None:
    reads = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flat = reads.flatten(2).numpy()
    grams = [(one @ one.T).ravel() for one in flat]
    cosine = [[a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for b in grams] for a in grams]
    expected = [cosine[0][1] + cosine[0][2], cosine[0][1] + cosine[1][2], cosine[0][2] + cosine[1][2]]
    np.testing.assert_allclose(likeness(reads, PAIRS).numpy(), expected, rtol=1e-12)
    # Where a texture lies does not matter.
    torch.testing.assert_close(likeness(reads.roll(2, -1), PAIRS), likeness(reads, PAIRS))


def test_likeness_of_vectors_is_their_own_cosine() -> None:
    reads = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    half = 0.5**0.5
    torch.testing.assert_close(likeness(reads, PAIRS), torch.tensor([half, half, 2 * half]))


def test_the_gradient_of_likeness_is_that_of_finite_differences() -> None:
    reads = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: likeness(x, PAIRS), (reads,))

"""Rank correlation: against its definition written out slowly, and by what must not change it."""

import numpy as np
import pytest

from zfnet.similarity import rank_correlation


def slowly(one: np.ndarray, other: np.ndarray) -> float:
    """Rank by counting: how many values are smaller, and half of those that are equal."""

    def ranks(values: np.ndarray) -> np.ndarray:
        flat = values.ravel()
        return np.array([(flat < v).sum() + ((flat == v).sum() + 1) / 2 for v in flat])

    a, b = (r - r.mean() for r in (ranks(one), ranks(other)))
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("values", [3, 1000])
def test_it_is_the_correlation_of_ranks_with_ties_shared(values: int) -> None:
    rng = np.random.default_rng(values)
    one, other = rng.integers(-values, values, (2, 9, 8, 3)).astype(np.float32)
    assert rank_correlation(one, other) == pytest.approx(slowly(one, other), abs=1e-12)


def test_scale_does_not_matter_and_sign_does() -> None:
    one = np.random.default_rng(0).normal(size=(20, 20))
    assert rank_correlation(one, 1e-6 * one**3) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)


def test_what_is_constant_has_no_order() -> None:
    one = np.arange(6.0)
    assert rank_correlation(one, np.zeros(6)) is None
    assert rank_correlation(np.ones(6), one) is None

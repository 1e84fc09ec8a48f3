"""How alike two pictures of the same place are: one number for all comparisons."""

import numpy as np


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Spearman's rank correlation: the Pearson correlation of the ranks of all values, with their signs.

    1 means the same order from the lowest value to the highest, 0 no common order. Scaling a picture by a positive
    number changes nothing. Equal values share their mean rank.

    Args:
        one: any shape.
        other: the same shape.

    Returns:
        A number in [-1, 1]; None where one of them is constant, and therefore has no order.
    """
    first, second = _ranks(one), _ranks(other)
    if not (np.ptp(first) and np.ptp(second)):
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place.ravel()], np.float64)

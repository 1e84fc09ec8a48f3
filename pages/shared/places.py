"""Where in a map its largest value lies, in words, for those who cannot see it."""

import numpy as np

from pages.shared.results import rounded
from pages.shared.state import t


def strongest(values: np.ndarray) -> str:
    """Say where a map (H, W) is strongest, and how strong: "strongest at upper left, 0.83"; or that it is zero."""
    if not values.max() > 0:
        return t("places.nowhere")
    cell = np.unravel_index(int(values.argmax()), values.shape)
    row, column = (min(3 * int(at) // count, 2) for at, count in zip(cell, values.shape, strict=True))
    return t("places.strongest", where=t(f"places.at_{row}_{column}"), value=rounded(float(values.max())))

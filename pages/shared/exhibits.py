"""What is shown, with all that belongs to it: what it is, how to read it, how to make it again, how to take it home."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pages.shared.state import t

# Every kind of picture; its texts are in ``exhibits.toml``.
KINDS = (
    *("view", "diagram", "filters", "receptive_field", "feature_maps", "feature_map", "unit_inputs"),
    *("projection", "nine", "descent", "switches", "saliency", "overwriting", "randomised"),
    *("evidence", "evidence_methods", "rivals", "evidence_parts", "lines", "scorecam", "pointing"),
    *("covered", "occlusion", "maximization", "climb", "gallery", "stride", "two_pictures"),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours of a picture stand for: a colour map of ``render``, its two ends, and what is measured."""

    colormap: str
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """The lines that make a picture again, in Python and in the shell."""

    python: str
    shell: str


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A picture on a page.

    ``kind`` names the texts that explain it (``exhibits.<kind>_what``, ``_how`` and ``_limits``), ``name`` the files
    that it is written to. ``arrays`` returns the numbers behind it by name, computed only when asked.
    """

    kind: str
    name: str
    png: bytes
    alt: str
    caption: str
    recipe: Recipe
    scale: Scale | None = None
    arrays: Callable[[], Mapping[str, np.ndarray]] | None = None


def kind_name(kind: str) -> str:
    """Return what a kind of picture is called."""
    return t(f"exhibits.{kind}_name")


def explained(kind: str) -> tuple[str, str, str]:
    """Return what a kind of picture is, how to read it, and what it cannot say."""
    return t(f"exhibits.{kind}_what"), t(f"exhibits.{kind}_how"), t(f"exhibits.{kind}_limits")

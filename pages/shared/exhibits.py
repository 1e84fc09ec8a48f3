"""What is shown, with all that belongs to it: what it is, how to read it, how to make it again, how to take it home."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zfnet.plate import Scale

# Every kind of picture; its texts are in ``exhibits.toml``.
KINDS = (
    *("view", "diagram", "filters", "receptive_field", "feature_maps", "feature_map", "unit_inputs"),
    *("projection", "nine", "descent", "switches", "saliency", "overwriting", "randomised"),
    *("evidence", "evidence_methods", "rivals", "evidence_parts", "lines", "scorecam", "pointing"),
    *("covered", "occlusion", "maximization", "climb", "gallery", "stride", "two_pictures"),
)


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
    ``picture_title`` is what it is made of, where this is not the selected picture.
    """

    kind: str
    name: str
    png: bytes
    alt: str
    caption: str
    recipe: Recipe
    scale: Scale | None = None
    arrays: Callable[[], Mapping[str, np.ndarray]] | None = None
    picture_title: str = ""

"""The lines that make each picture again: pure functions, one for each kind of exhibit, without Streamlit.

source = Source("assets/samples/cheetah.jpg", "move", 0.3, session.info.checkpoint_id)
projection(source, Unit("conv5", 17, (6, 9))).python
"""

from collections.abc import Callable

from pages.shared.exhibits import Recipe
from pages.shared.recipes.classes import (
    covered,
    evidence,
    evidence_cells,
    evidence_parts,
    lines,
    occlusion,
    pointing,
    randomised_evidence,
    rivals,
    scorecam,
)
from pages.shared.recipes.maps import (
    diagram,
    feature_map,
    feature_map_on_picture,
    feature_maps,
    filters,
    receptive_field,
    stride,
    unit_inputs,
    view,
)
from pages.shared.recipes.pairs import two_classes, two_layers, two_maps, two_projections
from pages.shared.recipes.script import Source
from pages.shared.recipes.units import (
    climb,
    descent,
    gallery,
    input_patch,
    maximization,
    nine,
    overwriting,
    projection,
    randomised,
    saliency,
    switches,
)

# The evidence by another method is made by the same lines.
evidence_methods = evidence

__all__ = [
    "Source",
    "climb",
    "covered",
    "descent",
    "diagram",
    "evidence",
    "evidence_cells",
    "evidence_methods",
    "evidence_parts",
    "feature_map",
    "feature_map_on_picture",
    "feature_maps",
    "filters",
    "gallery",
    "input_patch",
    "lines",
    "maximization",
    "nine",
    "occlusion",
    "overwriting",
    "pointing",
    "projection",
    "randomised",
    "randomised_evidence",
    "receptive_field",
    "rivals",
    "saliency",
    "scorecam",
    "stride",
    "switches",
    "two_classes",
    "two_layers",
    "two_maps",
    "two_projections",
    "unit_inputs",
    "view",
]
# By the kinds of exhibits.
RECIPES: dict[str, Callable[..., Recipe]] = {name: globals()[name] for name in __all__ if name != "Source"}

"""One exhibit for each lens, of what is selected: what the overview, the unit view, lessons and a presentation show."""

import numpy as np

from pages.shared import evidence as of
from pages.shared import projections, recipes, results
from pages.shared.evidence import Asked, Paint
from pages.shared.exhibition import source
from pages.shared.exhibits import Exhibit
from pages.shared.places import strongest
from pages.shared.results import Look
from pages.shared.state import picture_title, selection, t, view
from pages.shared.widgets import class_index, class_name, top_classes, unit
from zfnet import Unit
from zfnet.classification import HEADS
from zfnet.geometry import SPATIAL
from zfnet.plate import Scale


def whole() -> Exhibit:
    """Return the picture that the network sees."""
    said = results.classification(results.session(), view(), selection().head).classes[0]
    words = t("lenses.picture", title=picture_title(), name=class_name(said.index), share=said.probability)
    alt = t("frame.saw_alt", picture=picture_title())
    return Exhibit("view", "view", results.plain(view()), alt, words, recipes.view(source()))


def diagram(size: tuple[int, int]) -> Exhibit:
    """Return the drawing of the network, with the selected layer marked."""
    drawn = results.diagram(results.session(), unit().layer, size)
    words = t("overview.architecture_alt"), t("overview.architecture_caption")
    return Exhibit("diagram", "architecture", drawn, *words, recipes.diagram(source(), unit().layer, size))


def feature_map() -> Exhibit | None:
    """Return the unit's map, laid on the picture; None in fully connected layers."""
    chosen, look = unit(), Look(colormap=selection().colormap)
    if chosen.layer not in SPATIAL:
        return None
    shown = results.feature_map(results.session(), view(), chosen, look)
    where = strongest(shown.values)
    words = t("overview.maps_alt", unit=name(chosen), where=where), t("lenses.map", unit=name(chosen), where=where)
    recipe = recipes.feature_map_on_picture(source(), chosen, look)
    scale = Scale(look.colormap, 0.0, shown.end, t("feature_maps.value"))
    return Exhibit("feature_map", f"map-{name(chosen)}", shown.overlay, *words, recipe, scale)


def projection() -> tuple[Exhibit, Exhibit] | None:
    """Return what the unit's cell saw, and its projection; None where it is silent or its layer has no maps."""
    chosen, backend = unit(), results.session()
    if chosen.layer not in SPATIAL:
        return None
    at = Unit(chosen.layer, chosen.channel, results.field(backend, view(), chosen).position)
    return patches(at, whole_map=False) if at.position else None


def patches(at: Unit, *, whole_map: bool) -> tuple[Exhibit, Exhibit] | None:
    """Return what a unit looked at, and its projection, or that of its whole map; None for a cell that is zero."""
    backend, current = results.session(), view()
    found = projections.projection(backend, current, at, whole_map=whole_map)
    if found.activation <= 0:
        return None
    told = {"unit": name(at), "activation": results.rounded(found.activation)}
    scale = Scale("grey", -found.limit, found.limit, t("deconvnet.scale"))

    def arrays() -> dict[str, np.ndarray]:
        return {"pixels": projections.projected(backend, current, at, whole_map=whole_map).pixels}

    saw = Exhibit(
        *("projection", f"saw-{at}", found.input_patch),
        *(t("deconvnet.input_alt", **told), t("lenses.saw", **told)),
        recipes.input_patch(source(), at, whole_map=whole_map),
    )
    drove = Exhibit(
        *("projection", f"projection-{at}", found.patch),
        *(t("deconvnet.patch_alt", **told), t("lenses.projection", **told)),
        recipes.projection(source(), at, whole_map=whole_map),
        scale,
        arrays,
    )
    return saw, drove


def nine() -> Exhibit | None:
    """Return the nine strongest units of the layer beside what they looked at; None where it has no maps."""
    layer = unit().layer
    if layer not in SPATIAL:
        return None
    sheet = projections.nine_strongest(results.session(), view(), layer).sheet
    words = t("deconvnet.nine_alt", layer=layer), t("deconvnet.nine_caption", layer=layer)
    return Exhibit("nine", f"nine-{layer}", sheet, *words, recipes.nine(source(), layer))


def evidence(index: int | None = None, paint: Paint | None = None) -> Exhibit:
    """Return where the evidence for a class, by default the selected one, lies."""
    now, backend = selection(), results.session()
    index, paint = class_index() if index is None else index, paint or Paint(now.colormap)
    asked = Asked(now.method, now.evidence_layer, now.head, now.centred)
    found = of.evidence(backend, view(), index, asked)
    laid = of.overlay(backend, view(), found, asked.layer, paint=paint, end=found.high)
    told = {"name": class_name(index), "where": strongest(found.values)}
    caption = t("lenses.evidence", **told) if found.high > 0 else t("overview.gradcam_flat", name=told["name"])
    recipe = recipes.evidence(source(), index, asked, paint, top=top_classes(asked.head))
    scale = Scale(paint.colormap, 0.0, found.high, t("gradcam.scale"))
    return Exhibit("evidence", f"evidence-{index}", laid, t("overview.gradcam_alt", **told), caption, recipe, scale)


def maximization() -> Exhibit | None:
    """Return what was made beforehand to drive one of the unit's cells; None where nothing was."""
    made = results.premade(results.session(), unit())
    if made is None:
        return None
    alt = t("overview.maximization_alt", unit=name(unit()))
    of_class = unit().layer in HEADS.values()
    caption = (
        t("lenses.maximization_class", name=class_name(unit().channel))
        if of_class
        else t("lenses.maximization", unit=name(unit()))
    )
    large, recipe = results.large(results.opened(made)), recipes.maximization(source(), made)
    return Exhibit("maximization", f"maximization-{name(unit())}", large, alt, caption, recipe)


def name(chosen: Unit) -> str:
    """Return a unit's name without its cell."""
    return f"{chosen.layer}:{chosen.channel}"

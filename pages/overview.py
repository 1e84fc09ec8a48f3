"""First view: one picture through all five lenses."""

import streamlit as st

from pages.shared import evidence, projections, recipes, results
from pages.shared.evidence import Asked, Paint
from pages.shared.exhibition import show, source
from pages.shared.exhibits import Exhibit
from pages.shared.places import strongest
from pages.shared.state import selection, t, view
from pages.shared.widgets import class_index, class_name, paragraph, top_classes, unit
from zfnet import Unit
from zfnet.geometry import SPATIAL
from zfnet.plate import Scale

backend, current, chosen = results.session(), view(), unit()
paragraph(t("overview.what", unit=chosen))
ranking = results.ranking(backend, current, chosen.layer)
if chosen.channel in ranking.silent:
    st.info(t("frame.silent", unit=chosen, strongest=f"{chosen.layer}:{ranking.channels[0]}"))
architecture, maps, deconvnet, gradcam, maximization = st.columns(5)

with architecture:
    st.page_link("../architecture.py", label=t("architecture.title"), icon=":material/layers:")
    drawing = results.diagram(backend, chosen.layer, (448, 448))
    words = t("overview.architecture_alt"), t("overview.architecture_caption")
    show(Exhibit("diagram", "architecture", drawing, *words, recipes.diagram(source(), chosen.layer, (448, 448))))

with maps:
    st.page_link("../feature_maps.py", label=t("feature_maps.title"), icon=":material/grid_view:")
    if chosen.layer in SPATIAL:
        look = results.Look(colormap=selection().colormap)
        shown = results.feature_map(backend, current, chosen, look)
        alt = t("overview.maps_alt", unit=chosen, where=strongest(shown.values))
        words = alt, t("overview.maps_caption", unit=chosen, high=shown.high)
        recipe = recipes.feature_map_on_picture(source(), chosen, look)
        scale = Scale(look.colormap, 0.0, shown.end, t("feature_maps.value"))
        show(Exhibit("feature_map", f"map-{chosen}", shown.overlay, *words, recipe, scale))
    else:
        st.info(t("overview.one_value", unit=chosen, value=ranking.peaks[chosen.channel]))

with deconvnet:
    st.page_link("../deconvnet.py", label=t("deconvnet.title"), icon=":material/undo:")
    if chosen.layer in SPATIAL:
        at = Unit(chosen.layer, chosen.channel, results.field(backend, current, chosen).position)
        projected = projections.projection(backend, current, at, whole_map=False)
        words = t("overview.deconvnet_alt", unit=chosen), t("overview.deconvnet_caption", unit=chosen)
        recipe = recipes.projection(source(), at)
        scale = Scale("grey", -projected.limit, projected.limit, t("deconvnet.scale"))
        show(Exhibit("projection", f"projection-{chosen}", projected.patch, *words, recipe, scale))
    else:
        st.info(t("deconvnet.no_map", layer=chosen.layer))

with gradcam:
    st.page_link("../gradcam.py", label=t("gradcam.title"), icon=":material/my_location:")
    asked = Asked(head=selection().head, centred=selection().centred)
    found = evidence.evidence(backend, current, class_index(), asked)
    paint = Paint(selection().colormap)
    laid = evidence.overlay(backend, current, found, asked.layer, paint=paint, end=found.high)
    name = class_name(class_index())
    caption = t("overview.gradcam_caption" if found.high > 0 else "overview.gradcam_flat", name=name)
    words = t("overview.gradcam_alt", name=name, where=strongest(found.values)), caption
    recipe = recipes.evidence(source(), class_index(), asked, paint, top=top_classes(asked.head))
    scale = Scale(paint.colormap, 0.0, found.high, t("gradcam.scale"))
    show(Exhibit("evidence", f"evidence-{class_index()}", laid, *words, recipe, scale))

with maximization:
    st.page_link("../maximization.py", label=t("maximization.title"), icon=":material/auto_awesome:")
    made = results.premade(backend, chosen)
    if made:
        words = t("overview.maximization_alt", unit=chosen), t("overview.maximization_caption", unit=chosen)
        large, recipe = results.large(results.opened(made)), recipes.maximization(source(), made)
        show(Exhibit("maximization", f"maximization-{made.unit}", large, *words, recipe))
    else:
        st.info(t("overview.maximization_none", unit=chosen))

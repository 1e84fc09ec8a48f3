"""First view: one picture through all five lenses."""

import streamlit as st

from pages.shared import evidence, projections, results
from pages.shared.evidence import Asked, Paint
from pages.shared.state import selection, t, view
from pages.shared.widgets import class_index, class_name, paragraph, picture, unit
from zfnet.geometry import SPATIAL

backend, current, chosen = results.session(), view(), unit()
paragraph(t("overview.what", unit=chosen))
ranking = results.ranking(backend, current, chosen.layer)
if chosen.channel in ranking.silent:
    st.info(t("frame.silent", unit=chosen, strongest=f"{chosen.layer}:{ranking.channels[0]}"))
architecture, maps, deconvnet, gradcam, maximization = st.columns(5)

with architecture:
    st.page_link("../architecture.py", label=t("architecture.title"), icon=":material/layers:")
    drawing = results.diagram(backend, chosen.layer, (448, 448))
    picture(drawing, t("overview.architecture_alt"), t("overview.architecture_caption"))

with maps:
    st.page_link("../feature_maps.py", label=t("feature_maps.title"), icon=":material/grid_view:")
    if chosen.layer in SPATIAL:
        shown = results.feature_map(backend, current, chosen, results.Look(colormap=selection().colormap))
        caption = t("overview.maps_caption", unit=chosen, high=shown.high)
        picture(shown.overlay, t("overview.maps_alt", unit=chosen), caption)
    else:
        st.info(t("overview.one_value", unit=chosen, value=ranking.peaks[chosen.channel]))

with deconvnet:
    st.page_link("../deconvnet.py", label=t("deconvnet.title"), icon=":material/undo:")
    if chosen.layer in SPATIAL:
        projected = projections.tile(backend, current, chosen)
        picture(projected, t("overview.deconvnet_alt", unit=chosen), t("overview.deconvnet_caption", unit=chosen))
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
    picture(laid, t("overview.gradcam_alt", name=name), caption)

with maximization:
    st.page_link("../maximization.py", label=t("maximization.title"), icon=":material/auto_awesome:")
    made = results.premade(backend, chosen)
    if made:
        picture(
            results.large(results.opened(made)),
            t("overview.maximization_alt", unit=chosen),
            t("overview.maximization_caption", unit=chosen),
        )
    else:
        st.info(t("overview.maximization_none", unit=chosen))

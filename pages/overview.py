"""First view: one picture through all five lenses."""

import streamlit as st

from pages.shared import lenses, results
from pages.shared.exhibition import show
from pages.shared.state import t, view
from pages.shared.widgets import paragraph, unit
from zfnet.geometry import SPATIAL

backend, current, chosen = results.session(), view(), unit()
paragraph(t("overview.what", unit=chosen))
ranking = results.ranking(backend, current, chosen.layer)
if chosen.channel in ranking.silent:
    st.info(t("frame.silent", unit=chosen, strongest=f"{chosen.layer}:{ranking.channels[0]}"))
architecture, maps, deconvnet, gradcam, maximization = st.columns(5)

with architecture:
    st.page_link("../architecture.py", label=t("architecture.title"), icon=":material/layers:")
    show(lenses.diagram((448, 448)))

with maps:
    st.page_link("../feature_maps.py", label=t("feature_maps.title"), icon=":material/grid_view:")
    laid = lenses.feature_map()
    if laid:
        show(laid)
    else:
        st.info(t("overview.one_value", unit=chosen, value=ranking.peaks[chosen.channel]))

with deconvnet:
    st.page_link("../deconvnet.py", label=t("deconvnet.title"), icon=":material/undo:")
    projected = lenses.projection()
    if projected:
        show(projected[1])
    elif chosen.layer in SPATIAL:
        st.info(t("overview.nothing", unit=chosen))
    else:
        st.info(t("deconvnet.no_map", layer=chosen.layer))

with gradcam:
    st.page_link("../gradcam.py", label=t("gradcam.title"), icon=":material/my_location:")
    show(lenses.evidence())

with maximization:
    st.page_link("../maximization.py", label=t("maximization.title"), icon=":material/auto_awesome:")
    made = lenses.maximization()
    if made:
        show(made)
    else:
        st.info(t("overview.maximization_none", unit=chosen))

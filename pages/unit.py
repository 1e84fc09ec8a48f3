"""Everything about one unit at once: its map, what caused it, what it wants to see, whom it speaks to, its inputs."""

import streamlit as st

from pages.shared import lenses, results
from pages.shared.exhibition import show
from pages.shared.results import Look
from pages.shared.state import selection, t, view
from pages.shared.unit_map import unit_map
from pages.shared.unit_parts import driven_by, excited_by, feeds, neighbours, place
from pages.shared.widgets import paragraph, reading, unit
from zfnet.geometry import SPATIAL

_PAGES = {"feature_maps": "grid_view", "deconvnet": "undo", "gradcam": "my_location", "maximization": "auto_awesome"}
_WIDTH = 336

backend, current, chosen = results.session(), view(), unit()


def map_and_cause() -> None:
    """Show the unit's map, what its cell saw, and which of those pixels drove it."""
    shown, cause = st.columns([2, 1.7], gap="medium")
    with shown:
        kept = results.field(backend, current, chosen).position
        unit_map(chosen, Look(colormap=selection().colormap), kept)
    with cause:
        seen = lenses.projection()
        if seen is None:
            strongest = results.ranking(backend, current, chosen.layer).channels[0]
            st.info(t("frame.silent", unit=lenses.name(chosen), strongest=f"{chosen.layer}:{strongest}"))
            return
        for column, exhibit in zip(st.columns(2, gap="small"), seen, strict=True):
            with column:
                show(exhibit)


def one_value() -> None:
    """Show the value of a unit that has no map, and for a class where its evidence lies."""
    value = results.heights(backend, current, chosen.layer, rectified=True)[chosen.channel]
    st.metric(t("unit.value"), results.number(value))
    st.caption(t("feature_maps.no_maps", layer=chosen.layer))
    if chosen.layer == "fc8":
        with st.container(width=_WIDTH):
            show(lenses.evidence(chosen.channel))


paragraph(t("unit.what"))
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    neighbours(chosen)
    place(chosen)
answers, wanted = st.columns([3.7, 0.9], gap="medium")
with answers:
    if chosen.layer in SPATIAL:
        map_and_cause()
    else:
        one_value()
with wanted:
    made = lenses.maximization()
    if made:
        show(made)
    else:
        st.info(t("overview.maximization_none", unit=lenses.name(chosen)))
said, inputs, samples = st.columns(3, gap="large")
if chosen.layer != "fc8":
    with said:
        feeds(chosen)
with inputs:
    driven_by(chosen)
with samples:
    excited_by(chosen)
with st.container(horizontal=True):
    for page, icon in _PAGES.items():
        st.page_link(f"../{page}.py", label=t(f"{page}.title"), icon=f":material/{icon}:")
reading("unit")

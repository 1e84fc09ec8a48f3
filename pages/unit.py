"""Everything about one unit at once: its map, what caused it, what it wants to see, whom it speaks to, its inputs."""

import streamlit as st

from pages.shared import evidence, projections, results
from pages.shared.evidence import Asked, Paint
from pages.shared.results import Look
from pages.shared.state import selection, t, view
from pages.shared.unit_map import unit_map
from pages.shared.unit_parts import driven_by, excited_by, feeds, neighbours, place
from pages.shared.widgets import class_name, picture, reading, unit
from zfnet import Unit
from zfnet.geometry import SPATIAL

_LENSES = {"feature_maps": "grid_view", "deconvnet": "undo", "gradcam": "my_location", "maximization": "auto_awesome"}

backend, current, chosen = results.session(), view(), unit()
name = f"{chosen.layer}:{chosen.channel}"
at = chosen
if chosen.layer in SPATIAL:
    at = Unit(chosen.layer, chosen.channel, results.field(backend, current, chosen).position)


def on_the_picture() -> None:
    """Show the unit's map, or its one value, and for a class where its evidence lies."""
    if chosen.layer in SPATIAL:
        unit_map(chosen, Look(colormap=selection().colormap), at.position)
        return
    value = results.heights(backend, current, chosen.layer, rectified=True)[chosen.channel]
    st.metric(t("unit.value"), results.number(value))
    st.caption(t("feature_maps.no_maps", layer=chosen.layer))
    if chosen.layer == "fc8":
        asked = Asked(head="fc", centred=selection().centred)
        found = evidence.evidence(backend, current, chosen.channel, asked)
        paint = Paint(selection().colormap)
        laid = evidence.overlay(backend, current, found, asked.layer, paint=paint, end=found.high)
        caption = "overview.gradcam_caption" if found.high > 0 else "overview.gradcam_flat"
        words = {"name": class_name(chosen.channel)}
        picture(laid, t("overview.gradcam_alt", **words), t(caption, **words))


def caused_by() -> None:
    """Show what the strongest cell saw, and which of its pixels made it answer."""
    found = projections.projection(backend, current, at, whole_map=False)
    if found.activation <= 0:
        strongest = results.ranking(backend, current, chosen.layer).channels[0]
        st.info(t("frame.silent", unit=name, strongest=f"{chosen.layer}:{strongest}"))
        return
    saw, projected = st.columns(2, gap="small")
    with saw:
        picture(found.input_patch, t("deconvnet.input_alt", unit=name), t("unit.saw"))
    with projected:
        told = {"unit": name, "activation": results.rounded(found.activation)}
        picture(found.patch, t("deconvnet.patch_alt", **told), t("unit.projected", **told))


def wants() -> None:
    """Show what was made beforehand to drive the unit."""
    made = results.premade(backend, chosen)
    if made:
        picture(results.large(results.opened(made)), t("overview.maximization_alt", unit=name), t("unit.made"))
    else:
        st.info(t("overview.maximization_none", unit=name))


st.markdown(t("unit.what"))
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    neighbours(chosen)
    place(chosen)
shown, cause, wanted = st.columns([2, 1.7, 0.9] if chosen.layer in SPATIAL else [2, 0.1, 1], gap="medium")
with shown:
    on_the_picture()
if chosen.layer in SPATIAL:
    with cause:
        caused_by()
with wanted:
    wants()
said, inputs, samples = st.columns(3, gap="large")
if chosen.layer != "fc8":
    with said:
        feeds(chosen)
with inputs:
    driven_by(chosen)
with samples:
    excited_by(chosen)
with st.container(horizontal=True):
    for lens, icon in _LENSES.items():
        st.page_link(f"../{lens}.py", label=t(f"{lens}.title"), icon=f":material/{icon}:")
reading("unit")

"""One activation carried back down to the pixels that caused it, and the way there."""

import streamlit as st

from pages.shared import lenses, projections, results, sanity
from pages.shared.deconvnet_parts import nine, rules, switches, way_down
from pages.shared.exhibition import under
from pages.shared.state import select, selection, t, view
from pages.shared.unit_map import unit_map
from pages.shared.widgets import controlled, paragraph, picture, unit
from zfnet import Unit
from zfnet.geometry import SPATIAL

backend, current, chosen = results.session(), view(), unit()
channel = f"{chosen.layer}:{chosen.channel}"
look = results.Look(colormap=selection().colormap)


def choose_start() -> None:
    """Show the choice of what is projected: the strongest cell, the chosen one, nine units, or the whole map."""

    def change(to: str) -> None:
        if to in ("nine", "map"):
            select(start=to)
        else:
            strongest = results.field(backend, current, Unit(chosen.layer, chosen.channel)).position
            select(start="cell", channel=chosen.channel, position=strongest if to == "position" else None)

    at_cell = "strongest" if chosen.position is None else "position"
    controlled(
        st.segmented_control,
        t("deconvnet.start"),
        key="choose_start",
        value=at_cell if selection().start == "cell" else selection().start,
        change=change,
        options=["strongest", "position", "nine", "map"],
        format_func=lambda name: t(f"deconvnet.start_{name}"),
        required=True,
    )


def one(whole_map: bool) -> None:
    """Show one projection, what the unit looked at at the same scale, and the way from the one to the other."""
    # With its cell from here on: everything below is then about one and the same unit, and computed once.
    position = None if whole_map else results.field(backend, current, chosen).position
    at = Unit(chosen.layer, chosen.channel, position)
    found = projections.projection(backend, current, at, whole_map=whole_map)
    where, seen = st.columns([1, 2], gap="medium")
    with where:
        unit_map(chosen, look, None if whole_map else found.position)
    with seen:
        patches = lenses.patches(at, whole_map=whole_map)
        if patches is None:
            silent(found.position)
            return
        captions = t("deconvnet.input_caption"), t("deconvnet.patch_caption", limit=found.limit)
        for place, exhibit, caption in zip(st.columns(2, gap="medium"), patches, captions, strict=True):
            with place:
                picture(exhibit.png, exhibit.alt, caption)
        under(*reversed(patches))
        if whole_map:
            st.warning(t("deconvnet.whole_map"))
            return
        row, column = found.position or (0, 0)
        st.markdown(t("deconvnet.seed", unit=channel, row=row, column=column, activation=found.activation))
        way_down(at)
    switches(at)
    sanity.show_overwriting(at)
    rules(at)
    sanity.show_permuted_projections(at)


def silent(position: tuple[int, int] | None) -> None:
    """Say why there is nothing to project."""
    if position is None:
        strongest = results.ranking(backend, current, chosen.layer).channels[0]
        st.info(t("frame.silent", unit=channel, strongest=f"{chosen.layer}:{strongest}"))
    else:
        row, column = position
        st.info(t("deconvnet.silent_cell", unit=channel, row=row, column=column))
        st.button(t("deconvnet.to_strongest"), on_click=select, kwargs={"position": None})


paragraph(t("deconvnet.what"))
paragraph(t("frame.limits", text=t("deconvnet.limits")), st.caption)
if chosen.layer not in SPATIAL:
    st.info(t("deconvnet.no_map", layer=chosen.layer))
    st.button(t("deconvnet.to_conv5"), on_click=select, kwargs={"layer": "conv5"})
else:
    choose_start()
    if selection().start == "cell" and chosen.position:
        st.caption(t("deconvnet.choose_cell"))
    if selection().start == "nine":
        nine(chosen.layer)
    else:
        one(selection().start == "map")
        link = t("deconvnet.to_maximization", unit=channel)
        st.page_link("../maximization.py", label=link, icon=":material/auto_awesome:")
if chosen.layer in SPATIAL and selection().start == "cell":
    paragraph(t("frame.how", text=t("deconvnet.how")), st.caption)

"""All channels of a layer to choose from, the chosen one large, and the arithmetic behind one of its values."""

from functools import partial

import streamlit as st

from pages.shared import results
from pages.shared.arithmetic import arithmetic, take_apart
from pages.shared.channels import channels
from pages.shared.charts import histogram
from pages.shared.selection import SCALES
from pages.shared.state import selection, t, view
from pages.shared.unit_map import unit_map
from pages.shared.widgets import choose, choose_colours, class_name, paragraph, reading, unit
from zfnet.feature_maps import ORDERS, LayerStatistics
from zfnet.geometry import LAYERS, POOLINGS, SPATIAL


def layers(rows: tuple[LayerStatistics, ...]) -> None:
    """Show how the layers compare on this picture."""
    columns = {
        "layer": [row.layer for row in rows],
        "channels": [row.channels for row in rows],
        "silent": [row.silent for row in rows],
        "sparsity": [row.sparsity if row.layer != "fc8" else None for row in rows],
        "mean": [row.mean for row in rows],
        "maximum": [row.maximum for row in rows],
    }
    kinds = {
        "sparsity": partial(st.column_config.ProgressColumn, format="percent", min_value=0, max_value=1, width="small"),
        "mean": partial(st.column_config.NumberColumn, format="%.3f"),
        "maximum": partial(st.column_config.NumberColumn, format="%.2f"),
    }
    config = {
        key: kinds.get(key, st.column_config.Column)(
            t(f"feature_maps.column_{key}"), help=t(f"feature_maps.help_{key}")
        )
        for key in columns
    }
    st.dataframe(columns, column_config=config, hide_index=True, height="content", alt=t("feature_maps.statistics_alt"))


backend, current, chosen = results.session(), view(), unit()
look = results.Look(selection().rectified, selection().scale, selection().colormap)
paragraph(t("feature_maps.what"))

choose(st.segmented_control, "layer", t("frame.layer"), options=list(LAYERS), required=True, place="page")
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    choose(
        st.segmented_control,
        "order",
        t("feature_maps.order"),
        options=list(ORDERS),
        format_func=lambda name: t(f"feature_maps.order_{name}"),
        required=True,
        help=t("feature_maps.order_help"),
    )
    if chosen.layer in SPATIAL:
        choose(
            st.segmented_control,
            "scale",
            t("feature_maps.scale"),
            options=list(SCALES),
            format_func=lambda name: t(f"feature_maps.scale_{name}"),
            required=True,
            help=t("feature_maps.scale_help"),
        )
        choose_colours()
    choose(st.toggle, "rectified", t("feature_maps.rectified"), help=t("feature_maps.rectified_help"))
    choose(st.toggle, "hide_silent", t("feature_maps.hide"))
    st.toggle(t("feature_maps.all"), key="all_channels", persist_state="session")

name = f"{chosen.layer}:{chosen.channel}"
ranking = results.ranking(backend, current, chosen.layer)
added = take_apart(backend, current, chosen, selection().colormap)
every, one = st.columns([1.6, 1], gap="medium")
with every:
    channels(chosen, look)
    if not look.rectified:
        st.caption(t("feature_maps.signed"))
with one:
    st.header(name, anchor=False)
    if chosen.layer == "fc8":
        st.markdown(class_name(chosen.channel))
    if chosen.channel in ranking.silent:
        st.info(t("frame.silent", unit=name, strongest=f"{chosen.layer}:{ranking.channels[0]}"))
    if chosen.layer in SPATIAL:
        maps = unit_map(chosen, look, added.unit.position)
        if maps.histogram:
            histogram(
                maps.histogram,
                (0.0 if look.rectified else -maps.end, maps.end),
                look.colours,
                axes=(t("feature_maps.value"), t("feature_maps.cells")),
                alt=t("feature_maps.histogram_alt", unit=name, low=maps.low, high=maps.high),
            )
            zeros = ranking.sparsities[chosen.channel]
            st.caption(
                t("feature_maps.histogram_caption" if look.rectified else "feature_maps.histogram_all", zeros=zeros)
            )
        st.page_link("../deconvnet.py", label=t("feature_maps.to_deconvnet"), icon=":material/undo:")
    else:
        st.metric(t("feature_maps.value"), results.number(added.after))
        st.caption(t("feature_maps.no_maps", layer=chosen.layer))
    st.page_link("../maximization.py", label=t("feature_maps.to_maximization"), icon=":material/auto_awesome:")

how, statistics = st.columns([1, 1], gap="large")
with how:
    st.header(t("feature_maps.arithmetic", unit=added.unit), anchor=False)
    arithmetic(added)
    st.caption(t("feature_maps.arithmetic_pool" if added.unit.layer in POOLINGS else "feature_maps.arithmetic_caption"))
with statistics:
    st.header(t("feature_maps.statistics"), anchor=False)
    layers(results.statistics(backend, current))
reading("feature_maps")

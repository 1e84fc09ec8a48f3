"""The network as a table: sizes, receptive fields, parameters and arithmetic, all computed from the loaded
configuration."""

from functools import partial

import streamlit as st

from pages.shared import results
from pages.shared.state import select, selection, t
from pages.shared.widgets import picture, reading
from zfnet.geometry import SPATIAL, total

backend = results.session()
rows, config = backend.architecture(), backend.info.config
st.markdown(t("architecture.what"))
drawing = results.diagram(backend, selection().layer, (1120, 240))
picture(drawing, t("architecture.diagram_alt"), t("architecture.diagram_caption"))


def choose_row() -> None:
    """Select the layer of the clicked row, if units of it can be looked at."""
    clicked = st.session_state.layer_table.selection.cells
    if clicked and rows[clicked[0][0]].name in SPATIAL:
        select(layer=rows[clicked[0][0]].name)


number = partial(st.column_config.NumberColumn, format="localized")
kinds = dict.fromkeys(("parameters", "macs", "stored", "executed"), number)
kinds |= dict.fromkeys(("share", "mac_share"), partial(st.column_config.ProgressColumn))
columns = {
    "layer": [row.name for row in rows],
    "kind": [t(f"architecture.{row.kind.replace(' ', '_')}") for row in rows],
    "kernel": [f"{row.kernel}×{row.kernel} / {row.stride}" if row.kernel else None for row in rows],
    "padding": [row.padding for row in rows],
    "output": [f"{row.output[1]}×{row.output[2]}×{row.output[0]}" for row in rows],
    "parameters": [row.parameters for row in rows],
    "share": [None if row.name == "gap" else row.parameters / total(rows, "parameters") for row in rows],
    "macs": [row.macs for row in rows],
    "mac_share": [None if row.name == "gap" else row.macs / total(rows, "macs") for row in rows],
    "receptive_field": [row.receptive_field.size if row.receptive_field else config.input_size for row in rows],
    "jump": [row.receptive_field.jump if row.receptive_field else None for row in rows],
    "rank": [row.rank for row in rows],
    "stored": [row.stored_parameters for row in rows],
    "executed": [row.executed_macs for row in rows],
}
st.dataframe(
    columns,
    height="content",
    column_config={
        name: kinds.get(name, partial(st.column_config.Column))(
            t(f"architecture.column_{name}"), help=t(f"architecture.help_{name}")
        )
        for name in columns
    },
    hide_index=True,
    placeholder="",
    key="layer_table",
    selection_mode="single-cell",
    on_select=choose_row,
    alt=t("architecture.table_alt"),
)
st.markdown(
    t(
        "architecture.totals",
        parameters=total(rows, "parameters"),
        macs=total(rows, "macs"),
        stored=total(rows, "stored_parameters"),
        executed=total(rows, "executed_macs"),
        gap=next((row.parameters for row in rows if row.name == "gap"), 0),
    )
)
st.info(t("architecture.listing"))
reading("architecture")

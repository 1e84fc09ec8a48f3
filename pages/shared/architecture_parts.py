"""The parts of the architecture page that can be clicked, and what a click does."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from pages.shared import architecture_tables as tables
from pages.shared import exhibition, recipes, results
from pages.shared.exhibits import Exhibit
from pages.shared.state import select, selection, t, view
from pages.shared.unit_map import unit_field
from pages.shared.widgets import FILTER_COLUMNS, first_filters, unit
from zfnet.geometry import LAYERS, SPATIAL, LayerRow, ZFNetConfig, shapes

_FILTER_TILE = 49


def switch(name: str, label: str, options: Mapping[str, str], default: str) -> str:
    """Show a choice, kept under ``name``, that outlives the page and a change of language; return what is chosen."""
    st.session_state.setdefault(name, default)
    key = f"{name}_{selection().language}"
    st.session_state[key] = st.session_state[name]
    st.segmented_control(
        label,
        options=list(options),
        format_func=lambda option: options[option],
        required=True,
        key=key,
        on_change=lambda: st.session_state.update({name: st.session_state[key]}),
        label_visibility="collapsed",
    )
    return str(st.session_state[name])


def tabs(*names: str) -> Sequence[TabContainer]:
    """Show tabs, of which the open one outlives the page and a change of language; each says whether it is ``open``."""
    labels, key = [t(f"architecture.tab_{name}") for name in names], f"tabs_{selection().language}"
    opened = names.index(st.session_state.get("architecture_tab", names[0]))
    # Not as the default: another default makes other tabs, and the click on the old ones would be lost.
    st.session_state.setdefault(key, labels[opened])
    shown = st.tabs(labels, key=key, on_change="rerun")
    st.session_state.architecture_tab = next(name for name, tab in zip(names, shown, strict=True) if tab.open)
    return shown


def choose_layer(layer: str) -> None:
    """Select the layer of a clicked line; the averaging head and the totals are none."""
    if layer in LAYERS:
        select(layer=layer)


def table(config: ZFNetConfig, rows: tuple[LayerRow, ...], part: str) -> None:
    """Show the layers, and above them the arithmetic of the clicked cell; until then, of the selected layer's size."""
    names, shown = tables.lines(rows), tables.columns(config, rows, part)
    # Another network, other columns and other words are another table: what was clicked in the one is not in the other.
    key = f"layer_table_{config.geometry}_{part}_{selection().language}"

    def clicked() -> None:
        for row, _ in st.session_state[key].selection.cells:
            choose_layer(names[row])

    # Above the table, where it is seen when a number below is clicked.
    explained = st.empty()
    chosen = st.dataframe(
        shown,
        height="content",
        row_height=28,
        column_config=tables.headings(list(shown)),
        hide_index=True,
        placeholder="",
        key=key,
        selection_mode="single-cell",
        on_select=clicked,
        alt=t("architecture.table_alt"),
    )
    row, column = next(iter(chosen.selection.cells), (names.index(selection().layer), "layer"))
    explained.markdown(tables.explained(config, rows, (names[row], column), shown[column][row]))


def receptive_field(config: ZFNetConfig) -> None:
    """Show on the picture what the selected unit's cell sees, and say how much of it lies outside."""
    chosen = unit()
    if chosen.layer not in SPATIAL:
        st.info(t("architecture.field_all", unit=chosen))
        return
    found = results.field(results.session(), view(), chosen)
    unit_field(chosen, found.position)
    if found.position is None or found.spans is None:
        strongest = results.ranking(results.session(), view(), chosen.layer).channels[0]
        st.info(t("frame.silent", unit=chosen, strongest=f"{chosen.layer}:{strongest}"))
        return
    (top, bottom), (left, right) = found.spans
    (row, column), last = found.position, config.input_size - 1
    spans = {"top": top, "bottom": bottom, "left": left, "right": right}
    words = {edge: str(pixel).replace("-", "−") for edge, pixel in spans.items()}
    inside = {"row": row, "column": column, "first_row": max(top, 0), "last_row": min(bottom, last)}
    inside |= {"first_column": max(left, 0), "last_column": min(right, last)}
    cut = min(top, left) < 0 or max(bottom, right) > last
    of = {"unit": f"{chosen.layer}:{chosen.channel}", **words, **inside}
    st.caption(t("architecture.field_caption", **of) if cut else t("architecture.field_inside", **of))


def filters(config: ZFNetConfig) -> None:
    """Show the filters of conv1, to be clicked."""
    count, chosen = shapes(config)["conv1"][0], selection()
    marked = chosen.channel if chosen.layer == "conv1" and chosen.channel is not None else -1
    words = t("architecture.filters_alt", count=count), t("architecture.filters_caption", count=count)
    first_filters(marked, key="filters", tile=_FILTER_TILE, alt=words[0])
    st.caption(words[1])
    sheet = results.filters(results.session(), "conv1", FILTER_COLUMNS)
    recipe = recipes.filters(exhibition.source(), columns=FILTER_COLUMNS)
    exhibition.under(Exhibit("filters", "filters-conv1", sheet, *words, recipe))

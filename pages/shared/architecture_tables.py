"""The tables of the architecture page: which network, its lines, AlexNet beside ZFNet, the listing, the notes."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from pages.shared.results import session
from pages.shared.state import t
from zfnet.arithmetic import SUMMED, TOTAL, arithmetic, records, size_terms
from zfnet.geometry import (
    ALEXNET,
    BELOW,
    LAYERS,
    LISTING,
    LISTING_CLAIMS,
    NETWORKS,
    SPATIAL,
    LayerRow,
    ZFNetConfig,
    layer_table,
    shapes,
    total,
)

# What stands side by side; the names are those of ``zfnet.arithmetic.records``, but for the output in one column.
PARTS = {
    "main": (
        "layer",
        "type",
        "kernel",
        "stride",
        "padding",
        "groups",
        "filters",
        "output",
        *SUMMED[:2],
        "receptive_field",
    ),
    "more": ("layer", "output", "receptive_field", "jump", "left_edge", "centre", "parameter_share", "mac_share"),
}
# Shown only where a layer is stored as factors.
_STORED = ("rank", *SUMMED[2:])
_PLAIN = ("receptive_field", "jump", "left_edge", "centre", "filters")
# Figures in circulation, each with what the paper says.
NOTES = ("top5", "test", "gain", "clarifai", "winner", "top1", "padding")


def network(name: str) -> tuple[ZFNetConfig, tuple[LayerRow, ...]]:
    """Return shape and layers of a network: the loaded one as it is stored, any other in full."""
    backend = session()
    if name == backend.info.config.geometry:
        return backend.info.config, backend.architecture()
    return NETWORKS[name], layer_table(NETWORKS[name])[:-1]


def lines(rows: Sequence[LayerRow]) -> list[str]:
    """Return what the lines of the table are called: the layers, their total, then the head that is not part of it."""
    names = [row.name for row in rows]
    return [*LAYERS, TOTAL, *names[len(LAYERS) :]]


def columns(config: ZFNetConfig, rows: tuple[LayerRow, ...], part: str) -> dict[str, list[Any]]:
    """Return the table column by column."""
    flat = {record["layer"]: dict(record) for record in records(config, rows)}
    for row in rows:
        seen = flat[row.name]
        seen["type"] = t(f"architecture.{row.kind.replace(' ', '_')}")
        seen["kernel"] = f"{row.kernel}×{row.kernel}" if row.kernel else None
        seen["output"] = "×".join(map(str, (*row.output[1:], row.output[0]))) if row.kernel else str(row.output[0])
    sums = {column: total(rows, column) for column in SUMMED}
    flat[TOTAL] = {"layer": t("architecture.total"), **sums, "parameter_share": 1.0, "mac_share": 1.0}
    shown = PARTS[part] + (_STORED if part == "more" and any(row.rank for row in rows) else ())
    return {column: [flat[name].get(column) for name in lines(rows)] for column in shown}


def headings(shown: Sequence[str]) -> dict[str, Any]:
    """Return how the columns are called, explained and drawn."""
    number = partial(st.column_config.NumberColumn, format="localized")
    kinds: dict[str, Any] = dict.fromkeys((*SUMMED, *_PLAIN), number)
    kinds |= dict.fromkeys(("parameter_share", "mac_share"), partial(st.column_config.ProgressColumn, width=110))
    return {
        name: kinds.get(name, st.column_config.Column)(
            t(f"architecture.column_{name}"), help=t(f"architecture.help_{name}"), pinned=name == "layer"
        )
        for name in shown
    }


def explained(config: ZFNetConfig, rows: Sequence[LayerRow], cell: tuple[str, str], value: object) -> str:
    """Return the arithmetic of one cell (line, column) as Markdown, or why there is none.

    For a layer's name it is that of its size, or of its parameters where there are no maps.
    """
    line, column = cell
    if column == "layer":
        column = "output" if line in SPATIAL else "parameters"
    ranks = {row.name: row.rank for row in rows if row.rank}
    term = arithmetic(config, line, ranks).get("output_height" if column == "output" else column)
    words = {"line": t("architecture.total") if line == TOTAL else line, "column": t(f"architecture.column_{column}")}
    if term:
        return t("architecture.arithmetic", **words, term=term)
    reasons = {"absent": value is None, "zero": column in SUMMED, "everything": column == "receptive_field"}
    why = next((reason for reason, holds in reasons.items() if holds), "setting")
    return t(f"architecture.no_arithmetic_{why}", **words)


def comparison(zfnet: ZFNetConfig) -> dict[str, list[str]]:
    """Return AlexNet and ZFNet beside each other; what differs is bold and has an arrow."""
    old, new = layer_table(ALEXNET)[:-1], layer_table(zfnet)[:-1]
    pairs = list(zip(old, new, strict=True))
    fields = [(a.receptive_field, b.receptive_field) for a, b in pairs]
    table = {
        t("architecture.column_layer"): [row.name for row in new],
        t("architecture.column_alexnet"): [_marked(a, a != b) for a, b in _both(pairs)],
        t("architecture.column_zfnet"): [_marked(b, a != b) for a, b in _both(pairs)],
        t("architecture.column_cells"): [
            _change(*(f"{r.output[1]}²" for r in p)) if p[0].kernel else "" for p in pairs
        ],
        t("architecture.column_receptive_field"): [_change(a.size, b.size) if a and b else "" for a, b in fields],
        t("architecture.column_jump"): [_change(a.jump, b.jump) if a and b else "" for a, b in fields],
        t("architecture.column_parameters"): [_change(*(f"{r.parameters:,}" for r in pair)) for pair in pairs],
        t("architecture.column_mega_macs"): [_change(*(f"{r.macs / 1e6:,.1f}" for r in pair)) for pair in pairs],
    }
    sums = [_change(*(f"{total(rows, 'parameters'):,}" for rows in (old, new)))]
    sums += [_change(*(f"{total(rows, 'macs') / 1e6:,.1f}" for rows in (old, new)))]
    last = [t("architecture.total"), *[""] * (len(table) - 3), *sums]
    return {heading: [*cells, end] for (heading, cells), end in zip(table.items(), last, strict=True)}


def changes(zfnet: ZFNetConfig) -> str:
    """Return in words, with numbers, what the differences between AlexNet and ZFNet do."""
    old, new = ({row.name: row for row in layer_table(config)} for config in (ALEXNET, zfnet))
    cells = [rows["conv1"].output[1] for rows in (old, new)]
    fields = [row.receptive_field for row in (old["conv1"], new["conv1"], new["conv2"])]
    fields += [row.receptive_field for row in (old["conv5"], new["conv5"])]
    sizes, jumps = [[getattr(field, what) for field in fields] for what in ("size", "jump")]
    sums = [total(tuple(rows.values()), what) for what in ("parameters", "macs") for rows in (old, new)]
    values = {"old_cells": cells[0], "new_cells": cells[1], "times": cells[1] ** 2 / cells[0] ** 2}
    values |= {"old_jump": jumps[0], "new_jump": jumps[1], "both_jump": jumps[2]}
    values |= {"old_field": sizes[3], "new_field": sizes[4]}
    values |= {"old_weights": old["conv2"].parameters, "new_weights": new["conv2"].parameters}
    values |= {"more_parameters": sums[1] / sums[0] - 1, "more_macs": sums[3] / sums[2]}
    return t("architecture.changes", **values)


def listing() -> dict[str, list[str]]:
    """Return the sizes that the copied listing claims beside those that it makes."""
    sizes = shapes(LISTING)
    made = {name: sizes[name][1] for name in LISTING_CLAIMS}
    terms = [f"`{size_terms(getattr(LISTING, name), sizes[BELOW[name]][1])} = {made[name]}`" for name in made]
    claimed, arrived = _inputs()
    channels = sizes["pool5"][0]
    return {
        t("architecture.column_layer"): [*made, "fc6"],
        t("architecture.column_claimed"): [*(f"{n}×{n}" for n in LISTING_CLAIMS.values()), f"{claimed:,}"],
        t("architecture.column_made"): [
            *(_marked(f"{made[name]}×{made[name]}", made[name] != n) for name, n in LISTING_CLAIMS.items()),
            _marked(f"{arrived:,}", claimed != arrived),
        ],
        t("architecture.column_arithmetic"): [*terms, f"`{channels}·{made['pool5']}·{made['pool5']} = {arrived:,}`"],
    }


def listing_stops() -> str:
    """Return in words where the copied listing first goes wrong and where it stops."""
    claimed, arrived = _inputs()
    first = next(name for name, size in LISTING_CLAIMS.items() if shapes(LISTING)[name][1] != size)
    made, said = shapes(LISTING)[first][1], LISTING_CLAIMS[first]
    return t("architecture.listing_stops", layer=first, made=made, said=said, claimed=claimed, arrived=arrived)


def notes() -> dict[str, list[str]]:
    """Return figures found in lecture notes, each beside what the paper says, and where."""
    return {
        t(f"architecture.column_{column}"): [t(f"architecture.notes_{note}_{column}") for note in NOTES]
        for column in ("said", "paper", "source", "split")
    }


def _inputs() -> tuple[int, int]:
    """Return how many values fc6 of the copied listing expects, and how many arrive."""
    channels, height, width = shapes(LISTING)["pool5"]
    return channels * LISTING_CLAIMS["pool5"] ** 2, channels * height * width


def _both(pairs: Sequence[tuple[LayerRow, LayerRow]]) -> list[tuple[str, str]]:
    return [(_operation(a), _operation(b)) for a, b in pairs]


def _operation(row: LayerRow) -> str:
    if not row.kernel:
        return t("architecture.units", count=row.output[0])
    window = f"{row.kernel}×{row.kernel} / {row.stride}"
    if row.groups is None:
        return window
    shape = f"{window}, {row.output[0]}"
    return t("architecture.grouped", shape=shape, groups=row.groups) if row.groups > 1 else shape


def _marked(text: str, different: bool) -> str:
    return f"**{text}**" if different else text


def _change(before: object, after: object) -> str:
    return str(after) if before == after else f"**{before} → {after}**"

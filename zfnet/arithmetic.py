"""The architecture table as plain numbers, and the arithmetic behind each of them.

``records`` flattens the table, ``as_csv`` writes it, ``arithmetic`` says how a layer's numbers come about, in signs
that need no language: ``⌊(224 + 2·3 − 7)/2⌋ + 1 = 112``. The formulas are those of ``zfnet.geometry`` with numbers put
in; ⌊ ⌋ rounds down, ⌈ ⌉ up.
"""

import csv
import io
from collections.abc import Mapping, Sequence

from zfnet.errors import SelectionError
from zfnet.geometry import (
    BELOW,
    LAYERS,
    SPATIAL,
    Convolution,
    LayerRow,
    Pooling,
    ReceptiveField,
    ZFNetConfig,
    layer_table,
    receptive_field,
    shapes,
    total,
)

TOTAL = "total"
SUMMED = ("parameters", "macs", "stored_parameters", "executed_macs")
_SHARES = {"parameter_share": "parameters", "mac_share": "macs"}
# One cell of the picture itself.
_PIXEL = ReceptiveField(size=1, jump=1, start=0)
_GROUPED_DIGITS_FROM = 10_000

Number = int | float | None


def records(config: ZFNetConfig, rows: Sequence[LayerRow]) -> list[dict[str, str | Number]]:
    """Return the rows of a table, each as one number or word for each column; None where there is nothing to say.

    ``receptive_field``, ``jump``, ``left_edge`` and ``centre`` (of cell 0) are in input pixels, shares in [0, 1]. The
    ``gap`` head has no shares: it is not part of the network.
    """
    sums = {column: total(tuple(rows), column) for column in SUMMED}
    return [_record(row, config.input_size, sums) for row in rows]


def as_csv(config: ZFNetConfig, rows: Sequence[LayerRow]) -> str:
    """Return the table as comma-separated values with a line of headings, without totals, numbers as they are."""
    flat, text = records(config, rows), io.StringIO()
    writer = csv.DictWriter(text, flat[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def arithmetic(config: ZFNetConfig, layer: str, ranks: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return how the numbers of one line of the table come about.

    Args:
        config: the network's shape.
        layer: ``conv1`` to ``fc8``, ``gap``, or ``total`` for the sums.
        ranks: for each fully connected layer that is stored as two factors, their rank.

    Returns:
        ``term = number`` for each column of ``records`` that is computed, ``term ≈ number`` for the shares;
        ``output_height`` stands for the width too.
        What is given, such as a kernel or a padding, is left out.

    Raises:
        SelectionError: for a line that the table does not have.
    """
    table = {row.name: row for row in layer_table(config, ranks)}
    if layer != TOTAL and layer not in table:
        raise SelectionError(f"the lines of the table are {', '.join(table)} and {TOTAL}, got {layer!r}")
    if layer == TOTAL:
        return _sums(tuple(table.values()))
    row = table[layer]
    terms = {**_sizes(config, layer), **_fields(config, layer), **_costs(config, row)}
    if layer != "gap":
        for column, of in _SHARES.items():
            terms[column] = _share(getattr(row, of), total(tuple(table.values()), of))
    return terms


def size_terms(layer: Convolution | Pooling, size: int) -> str:
    """Return how many cells along one axis ``layer`` makes from ``size`` cells: the term without its result."""
    padded = f"{size} + 2·{layer.padding}" if layer.padding else f"{size}"
    span = size + 2 * layer.padding - layer.kernel
    if not (isinstance(layer, Pooling) and layer.ceil):
        return f"⌊({padded} − {layer.kernel})/{layer.stride}⌋ + 1"
    # A last window that would start in the right padding is left out.
    left_out = -(-span // layer.stride) * layer.stride >= size + layer.padding
    return f"⌈({padded} − {layer.kernel})/{layer.stride}⌉ + 1{' − 1' if left_out else ''}"


def _record(row: LayerRow, input_size: int, sums: Mapping[str, int]) -> dict[str, str | Number]:
    seen, inside = row.receptive_field, row.name != "gap"
    return {
        "layer": row.name,
        "type": row.kind,
        "kernel": row.kernel,
        "stride": row.stride,
        "padding": row.padding,
        "groups": row.groups,
        "filters": None if row.kind == "pooling" else row.output[0],
        "output_height": row.output[1],
        "output_width": row.output[2],
        "output_channels": row.output[0],
        "receptive_field": seen.size if seen else input_size,
        "jump": seen.jump if seen else None,
        "left_edge": seen.start if seen else None,
        "centre": seen.centre(0) if seen else None,
        "parameters": row.parameters,
        "parameter_share": row.parameters / sums["parameters"] if inside else None,
        "macs": row.macs,
        "mac_share": row.macs / sums["macs"] if inside else None,
        "rank": row.rank,
        "stored_parameters": row.stored_parameters,
        "executed_macs": row.executed_macs,
    }


def _sizes(config: ZFNetConfig, layer: str) -> dict[str, str]:
    if layer not in SPATIAL:
        return {}
    sizes = shapes(config)
    return {"output_height": f"{size_terms(getattr(config, layer), sizes[BELOW[layer]][1])} = {sizes[layer][1]}"}


def _fields(config: ZFNetConfig, layer: str) -> dict[str, str]:
    if layer in ("fc7", "fc8"):
        return {}
    below = _PIXEL if layer == "conv1" else receptive_field(config, BELOW[layer])
    if layer not in SPATIAL:
        # fc6 and gap read all cells at once, as one window over the whole map; more than the picture is not to be seen.
        cells = shapes(config)[BELOW[layer]][1]
        size = below.size + (cells - 1) * below.jump
        term = f"{below.size} + ({cells} − 1)·{below.jump}"
        return {"receptive_field": f"min({term}, {config.input_size}) = {min(size, config.input_size)}"}
    step, own = getattr(config, layer), receptive_field(config, layer)
    return {
        "receptive_field": f"{below.size} + ({step.kernel} − 1)·{below.jump} = {own.size}",
        "jump": f"{below.jump}·{step.stride} = {own.jump}",
        "left_edge": f"{_n(below.start)} − {step.padding}·{below.jump} = {_n(own.start)}",
        "centre": f"{_n(own.start)} + ({own.size} − 1)/2 = {_n(own.centre(0))}",
    }


def _costs(config: ZFNetConfig, row: LayerRow) -> dict[str, str]:
    if row.kind == "pooling":
        return {}
    below, layer = shapes(config)[BELOW[row.name]], getattr(config, row.name, None)
    if isinstance(layer, Convolution):
        channels = f"({below[0]}/{layer.groups})" if layer.groups > 1 else str(below[0])
        weights = f"{layer.kernel}·{layer.kernel}·{channels}·{layer.filters}"
        work = f"{weights}·{row.output[1]}·{row.output[2]}"
    else:
        inputs = str(below[0]) if row.name == "gap" or below[1] == 1 else f"{below[0]}·{below[1]}·{below[2]}"
        weights = work = f"{inputs}·{row.output[0]}"
    held, done = weights, work
    if row.rank:
        # One factor reads the inputs, the other writes the outputs.
        held = done = f"{row.rank}·({_n(row.macs // row.output[0])} + {row.output[0]})"
    return {
        "parameters": f"{weights} + {row.output[0]} = {_n(row.parameters)}",
        "macs": f"{work} = {_n(row.macs)}",
        "stored_parameters": f"{held} + {row.output[0]} = {_n(row.stored_parameters)}",
        "executed_macs": f"{done} = {_n(row.executed_macs)}",
    }


def _sums(rows: tuple[LayerRow, ...]) -> dict[str, str]:
    terms = {}
    for column in SUMMED:
        parts = [getattr(row, column) for row in rows if row.name in LAYERS and getattr(row, column)]
        terms[column] = f"{' + '.join(map(_n, parts))} = {_n(total(rows, column))}"
    whole = {column: total(rows, of) for column, of in _SHARES.items()}
    return terms | {column: _share(count, count) for column, count in whole.items()}


def _share(part: int, whole: int) -> str:
    return f"{_n(part)} / {_n(whole)} ≈ {part / whole:.2%}"


def _n(value: float) -> str:
    """Write a number with a true minus; digits in groups where there are five or more."""
    text = f"{abs(value):,.15g}" if abs(value) >= _GROUPED_DIGITS_FROM else f"{abs(value):.15g}"
    return f"−{text}" if value < 0 else text

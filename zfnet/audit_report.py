"""What an audit found, in words for the shell and in records for programs."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from zfnet.audit import FLAGS, LayerAudit

_NAMES = {"dead": "dead", "always_on": "always on", "duplicate": "near-duplicates", "aliased": "aliased"}
_WIDTH = 110
# Thirty filters alike are 435 pairs, and a thousand silent units of fc6 a wall: one layer asked for alone has them all.
_MOST = 24


def as_records(found: Iterable[LayerAudit]) -> list[dict[str, Any]]:
    """Return one record for each layer, of plain lists and numbers; None where a flag has no meaning."""
    return [_record(layer) for layer in found]


def as_table(found: Iterable[LayerAudit]) -> str:
    """Return counts as a table, and below it the channels under each flag: all for a single layer, else the first."""
    layers = tuple(found)
    heading = ("layer", "channels", *_NAMES.values(), "pairs")
    lines = [heading, *(_cells(layer) for layer in layers)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    table = [
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    most = None if len(layers) == 1 else _MOST
    told = [line for layer in layers for line in _channels(layer, most)]
    over = f"over {layers[0].pictures} pictures; a dead channel may answer to others"
    return "\n".join([*table, over, *told])


def _record(layer: LayerAudit) -> dict[str, Any]:
    return {
        "layer": layer.layer,
        "pictures": layer.pictures,
        "channels": layer.channels,
        **{flag: layer.flagged(flag) for flag in FLAGS},
        "pairs": None if layer.pairs is None else [asdict(pair) for pair in layer.pairs],
        "active": layer.active.tolist(),
        **{
            name: measured and {"stride": measured.stride, "beyond": measured.beyond.tolist()}
            for name, measured in (("aliasing", layer.aliasing), ("coarse", layer.coarse))
        },
    }


def _cells(layer: LayerAudit) -> tuple[str, ...]:
    counted = [layer.flagged(flag) for flag in _NAMES]
    return (
        layer.layer,
        str(layer.channels),
        *("-" if channels is None else str(len(channels)) for channels in (*counted, layer.pairs)),
    )


def _channels(layer: LayerAudit, most: int | None) -> Iterable[str]:
    for flag, name in _NAMES.items():
        if channels := layer.flagged(flag):
            yield _listed(f"{layer.layer} {name}", [str(channel) for channel in channels], most)
    if layer.pairs:
        yield _listed(
            f"{layer.layer} pairs", [f"{pair.first}={pair.second} ({pair.cosine:.3f})" for pair in layer.pairs], most
        )
    if layer.coarse:
        channels = layer.coarse.aliased
        start = f"{layer.layer} at stride {layer.coarse.stride}, as in AlexNet: {len(channels)} would be aliased"
        yield _listed(start, [str(channel) for channel in channels], most)


def _listed(start: str, parts: Sequence[str], most: int | None) -> str:
    more = len(parts) - len(parts[:most])
    told = [*parts[:most], *([f"and {more} more"] if more else [])]
    return textwrap.fill(f"{start}: {', '.join(told)}", _WIDTH, subsequent_indent="    ", break_on_hyphens=False)

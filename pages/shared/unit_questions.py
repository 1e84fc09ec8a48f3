"""Measured questions about units and layers: which answers, where, what it kept of the picture, how far it sees."""

from dataclasses import replace

import numpy as np

from pages.shared import projections, results
from pages.shared.questions import (
    MARGIN,
    OPTIONS,
    Asked,
    Option,
    Question,
    compose,
    maximization,
    pictured,
    weaker,
)
from pages.shared.results import Look
from zfnet import Unit, render
from zfnet.geometry import CONVOLUTIONS, SPATIAL, receptive_field, shapes

PLACES = ("upper_left", "upper_right", "lower_left", "lower_right")
# A layer's share of silent channels stands out by so much.
_SHARE_APART = 0.02


def strongest_unit(asked: Asked) -> Question | None:
    """Ask which of four units, known by their maximizations, answers the picture most strongly."""
    layer, session = asked.selection.layer, asked.session
    peaks = results.ranking(session, asked.view, layer).peaks
    chance = asked.chance("unit", layer)
    drawn = weaker({channel: peaks[channel] for channel in pictured(session, layer)}, chance)
    if drawn is None:
        return None
    right, *wrong = (
        Option(f"{layer}:{channel}", peaks[channel], maximization(session, layer, channel))
        for channel in (drawn[0], *drawn[1])
    )
    question = compose("unit", right, wrong, chance, layer=layer)
    return replace(question, answer=_map(asked, drawn[0]) if layer in SPATIAL else None)


def place(asked: Asked) -> Question | None:
    """Ask in which quarter of the picture a unit answers most strongly."""
    layer, session, view = asked.selection.layer, asked.session, asked.view
    if layer not in SPATIAL:
        return None
    maps = session.feature_maps(view, layer, cancel=results.abandoned).values
    known = set(pictured(session, layer))
    ranked = [channel for channel in results.ranking(session, view, layer).channels if channel in known]
    chosen = asked.selection.channel
    for channel in ranked[:24] if chosen is None else [chosen]:
        quarters = _quarters(maps[channel], asked)
        first, second = sorted(quarters.values(), reverse=True)[:2]
        if first > 0 and second <= 0.75 * first:
            break
    else:
        return None
    cut = dict(
        zip(PLACES, (part for half in np.vsplit(np.asarray(view), 2) for part in np.hsplit(half, 2)), strict=True)
    )
    options = tuple(Option(name, quarters[name], render.encode_png(cut[name])) for name in PLACES)
    right = max(range(len(PLACES)), key=lambda i: options[i].measured)
    # A map of the picture: its order says where a quarter lies.
    question = Question("place", options, right, {"unit": f"{layer}:{channel}"})
    return replace(question, shown=maximization(session, layer, channel), answer=_map(asked, channel))


def _map(asked: Asked, channel: int) -> bytes:
    """Return the map of a unit on the picture."""
    unit = Unit(asked.selection.layer, channel)
    return results.feature_map(asked.session, asked.view, unit, Look(colormap=asked.selection.colormap)).overlay


def _quarters(values: np.ndarray, asked: Asked) -> dict[str, float]:
    """Return the largest value of a map in each quarter, its cells taken for the pixels that they are centred on."""
    field, middle = receptive_field(asked.session.info.config, asked.selection.layer), asked.view.width / 2
    upper = sum(field.centre(row) < middle for row in range(len(values)))
    halves = (slice(0, upper), slice(upper, None))
    return dict(zip(PLACES, (float(values[r, c].max()) for r in halves for c in halves), strict=True))


def projection(asked: Asked) -> Question | None:
    """Ask which of four projections is that of a unit; at the places of the others it answers little or nothing."""
    layer, session, view = asked.selection.layer, asked.session, asked.view
    if layer not in SPATIAL:
        return None
    maps = session.feature_maps(view, layer, cancel=results.abandoned).values
    known = set(pictured(session, layer))
    ranking = results.ranking(session, view, layer)
    alive = [channel for channel in ranking.channels if channel in known and channel not in ranking.silent]
    cells = {channel: np.unravel_index(maps[channel].argmax(), maps[channel].shape) for channel in alive}
    chance = asked.chance("projection", layer)
    for channel in alive[:12]:
        here = {other: float(maps[channel][cells[other]]) for other in alive[:36]}
        others = [other for other, value in here.items() if value <= MARGIN * here[channel]]
        distinct = list({cells[other]: other for other in reversed(others)}.values())[::-1]
        if len(distinct) >= OPTIONS - 1:
            break
    else:
        return None
    right, *wrong = (
        Option(f"{layer}:{other}", here[other], projections.tile(session, view, Unit(layer, other)))
        for other in (channel, *chance.sample(distinct[:9], OPTIONS - 1))
    )
    question = compose("projection", right, wrong, chance, unit=f"{layer}:{channel}")
    return replace(question, shown=maximization(session, layer, channel))


def field(asked: Asked) -> Question:
    """Ask which layer's cells see a square of the picture that is marked."""
    config, view, chance = asked.session.info.config, asked.view, asked.chance("field")
    layer = chance.choice(CONVOLUTIONS[1:-1])
    fields = {name: receptive_field(config, name) for name in CONVOLUTIONS}
    others = chance.sample([name for name in CONVOLUTIONS if name != layer], OPTIONS - 1)
    # In the order of the network: that a higher layer sees more is no secret.
    names = sorted([layer, *others])
    options = tuple(Option(name, fields[name].size) for name in names)
    # In the middle, where the picture does not cut it.
    middle = shapes(config)[layer][1] // 2
    box = fields[layer].box(middle, middle, view.width)
    question = Question("field", options, names.index(layer), {"side": fields[layer].size})
    return replace(question, shown=render.encode_png(render.draw_box(np.asarray(view), box)))


def silent(asked: Asked) -> Question | None:
    """Ask in which layer most channels say nothing to the picture."""
    shares = {
        row.layer: row.silent / row.channels
        for row in results.statistics(asked.session, asked.view)
        if row.layer in (*CONVOLUTIONS, "fc6", "fc7")
    }
    right = max(shares, key=shares.__getitem__)
    others = [name for name, share in shares.items() if share + _SHARE_APART <= shares[right]]
    if len(others) < OPTIONS - 1:
        return None
    drawn = asked.chance("silent").sample(others, OPTIONS - 1)
    names = [name for name in shares if name in (right, *drawn)]
    return Question("silent", tuple(Option(name, shares[name]) for name in names), names.index(right))

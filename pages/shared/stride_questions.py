"""Measured questions about strides: how many cells, what a fine grating looks like, which filter loses most."""

from PIL import Image

from pages.shared import results
from pages.shared.questions import OPTIONS, Asked, Option, Question, compose
from pages.shared.results import cached
from pages.shared.stride_parts import on_grating
from zfnet import InferenceSession
from zfnet.geometry import ALEXNET, shapes

# Two strides of the lesson: what Krizhevsky's network has, and what ZFNet has.
COARSE = ALEXNET.conv1.stride
# Two periods are told apart that differ by this factor, and two filters whose shares differ by so much.
_FACTOR, _APART = 1.25, 0.15
_FILTERS = range(0, 96, 4)


def cells(asked: Asked) -> Question | None:
    """Ask how many cells a map of conv1 has; wrong are the numbers of likely mistakes."""
    config = asked.session.info.config
    own, conv1, side = shapes(config)["conv1"][1], config.conv1, config.input_size
    # Krizhevsky's network, filters side by side, stride 1 without padding; where one of these is right, half of it.
    mistakes = [shapes(ALEXNET)["conv1"][1], side // conv1.kernel, side - conv1.kernel + 1, own // 2]
    wrong = [size for size in dict.fromkeys(mistakes) if size != own][: OPTIONS - 1]
    sizes = sorted([own, *wrong])
    options = tuple(Option(f"{size}×{size}", size**2) for size in sizes)
    coarse = mistakes[0]
    values = {
        "side": own,
        "cells": own**2,
        "kernel": conv1.kernel,
        "stride": conv1.stride,
        "coarse": coarse,
        "times": own**2 / coarse**2,
    }
    return Question("cells", options, sizes.index(own), values)


def period(asked: Asked) -> Question | None:
    """Ask which period the selected grating has in a map at stride 4, as measured there."""
    true = asked.selection.period
    shown = on_grating(asked.session, true, asked.selection.orientation, None, zoom=1)
    verdicts = {s.sampling.stride: verdict for s, verdict in zip(shown.maps, shown.verdicts, strict=True)}
    if verdicts[COARSE] not in ("kept", "false"):
        return None
    seen = next(s.sampling.shown.period for s in shown.maps if s.sampling.stride == COARSE)
    likely = [true, 2 * true, COARSE * true, true / 2, 2 * seen, seen / 2]
    apart: list[float] = []
    for one in likely:
        if all(max(one, other) >= _FACTOR * min(one, other) for other in (seen, *apart)):
            apart.append(one)
    periods = sorted([seen, *apart[: OPTIONS - 1]])
    options = tuple(Option(f"{one:.3g}", one) for one in periods)
    values = {"period": true, "stride": COARSE, "limit": 2 * COARSE}
    return Question("period", options, periods.index(seen), values, shown.picture)


def folded(asked: Asked) -> Question | None:
    """Ask which of four filters has most of its answer to the picture folded back at stride 4."""
    shares = folding(asked.session, asked.view)
    if not shares:
        return None
    first = max(shares, key=lambda one: (shares[one], -one))
    others = [one for one, share in shares.items() if share <= shares[first] - _APART]
    if len(others) < OPTIONS - 1:
        return None
    chance = asked.chance("folded")
    right, *wrong = (
        Option(f"conv1:{one}", shares[one], results.filters(asked.session, "conv1", 1, (one,)))
        for one in (first, *chance.sample(others, OPTIONS - 1))
    )
    return compose("folded", right, wrong, chance, stride=COARSE)


@cached
def folding(session: InferenceSession, view: Image.Image) -> dict[int, float]:
    """Return which share of a filter's answer lies above the limit of stride 4, for those filters that answer."""
    awake = set(results.ranking(session, view, "conv1").channels) - results.ranking(session, view, "conv1").silent
    strides = (1, COARSE)
    labs = (session.stride_lab(view, one, strides, cancel=results.abandoned) for one in _FILTERS if one in awake)
    return {lab.channel: lab.samplings[1].folded for lab in labs}

"""Measured questions about classes: whose evidence it is, which channel carries it, what it costs to cover a place."""

import numpy as np
from PIL import Image

from pages.shared import evidence, results
from pages.shared.evidence import Evidence, Paint
from pages.shared.questions import MARGIN, OPTIONS, Asked, Option, Question, compose, maximization, pictured, weaker
from pages.shared.results import cached
from zfnet import InferenceSession, render
from zfnet.occlusion import OcclusionMaps, Square

# Sixteen squares, edge to edge.
SQUARE = Square(size=56, stride=56)
# Two maps are unlike whose cosine is less; a place is worth asking about that costs this share of the probability.
_ALIKE, _WORTH = 0.7, 0.1
# Besides the five most probable classes, some others are asked about, by their ranks.
_RANKS = range(9, 100, 10)


def whose(asked: Asked) -> Question | None:
    """Ask which map is the evidence for the class; the others, three at most, are of classes whose maps look unlike."""
    session, view, head = asked.session, asked.view, asked.selection.head
    ranked = results.classification(session, view, head).probabilities.argsort()[::-1].tolist()
    wanted = evidence.Asked(head=head)

    def found(index: int) -> Evidence:
        return evidence.evidence(session, view, index, wanted)

    own, unlike = found(asked.class_index), dict[int, float]()
    for index in (*asked.classes, *(ranked[rank] for rank in _RANKS)):
        alike = _overlap(own, found(index))
        if index != asked.class_index and found(index).high > 0 and alike < _ALIKE:
            unlike[index] = alike
    if own.high <= 0 or not unlike:
        return None
    paint = Paint(asked.selection.colormap)
    right, *wrong = (
        Option(str(i), value, evidence.overlay(session, view, found(i), "conv5", paint=paint, end=found(i).high))
        for i, value in [(asked.class_index, 1.0), *list(unlike.items())[: OPTIONS - 1]]
    )
    return compose("class", right, wrong, asked.chance("class", asked.class_index, head), index=asked.class_index)


def _overlap(one: Evidence, other: Evidence) -> float:
    """Return the cosine between the positive parts of two maps, 0 where one has none."""
    first, second = (np.maximum(values.values, 0).ravel() for values in (one, other))
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length else 0.0


def channel(asked: Asked) -> Question | None:
    """Ask which of four channels adds most to the Grad-CAM of the class; the others are loud, but add little."""
    session, view, head = asked.session, asked.view, asked.selection.head
    parts = evidence.parts(session, view, asked.class_index, evidence.Asked(head=head)).parts
    known, total = pictured(session, "conv5"), float(np.abs(parts).sum())
    if not known or total <= 0:
        return None
    first = max(known, key=lambda one: parts[one])
    ranked = results.ranking(session, view, "conv5").channels
    loud = [one for one in ranked if one in known and parts[one] <= MARGIN * parts[first]]
    if parts[first] <= 0 or len(loud) < OPTIONS - 1:
        return None
    right, *wrong = (
        Option(f"conv5:{one}", float(parts[one]) / total, maximization(session, "conv5", one))
        for one in (first, *loud[: OPTIONS - 1])
    )
    chance = asked.chance("channel", asked.class_index, head)
    return compose("channel", right, wrong, chance, index=asked.class_index)


def cover(asked: Asked) -> Question | None:
    """Ask which of four squares, when it is covered, leaves the least of the class's probability."""
    session, view = asked.session, asked.view
    maps = covered(session, view, asked.class_index, head=asked.selection.head)
    whole = maps.whole[0]
    costs = {place: whole - float(value) for place, value in enumerate(maps.probability.flat)}
    chance = asked.chance("cover", asked.class_index, asked.selection.head)
    drawn = weaker(costs, chance, 0.5)
    if drawn is None or costs[drawn[0]] < _WORTH * whole:
        return None

    def option(place: int) -> Option:
        row, column = divmod(place, maps.probability.shape[1])
        pixels = session.covered(view, maps.box(row, column)[:2], square=SQUARE, cancel=results.abandoned)
        return Option(f"{row},{column}", whole - costs[place], render.encode_png(pixels))

    wrong = [option(place) for place in drawn[1]]
    return compose("cover", option(drawn[0]), wrong, chance, index=asked.class_index, whole=whole)


@cached
def covered(session: InferenceSession, view: Image.Image, class_index: int, *, head: str) -> OcclusionMaps:
    """Return what covering each of the sixteen squares does to a class."""
    return session.occlusion(view, class_index, square=SQUARE, head=head, cancel=results.abandoned)

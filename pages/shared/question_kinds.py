"""All measured questions by their kinds, as lessons name them."""

from pages.shared import class_questions, stride_questions, unit_questions
from pages.shared.questions import Asked, Kind, Question

KINDS: dict[str, Kind] = {
    "unit": unit_questions.strongest_unit,
    "place": unit_questions.place,
    "projection": unit_questions.projection,
    "field": unit_questions.field,
    "silent": unit_questions.silent,
    "class": class_questions.whose,
    "channel": class_questions.channel,
    "cover": class_questions.cover,
    "cells": stride_questions.cells,
    "period": stride_questions.period,
    "folded": stride_questions.folded,
}


def ask(kind: str, asked: Asked) -> Question | None:
    """Return a question of a kind, None where the picture allows no fair one."""
    return KINDS[kind](asked)

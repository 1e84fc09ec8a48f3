"""Predict, then reveal: a question on a page, what was predicted, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import follow, results, votes
from pages.shared.clickable import clickable
from pages.shared.lessons import Lesson, Step, Written
from pages.shared.question_kinds import ask
from pages.shared.questions import Asked, Option, Question
from pages.shared.state import selection, t, view
from pages.shared.widgets import class_name
from zfnet import film
from zfnet.images import digest

# How what was measured of an option is written.
_FORMS = {
    "field": ".0f",
    "silent": ".1%",
    "channel": "+.1%",
    "cover": ".1%",
    "cells": ",.0f",
    "period": ".3g",
    "folded": ".0%",
}
# Two tiles beside each other are what a telephone has room for.
_TILE, _GAP, _SHOWN = 144, 12, 224


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was chosen of a question's options, -1 for nothing, and whether the answer has been shown."""

    names: tuple[str, ...]
    right: int
    chosen: int = -1
    revealed: bool = False


def question(step: Step) -> Question | None:
    """Return the question of a step, made for the picture that is looked at; None where it allows no fair one."""
    if isinstance(step.question, Written):
        options = tuple(Option(str(i), 0.0) for i in range(len(step.question.options)))
        return Question("written", options, step.question.right)
    return ask(step.question, Asked(results.session(), view(), selection())) if step.question else None


def revealed(asked: Question | None) -> bool:
    """Return whether the answer may be shown; it may where nothing is asked."""
    made = _prediction(asked) if asked else None
    return asked is None or (made is not None and made.revealed)


def score(lesson: Lesson) -> tuple[int, int]:
    """Return how many of the questions that were answered in a lesson on this picture were answered rightly."""
    places = [(lesson.name, i, digest(view())) for i in range(len(lesson.steps))]
    made = [_seen(place, _predictions()[place]) for place in places if place in _predictions()]
    done = [one for one in made if one.revealed and one.chosen >= 0]
    return sum(one.chosen == one.right for one in done), len(done)


def show(step: Step, asked: Question) -> None:
    """Ask, take a prediction, and show what is measured once it is wanted."""
    made, about = _prediction(asked), _about(_place(), _names(asked))
    labels = [_label(step, asked, i) for i in range(len(asked.options))]
    st.subheader(_prompt(step, asked), anchor=False)
    if asked.shown:
        seen, choices = st.columns([1, 3.4], gap="medium")
        alt = t(f"lesson.shown_{asked.kind}", **_values(asked))
        seen.image(asked.shown, alt=alt, width=_SHOWN, output_format="PNG")
    with choices if asked.shown else st.container():
        _options(labels, asked, made)
    if made is None or not made.revealed:
        votes.before(about, labels, made.chosen if made else -1)
        if not follow.follows():
            st.button(
                t("lesson.reveal"),
                key="reveal",
                type="primary",
                disabled=made is None and not follow.leads(),
                help=t("lesson.reveal_help"),
                on_click=_reveal,
                args=(made or Prediction(_names(asked), asked.right),),
            )
        return
    right = labels[asked.right]
    if made.chosen in (asked.right, -1):
        st.success(t("lesson.right", option=right), icon=":material/check:")
    else:
        st.warning(t("lesson.wrong", option=right, chosen=labels[made.chosen]), icon=":material/close:")
    votes.after(about, labels, asked.right)
    _explain(step, asked, labels)


def _prompt(step: Step, asked: Question) -> str:
    if isinstance(step.question, Written):
        return step.question.text[selection().language]
    return t(f"lesson.ask_{asked.kind}", **_values(asked))


def _options(labels: Sequence[str], asked: Question, made: Prediction | None) -> None:
    """Show the options: pictures to be clicked, or words; after the answer they stay as they are."""

    def choose(chosen: int) -> None:
        if made is None or not made.revealed:
            _keep(Prediction(_names(asked), asked.right, chosen))

    about = _about(_place(), _names(asked))
    chosen = made.chosen if made else -1
    pictured = [option.png for option in asked.options if option.png]
    if len(pictured) == len(labels):
        clickable(
            _sheet(pictured),
            labels,
            len(labels),
            tile=(_TILE, _TILE),
            key=f"options_{about}",
            alt=t("lesson.options"),
            on_click=choose,
            selected=chosen,
            smooth=True,
            gap=_GAP,
            captions=labels,
        )
        return
    key = f"option_{about}"
    st.session_state[key] = None if chosen < 0 else chosen
    st.radio(
        t("lesson.options"),
        range(len(labels)),
        format_func=labels.__getitem__,
        index=None,
        key=key,
        disabled=made is not None and made.revealed,
        on_change=lambda: choose(st.session_state[key]),
        label_visibility="collapsed",
    )


def _explain(step: Step, asked: Question, labels: Sequence[str]) -> None:
    """Say why, with what was measured of every option."""
    if isinstance(step.question, Written):
        st.markdown(step.question.explanation[selection().language])
        return
    right = asked.options[asked.right]
    measured = _measured(asked, right)
    st.markdown(
        t(
            f"lesson.why_{asked.kind}",
            right=_named(asked, right) or labels[asked.right],
            measured=measured,
            **_values(asked),
        )
    )
    names = [_named(asked, option) for option in asked.options]
    told = [label if name in ("", label) else f"{label} · {name}" for label, name in zip(labels, names, strict=True)]
    told[asked.right] += " ✓"
    columns = {
        t("lesson.option"): told,
        t(f"lesson.measured_{asked.kind}"): [_measured(asked, option) for option in asked.options],
    }
    numbers, map_ = st.columns([1.4, 1], gap="medium")
    numbers.table(columns, border="horizontal")
    if asked.answer:
        alt = t("lesson.answer_alt", right=_named(asked, right))
        map_.image(asked.answer, alt=alt, caption=t("lesson.answer"), width=_SHOWN, output_format="PNG")


def _label(step: Step, asked: Question, index: int) -> str:
    """Return what an option is called while nothing is revealed: a picture by a letter, all others by their name."""
    option = asked.options[index]
    if isinstance(step.question, Written):
        return step.question.options[index][selection().language]
    return _named(asked, option) if option.png is None or asked.kind == "place" else chr(ord("A") + index)


def _named(asked: Question, option: Option) -> str:
    """Return what an option is."""
    if asked.kind == "place":
        return t(f"lesson.place_{option.name}")
    if asked.kind == "class":
        return class_name(int(option.name))
    if asked.kind == "period":
        return t("lesson.pixels", count=option.name)
    return "" if asked.kind == "cover" else option.name


def _measured(asked: Question, option: Option) -> str:
    return format(option.measured, _FORMS.get(asked.kind, ".2f")).replace("-", "−")


def _values(asked: Question) -> dict[str, object]:
    """Return what fills in the texts of a question."""
    index = asked.values.get("index")
    return dict(asked.values) | ({"name": class_name(index)} if isinstance(index, int) else {})


def _sheet(pictures: Sequence[bytes]) -> bytes:
    """Lay pictures beside each other as equal tiles."""
    tiles = []
    for png in pictures:
        with Image.open(BytesIO(png)) as picture:
            way = Image.Resampling.NEAREST if picture.width < _TILE / 2 else Image.Resampling.LANCZOS
            tiles.append(np.asarray(picture.convert("RGB").resize((2 * _TILE, 2 * _TILE), way)))
    return film.sheet(tiles, len(tiles))


def _names(asked: Question) -> tuple[str, ...]:
    return (asked.kind, *(option.name for option in asked.options))


def _predictions() -> dict[tuple[str, int, str], Prediction]:
    """Return what this visitor predicted, by lesson, step and picture."""
    return st.session_state.setdefault("predictions", {})  # type: ignore[no-any-return]


def _place() -> tuple[str, int, str]:
    return selection().lesson, selection().step, digest(view())


def _about(place: tuple[str, int, str], names: tuple[str, ...]) -> str:
    """Return what names a question: equal for all who are asked the same about the same picture."""
    lesson, step, picture = place
    return "_".join([lesson, str(step), picture[:12], *names])


def _prediction(asked: Question) -> Prediction | None:
    """Return the prediction, unless it was made when something else was asked here."""
    made = _predictions().get(_place())
    if made is None or made.names != _names(asked):
        made = Prediction(_names(asked), asked.right)
    seen = _seen(_place(), made)
    return seen if seen.revealed or seen.chosen >= 0 else None


def _seen(place: tuple[str, int, str], made: Prediction) -> Prediction:
    """Return a prediction as revealed where the teacher has revealed the answer."""
    return replace(made, revealed=made.revealed or votes.revealed(_about(place, made.names)))


def _reveal(made: Prediction) -> None:
    _keep(replace(made, revealed=True))
    votes.reveal(_about(_place(), made.names))


def _keep(made: Prediction) -> None:
    _predictions()[_place()] = made

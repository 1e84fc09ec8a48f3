"""Maps switched off: those that an answer needs, beside how Grad-CAM ranks them, and any that the visitor names."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import results
from pages.shared.evidence import Asked, parts
from pages.shared.occlusions import percent
from pages.shared.results import abandoned, cached
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import class_name, shares
from zfnet import InferenceSession, Unit
from zfnet.geometry import shapes
from zfnet.knockout import Knockout, Step

_LAYER, _COUNT = "conv5", 5
_CHOSEN = "knocked_out"


@dataclass(frozen=True, slots=True)
class Needed:
    """The channels that a class needs, and each one's α · mean in Grad-CAM and rank by its magnitude, from 1.

    ``instead`` is the probability left without as many channels that add most in Grad-CAM.
    """

    steps: tuple[Step, ...]
    parts: tuple[float, ...]
    ranks: tuple[int, ...]
    instead: float

    @property
    def shared(self) -> int:
        """Return how many of the channels are as far up in Grad-CAM's ranking."""
        return sum(rank <= len(self.ranks) for rank in self.ranks)


@cached
def found(session: InferenceSession, view: Image.Image, class_index: int, asked: Asked) -> Needed:
    """Find the channels that a class needs; ``asked`` is for Grad-CAM in their layer."""
    steps = session.needed(view, class_index, count=_COUNT, layer=asked.layer, head=asked.head, cancel=abandoned)
    evidence = parts(session, view, class_index, asked)
    ranked, heights = evidence.ranked().tolist(), evidence.parts
    adding = np.argsort(-heights, kind="stable")[: len(steps)].tolist()
    instead = knocked_out(session, view, tuple(f"{asked.layer}:{channel}" for channel in adding), asked.head)
    channels = [step.unit.channel for step in steps]
    return Needed(
        steps,
        tuple(float(heights[channel]) for channel in channels),
        tuple(ranked.index(channel) + 1 for channel in channels),
        float(instead.probabilities_after[class_index]),
    )


@cached
def knocked_out(session: InferenceSession, view: Image.Image, units: tuple[str, ...], head: str) -> Knockout:
    """Return the answer without some channels."""
    return session.knockout(view, units, head=head, cancel=abandoned)


def needed(index: int, asked: Asked) -> None:
    """Let the maps be found that the answer needs, and let any be switched off."""
    st.subheader(t("knockout.title"), anchor=False)
    st.caption(t("knockout.what", layer=_LAYER, name=class_name(index), count=_COUNT))
    if st.toggle(t("knockout.open", count=_COUNT), key="needed", persist_state="session"):
        asked = Asked("gradcam", _LAYER, asked.head, asked.centred)
        _show(index, found(results.session(), view(), index, asked))
    _switch_off(index, asked.head)


def _show(index: int, shown: Needed) -> None:
    """Show what each removal costs, where the answer turns, and whether Grad-CAM would have named the same channels."""
    if not shown.steps:
        st.info(t("knockout.silent", layer=_LAYER))
        return
    st.table(_table(index, shown), border="horizontal", hide_header=False, alt=t("knockout.table_alt"))
    answer = results.classification(results.session(), view(), selection().head).classes[0].index
    turn = next((i for i, step in enumerate(shown.steps) if step.label != answer), None)
    if turn is None:
        st.markdown(t("knockout.stays", answer=class_name(answer), count=len(shown.steps)))
    else:
        names = ", ".join(str(step.unit) for step in shown.steps[: turn + 1])
        after = class_name(shown.steps[turn].label)
        st.markdown(t("knockout.turns", units=names, answer=class_name(answer), after=after))
    values = {"left": percent(shown.steps[-1].probability), "instead": percent(shown.instead)}
    st.markdown(t("knockout.agree", layer=_LAYER, count=len(shown.steps), shared=shown.shared, **values))
    st.caption(t("knockout.meaning"))
    st.caption(t("knockout.to_channel"))
    with st.container(horizontal=True):
        for step in shown.steps:
            _channel(step.unit)
        st.button(
            t("knockout.these", count=len(shown.steps)),
            on_click=_choose,
            args=([str(step.unit) for step in shown.steps],),
            icon=":material/toggle_off:",
        )


def _channel(unit: Unit) -> None:
    """Show a button that selects a channel everywhere; that of the selected one stands out."""
    chosen = (selection().layer, selection().channel) == (unit.layer, unit.channel)
    st.button(
        str(unit),
        key=f"needed_{unit.channel}",
        type="primary" if chosen else "secondary",
        on_click=select,
        kwargs={"layer": unit.layer, "channel": unit.channel},
    )


def _table(index: int, shown: Needed) -> dict[str, list[str]]:
    """Return the removals, column by column."""
    before = float(results.classification(results.session(), view(), selection().head).probabilities[index])
    told = [percent(before), *(percent(step.probability) for step in shown.steps)]
    first, *others = (step.unit for step in shown.steps)
    return {
        t("knockout.column_without"): [
            t("knockout.without", unit=first),
            *(t("knockout.without_too", unit=unit) for unit in others),
        ],
        t("knockout.column_probability", name=class_name(index)): [f"{old} → {new}" for old, new in pairwise(told)],
        t("knockout.column_answer"): [class_name(step.label) for step in shown.steps],
        t("knockout.column_rank"): [str(rank) for rank in shown.ranks],
        t("knockout.column_part"): [results.number(part) for part in shown.parts],
    }


def _switch_off(index: int, head: str) -> None:
    """Let channels be switched off by name, and show the new answer beside the old one."""
    channels = shapes(results.session().info.config)[_LAYER][0]
    units = st.multiselect(
        t("knockout.switch_off", layer=_LAYER),
        [f"{_LAYER}:{channel}" for channel in range(channels)],
        key=_CHOSEN,
        placeholder=t("knockout.none"),
        select_all=False,
        persist_state="session",
    )
    if not units:
        return
    answer = knocked_out(results.session(), view(), tuple(units), head)
    old = results.classification(results.session(), view(), head).classes
    before, after = st.columns(2, gap="medium")
    with before:
        st.caption(t("knockout.before"))
        shares([(class_name(score.index), score.probability) for score in old])
    with after:
        st.caption(t("knockout.after", count=len(units)))
        shares([(class_name(i), float(answer.probabilities_after[i])) for i in answer.top(_COUNT)])
    was, now = (float(p[index]) for p in (answer.probabilities_before, answer.probabilities_after))
    st.markdown(t("knockout.change", name=class_name(index), before=percent(was), after=percent(now)))


def _choose(units: list[str]) -> None:
    st.session_state[_CHOSEN] = units

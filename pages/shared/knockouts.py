"""Maps switched off: those that an answer needs, beside how Grad-CAM ranks them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import results
from pages.shared.evidence import Asked, parts
from pages.shared.occlusions import percent
from pages.shared.results import abandoned, cached
from pages.shared.scaled_units import scaled, switch_off
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import class_name
from zfnet import InferenceSession, Unit
from zfnet.knockout import Step

_LAYER, _COUNT = "conv5", 5


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
    instead = scaled(session, view, tuple(f"{asked.layer}:{channel}" for channel in adding), asked.head)
    channels = [step.unit.channel for step in steps]
    return Needed(
        steps,
        tuple(float(heights[channel]) for channel in channels),
        tuple(ranked.index(channel) + 1 for channel in channels),
        float(instead.probabilities_after[class_index]),
    )


def needed(index: int, asked: Asked) -> None:
    """Let the maps be found that the answer needs."""
    st.header(t("knockout.title"), anchor=False)
    st.caption(t("knockout.what", layer=_LAYER, name=class_name(index), count=_COUNT))
    if st.toggle(t("knockout.open", count=_COUNT), key="needed", persist_state="session"):
        asked = Asked("gradcam", _LAYER, asked.head, asked.centred)
        _show(index, found(results.session(), view(), index, asked))


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
            on_click=switch_off,
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

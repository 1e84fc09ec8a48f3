"""What a maximization is to drive and how it is to climb: named presets, and sliders for those who want to know."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from pages.shared import results
from pages.shared.selection import GOALS, TUNED
from pages.shared.state import select, selection, t
from pages.shared.widgets import choose, class_index, class_name, controlled, unit
from zfnet import MaximizationSettings, Unit
from zfnet.classification import HEADS
from zfnet.gallery_units import middle
from zfnet.geometry import SPATIAL
from zfnet.maximization_settings import PRESETS, STARTS

_COLUMNS = 3
# How strongly four pictures at once are held from being alike.
_DIVERSITY = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be made, what it is called, and what is measured."""

    unit: Unit
    settings: MaximizationSettings
    name: str
    measure: str


def controls() -> None:
    """Show all choices; the sliders are folded away."""
    now = selection()
    goal, start, seed = st.columns([2.4, 2, 1], gap="medium")
    with goal:
        mapped = now.layer in SPATIAL
        choose(
            st.segmented_control,
            "goal",
            t("maximization.goal"),
            options=[name for name in GOALS if mapped or name != "map"],
            format_func=lambda name: t(f"maximization.goal_{name if mapped or name == 'class' else 'unit'}"),
            required=True,
            help=t("maximization.goal_help"),
        )
    with start:
        choose(
            st.segmented_control,
            "beginning",
            t("maximization.beginning"),
            options=list(STARTS),
            format_func=lambda name: t(f"maximization.beginning_{name}"),
            required=True,
        )
    with seed:
        choose(
            st.number_input,
            "seed",
            t("maximization.seed"),
            min_value=0,
            max_value=2**31 - 1,
            help=t("maximization.seed_help"),
        )
    controlled(
        st.segmented_control,
        t("maximization.preset"),
        key="choose_preset",
        value=now.preset,
        change=lambda name: select(preset=name, tuning=()),
        options=list(PRESETS),
        format_func=lambda name: t(f"maximization.preset_{name}"),
        required=True,
    )
    st.caption(t(f"maximization.about_{now.preset}"))
    with st.expander(t("maximization.settings"), expanded=now.four or now.negative):
        with st.container(horizontal=True, gap="large"):
            choose(st.toggle, "four", t("maximization.four"), help=t("maximization.four_help"))
            choose(st.toggle, "negative", t("maximization.negative"), help=t("maximization.negative_help"))
        _sliders()


def _sliders() -> None:
    now = selection()
    values = {name: getattr(PRESETS[now.preset], name) for name in TUNED} | dict(now.tuning)
    columns = st.columns(_COLUMNS, gap="medium")
    for i, (name, (low, high, step)) in enumerate(TUNED.items()):
        number = int if isinstance(step, int) else float
        with columns[i % _COLUMNS]:
            controlled(
                st.slider,
                t(f"maximization.set_{name}"),
                key=f"tune_{name}",
                value=number(min(max(values[name], low), high)),
                change=partial(_tune, name),
                min_value=number(low),
                max_value=number(high),
                step=number(step),
                help=t(f"maximization.help_{name}"),
            )


def _tune(name: str, value: Any) -> None:
    """Keep what differs from the preset."""
    now = selection()
    tuning = dict(now.tuning) | {name: float(value)}
    preset = PRESETS[now.preset]
    select(tuning=tuple(sorted((n, v) for n, v in tuning.items() if v != getattr(preset, n))))


def asked() -> Asked:
    """Return what the selection asks for."""
    now = selection()
    diversity = _DIVERSITY if now.four else 0.0
    settings = replace(
        PRESETS[now.preset],
        start=now.beginning,
        seed=now.seed,
        negative=now.negative,
        diversity=diversity,
        **tuned(),
    )
    if now.goal == "class":
        index = class_index()
        target = Unit(HEADS[now.head], index)
        return Asked(target, settings, f"{class_name(index)} ({target})", _measure("class"))
    target = replace(unit(), position=None)
    if target.layer in SPATIAL and now.goal == "map":
        return Asked(target, settings, str(target), _measure("map"))
    if target.layer in SPATIAL:
        target = replace(target, position=now.position or middle(results.session().info.config, target.layer))
    return Asked(target, settings, str(target), _measure("cell"))


def _measure(goal: str) -> str:
    """Return what a goal is measured by, in words."""
    measured = t(f"maximization.measure_{goal}")
    return t("maximization.measure_negative", measured=measured) if selection().negative else measured


def tuned() -> dict[str, Any]:
    """Return the settings that differ from the preset, whole numbers as such."""
    whole = {name for name, kind in MaximizationSettings.__annotations__.items() if kind is int}
    return {name: int(value) if name in whole else value for name, value in selection().tuning}

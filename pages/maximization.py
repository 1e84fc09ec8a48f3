"""What a unit or a class wants to see: made beforehand for some, made live for every one."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from pages.shared import results
from pages.shared.charts import curve
from pages.shared.state import selection, t
from pages.shared.widgets import choose, class_index, class_name, every, picture, pixels, reading, unit
from zfnet import MaximizationSettings, Unit

# Often enough to see it grow; each preview is sent to the browser.
PREVIEW_SECONDS = 0.4
backend = results.session()
st.markdown(t("maximization.what"))

kind, effort, chance = st.columns(3)
with kind:
    goal = st.segmented_control(
        t("maximization.goal"),
        options=["unit", "class"],
        format_func=lambda name: t(f"maximization.goal_{name}"),
        default="unit",
        required=True,
        key="goal",
        persist_state="session",
    )
with effort:
    steps = st.select_slider(
        t("maximization.steps"), options=[32, 64, 128, 256, 512], value=256, key="steps", persist_state="session"
    )
with chance:
    choose(
        st.number_input,
        "seed",
        t("maximization.seed"),
        min_value=0,
        max_value=2**31 - 1,
        help=t("maximization.seed_help"),
    )

if goal == "unit":
    target = Unit(unit().layer, unit().channel)
    name, measure = str(target), t("maximization.measure_unit")
else:
    target, name = Unit("fc8", class_index()), class_name(class_index())
    measure = t("maximization.measure_class")
asked = (target, MaximizationSettings(steps=steps, seed=selection().seed))
alt = t("maximization.alt", name=name)

beforehand, live = st.columns(2, gap="large")
with beforehand:
    st.subheader(t("maximization.beforehand"), anchor=False)
    made = results.premade(backend, target)
    if made:
        values = {"measure": measure, "steps": made.settings.steps, "start": made.start, "end": made.end}
        picture(made.file.read_bytes(), alt, t("maximization.beforehand_caption", name=name, **values))
    else:
        st.info(t("maximization.beforehand_none", name=name))

with live:
    st.subheader(t("maximization.live"), anchor=False)
    start, stop = st.columns(2)
    run = start.button(t("maximization.run", name=name), type="primary", icon=":material/play_arrow:", width="stretch")
    # Any click ends the climb below; this button has nothing else to do.
    stop.button(t("maximization.stop"), icon=":material/stop:", width="stretch")
    bar, place = st.empty(), st.empty()
    due = every(PREVIEW_SECONDS)

    def show(step: int, pictures: Callable[[], list[np.ndarray]]) -> None:
        """Show how far the climb has come, and keep it for the case that it is stopped."""
        if step == steps or due():
            st.session_state.climb = (asked, step, pictures()[0], None)
            pixels(place, st.session_state.climb[2], alt)
            bar.progress(step / steps, t("maximization.progress", step=step, steps=steps))

    if run:
        climbed = backend.maximize([target], asked[1], progress=show, cancel=results.abandoned)[0]
        st.session_state.climb = (asked, steps, climbed.image, climbed.curve)
        bar.empty()
    of, step, image, heights = st.session_state.get("climb", (None, 0, None, None))
    if of == asked:
        pixels(place, image, alt)
        if heights is None:
            st.caption(t("maximization.stopped", step=step, steps=steps))
        else:
            ends = {"measure": measure, "start": float(heights[0]), "end": float(heights[-1])}
            st.caption(t("maximization.live_caption", name=name, steps=steps, **ends))
            axes = (t("maximization.axis_step"), measure)
            curve(heights, axes, t("maximization.curve_alt", **ends))
reading("maximization")

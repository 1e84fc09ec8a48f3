"""What a unit or a class wants to see: made beforehand for conv5, made live for everything else."""

from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.shared import results
from pages.shared.state import selection, t
from pages.shared.widgets import choose, class_index, class_name, picture, reading, unit
from zfnet import MaximizationSettings, Unit

PREVIEWS = 32
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
    name = str(target)
else:
    target, name = Unit("fc8", class_index()), class_name(class_index())
settings = MaximizationSettings(steps=steps, seed=selection().seed)

beforehand, live = st.columns(2, gap="large")
with beforehand:
    st.subheader(t("maximization.beforehand"), anchor=False)
    made = results.premade(backend, target)
    if made:
        caption = t(
            "maximization.beforehand_caption", name=name, steps=made.settings.steps, start=made.start, end=made.end
        )
        picture(made.file.read_bytes(), t("maximization.alt", name=name), caption)
    else:
        st.info(t("maximization.beforehand_none", name=name))

with live:
    st.subheader(t("maximization.live"), anchor=False)
    start, stop = st.columns(2)
    run = start.button(t("maximization.run", name=name), type="primary", icon=":material/play_arrow:", width="stretch")
    # Any click ends the climb below; this button has nothing else to do.
    stop.button(t("maximization.stop"), icon=":material/stop:", width="stretch")
    place, bar = st.empty(), st.empty()

    def show(step: int, pictures: Callable[[], list[np.ndarray]]) -> None:
        """Show how far the climb has come."""
        if step % max(1, steps // PREVIEWS) == 0 or step == steps:
            place.image(pictures()[0], width="stretch", alt=t("maximization.alt", name=name))
            bar.progress(step / steps, t("maximization.progress", step=step, steps=steps))

    if run:
        st.session_state.climb = (
            target,
            backend.maximize([target], settings, progress=show, cancel=results.abandoned)[0],
        )
        bar.empty()
    finished_target, climb = st.session_state.get("climb", (None, None))
    if finished_target == target:
        place.image(climb.image, width="stretch", alt=t("maximization.alt", name=name), output_format="PNG")
        st.caption(t("maximization.live_caption", name=name, start=float(climb.curve[0]), end=float(climb.curve[-1])))
        figure = go.Figure(go.Scatter(y=climb.curve, mode="lines"))
        figure.update_layout(
            height=220,
            margin={"l": 0, "r": 0, "t": 8, "b": 0},
            xaxis_title=t("maximization.axis_step"),
            yaxis_title=t("maximization.axis_value"),
        )
        st.plotly_chart(
            figure, alt=t("maximization.curve_alt", start=float(climb.curve[0]), end=float(climb.curve[-1]))
        )
reading("maximization")

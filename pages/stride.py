"""One filter of conv1 at strides 1, 2 and 4: aliasing, on a grating and on the visitor's picture."""

import streamlit as st

from pages.shared import results
from pages.shared import stride_parts as parts
from pages.shared.selection import ORIENTATIONS, PERIODS
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import choose, paragraph, picture, reading

backend, kept = results.session(), parts.chosen_filter()
what = st.empty()

with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    low, high = PERIODS
    choose(st.slider, "period", t("stride.period"), min_value=low, max_value=high, step=0.1, format="%.1f")
    choose(
        st.slider,
        "orientation",
        t("stride.orientation"),
        min_value=ORIENTATIONS[0],
        max_value=ORIENTATIONS[-1],
        step=ORIENTATIONS.step,
        help=t("stride.orientation_help"),
    )
    for name, value in parts.PRESETS.items():
        st.button(
            t(f"stride.preset_{name}"),
            key=f"preset_{name}",
            on_click=select,
            kwargs={"period": value, "orientation": 0},
        )
period, orientation = selection().period, selection().orientation
maps, below = st.container(), st.container()
with below:
    zoom = parts.ZOOM if st.toggle(t("stride.zoom"), key="stride_zoom", persist_state="session") else 1

shown = parts.on_grating(backend, period, orientation, kept, zoom=zoom)
paragraph(t("stride.what", unit=f"conv1:{shown.channel}"), what.markdown)
with maps:
    parts.show_grating(shown, period)
with below:
    picture(results.colour_bar("diverging"), t("stride.bar_alt"), t("stride.bar_caption", end=shown.end))

samples, filters = st.columns([1.2, 1], gap="medium")
with filters:
    st.header(t("stride.filters"), anchor=False)
    parts.show_filters(shown.channel, kept is not None)
st.header(t("stride.picture"), anchor=False)
parts.show_view(parts.on_view(backend, view(), shown.channel, zoom=zoom))
reading("stride")
# Last, for a new orientation is measured anew: everything else stands already.
with samples:
    st.header(t("stride.curve"), anchor=False)
    parts.show_curve(shown, period, orientation)

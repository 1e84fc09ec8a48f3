"""Where in the picture the evidence for a class lies."""

import streamlit as st

from pages.shared import results, sanity
from pages.shared.state import selection, t, view
from pages.shared.widgets import choose_class, choose_colours, choose_head, class_index, class_name, picture, reading

backend, current, shown = results.session(), view(), class_index()
st.markdown(t("gradcam.what"))

choose_class(t("gradcam.top_five"))
who, strength, colours = st.columns(3)
with who:
    choose_head()
with strength:
    opacity = st.slider(t("gradcam.opacity"), 0.0, 1.0, 0.7, 0.05, key="opacity", persist_state="session")
with colours:
    choose_colours()
maps = results.class_map(backend, current, shown, head=selection().head, colormap=selection().colormap, opacity=opacity)
name = class_name(shown)
overlay, raw = st.columns(2, gap="medium")
with overlay:
    picture(maps.overlay, t("gradcam.overlay_alt", name=name), t("gradcam.overlay_caption", name=name))
with raw:
    if maps.high > 0:
        picture(maps.map, t("gradcam.map_alt", name=name), t("gradcam.map_caption"))
    else:
        picture(maps.map, t("gradcam.flat_alt", name=name), t("gradcam.flat_caption", low=maps.low))
if maps.high > 0:
    picture(results.colour_bar(selection().colormap), t("gradcam.bar_alt"), t("gradcam.bar_caption", high=maps.high))
else:
    st.info(t("gradcam.flat", name=name))
sanity.show_permuted_evidence(shown)
reading("gradcam")

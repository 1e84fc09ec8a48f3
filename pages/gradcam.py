"""Where in the picture the evidence for a class lies."""

import streamlit as st

from pages.shared import results
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import choose, class_index, class_name, picture, reading
from zfnet.geometry import SPATIAL
from zfnet.render import UNSIGNED

backend, current, shown = results.session(), view(), class_index()
st.markdown(t("gradcam.what"))

st.caption(t("gradcam.top_five"))
with st.container(horizontal=True):
    for score in results.classification(backend, current, selection().head).classes:
        st.button(
            f"{class_name(score.index)} · {score.probability:.1%}",
            key=f"class_{score.index}",
            type="primary" if score.index == shown else "secondary",
            on_click=select,
            kwargs={"class_index": score.index},
        )
# The averaging head reads conv5; what lies above has no part in its answer.
layers = [name for name in reversed(SPATIAL) if selection().head == "fc" or name != "pool5"]
if st.session_state.get("gradcam_layer") not in layers:
    st.session_state.gradcam_layer = "conv5"
who, where, strength, colours = st.columns([1.2, 1, 1.2, 1.4])
with who:
    choose(
        st.segmented_control,
        "head",
        t("gradcam.head"),
        options=list(backend.info.heads),
        format_func=lambda head: t(f"gradcam.head_{head}"),
        required=True,
        help=t("gradcam.head_help"),
    )
with where:
    layer = st.selectbox(t("gradcam.layer"), options=layers, key="gradcam_layer", persist_state="session")
with strength:
    opacity = st.slider(t("gradcam.opacity"), 0.0, 1.0, 0.7, 0.05, key="opacity", persist_state="session")
with colours:
    choose(
        st.segmented_control,
        "colormap",
        t("feature_maps.colours"),
        options=list(UNSIGNED),
        format_func=lambda name: t(f"colours.{name}"),
        required=True,
    )
if layer != "conv5":
    st.info(t("gradcam.other_layer", layer=layer))

maps = results.class_map(
    backend,
    current,
    shown,
    layer=layer,
    head=selection().head,
    colormap=selection().colormap,
    opacity=opacity,
)
name = class_name(shown)
overlay, raw = st.columns(2, gap="medium")
with overlay:
    picture(maps.overlay, t("gradcam.overlay_alt", name=name), t("gradcam.overlay_caption", name=name))
with raw:
    if maps.high > 0:
        picture(maps.map, t("gradcam.map_alt", name=name), t("gradcam.map_caption", layer=layer))
    else:
        picture(maps.map, t("gradcam.flat_alt", name=name), t("gradcam.flat_caption", low=maps.low))
if maps.high > 0:
    picture(results.colour_bar(selection().colormap), t("gradcam.bar_alt"), t("gradcam.bar_caption", high=maps.high))
else:
    st.info(t("gradcam.flat", name=name, layer=layer))
reading("gradcam")

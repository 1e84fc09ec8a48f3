"""Two pictures under one selection and on one scale."""

import streamlit as st

from pages.shared import comparison_parts as parts
from pages.shared.state import selection, t
from pages.shared.widgets import choose_class, paragraph, reading, unit
from zfnet.geometry import SPATIAL

_LENSES = {"map": parts.unit_maps, "projection": parts.projection, "layer": parts.layer}

now, chosen, two = selection(), unit(), parts.both()
paragraph(t("compare.what"))
parts.controls(chosen.channel)
if now.compared == "class":
    choose_class(t("gradcam.top_five"))
    parts.class_evidence(two)
elif chosen.layer in SPATIAL:
    _LENSES[now.compared](two, chosen)
else:
    st.info(t("deconvnet.no_map", layer=chosen.layer))
parts.numbers(two, chosen)
reading("compare")

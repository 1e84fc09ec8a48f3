"""What a unit or a class wants to see: a gallery made beforehand, and everything else made live."""

import streamlit as st

from pages.shared import climbs, maximization_settings, premade
from pages.shared.state import selection, t
from pages.shared.widgets import choose_class, paragraph, reading

paragraph(t("maximization.what"))
maximization_settings.controls()
if selection().goal == "class":
    choose_class(t("maximization.top_five"))
wanted = maximization_settings.asked()
beforehand, live = st.columns(2, gap="large")
with beforehand:
    st.header(t("maximization.beforehand"), anchor=False)
    premade.show(wanted)
with live:
    st.header(t("maximization.live"), anchor=False)
    climbs.live(wanted)
premade.gallery()
reading("maximization")

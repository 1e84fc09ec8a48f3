"""What runs for every visit and every click: page configuration, navigation, the frame, and the page within it."""

from pathlib import Path

import streamlit as st

from pages.shared import frame, glossary, state
from pages.shared.state import t

ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.png"

state.follow_history()
st.set_page_config(page_icon=ICON, layout="wide")
page = st.navigation(
    [
        st.Page("../overview.py", title=t("overview.title"), default=True),
        st.Page("../architecture.py", title=t("architecture.title"), url_path="architecture"),
        st.Page("../stride.py", title=t("stride.title"), url_path="stride"),
        st.Page("../feature_maps.py", title=t("feature_maps.title"), url_path="feature-maps"),
        st.Page("../deconvnet.py", title=t("deconvnet.title"), url_path="deconvnet"),
        st.Page("../gradcam.py", title=t("gradcam.title"), url_path="gradcam"),
        st.Page("../occlusion.py", title=t("occlusion.title"), url_path="occlusion"),
        st.Page("../maximization.py", title=t("maximization.title"), url_path="maximization"),
        st.Page("../glossary.py", title=t("glossary.title"), url_path="glossary"),
    ],
    position="top",
)
# Named only now: a title set before the navigation would stay for all pages.
st.set_page_config(page_title=f"{page.title} · ZFNet Explorer")
frame.sidebar()
st.query_params.from_dict(state.selection().to_query() | glossary.parameter())
frame.header(page.title)
page.run()

"""What runs for every visit and every click: page configuration, navigation, the frame, and the page within it."""

from pathlib import Path

import streamlit as st

from pages.shared import frame, state
from pages.shared.state import t

ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.png"

state.follow_history()
st.set_page_config(page_icon=ICON, layout="wide")
page = st.navigation(
    [
        st.Page("../overview.py", title=t("overview.title"), default=True),
        st.Page("../lesson.py", title=t("lesson.title"), url_path="lesson"),
        st.Page("../architecture.py", title=t("architecture.title"), url_path="architecture"),
        st.Page("../stride.py", title=t("stride.title"), url_path="stride"),
        st.Page("../feature_maps.py", title=t("feature_maps.title"), url_path="feature-maps"),
        st.Page("../deconvnet.py", title=t("deconvnet.title"), url_path="deconvnet"),
        st.Page("../gradcam.py", title=t("gradcam.title"), url_path="gradcam"),
        st.Page("../occlusion.py", title=t("occlusion.title"), url_path="occlusion"),
        st.Page("../maximization.py", title=t("maximization.title"), url_path="maximization"),
    ],
    position="top",
)
# Named only now: a title set before the navigation would stay for all pages.
st.set_page_config(page_title=f"{page.title} · ZFNet Explorer")
taken = state.lesson() if page.url_path == "lesson" else None
frame.sidebar(taken[0].steps[taken[1]].hide if taken else ())
st.query_params.from_dict(state.selection().to_query())
frame.header(page.title)
page.run()

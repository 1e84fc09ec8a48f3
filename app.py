"""Entry of the dashboard: page configuration, navigation and the frame around every page. Start it with ``make
run``."""

import streamlit as st

from pages.shared import frame, state
from pages.shared.state import t

st.set_page_config(page_icon="assets/icon.png", layout="wide")
# No address is called like its file: until a first visitor has been here, Streamlit takes such an address for the file
# and runs it without this frame.
page = st.navigation(
    [
        st.Page("pages/overview.py", title=t("overview.title"), url_path="", default=True),
        st.Page("pages/architecture.py", title=t("architecture.title"), url_path="network"),
        st.Page("pages/feature_maps.py", title=t("feature_maps.title"), url_path="feature-maps"),
        st.Page("pages/deconvnet.py", title=t("deconvnet.title"), url_path="deconvolution"),
        st.Page("pages/gradcam.py", title=t("gradcam.title"), url_path="grad-cam"),
        st.Page("pages/maximization.py", title=t("maximization.title"), url_path="activation-maximization"),
    ],
    position="top",
)
# Named only now: a title set before the navigation would stay for all pages.
st.set_page_config(page_title=f"{page.title} · ZFNet Explorer")
frame.sidebar()
st.query_params.from_dict(state.selection().to_query())
frame.header(page.title)
page.run()

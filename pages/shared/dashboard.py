"""What runs for every visit and every click: page configuration, navigation, the frame, and the page within it."""

from pathlib import Path

import streamlit as st

from pages.shared import exhibition, follow, frame, glossary, haste, login, presenter, state
from pages.shared.state import t

ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.png"

haste.begin()
state.follow_history()
st.set_page_config(page_icon=ICON, layout="wide")
pages = [
    st.Page("../overview.py", title=t("overview.title"), default=True),
    st.Page("../lesson.py", title=t("lesson.title"), url_path="lesson"),
    st.Page("../unit.py", title=t("unit.title"), url_path="unit"),
    st.Page("../feature_maps.py", title=t("feature_maps.title"), url_path="feature-maps"),
    st.Page("../deconvnet.py", title=t("deconvnet.title"), url_path="deconvnet"),
    st.Page("../gradcam.py", title=t("gradcam.title"), url_path="gradcam"),
    st.Page("../occlusion.py", title=t("occlusion.title"), url_path="occlusion"),
    st.Page("../maximization.py", title=t("maximization.title"), url_path="maximization"),
    st.Page("../compare.py", title=t("compare.title"), url_path="compare"),
    st.Page("../architecture.py", title=t("architecture.title"), url_path="architecture"),
    st.Page("../stride.py", title=t("stride.title"), url_path="stride"),
    st.Page("../glossary.py", title=t("glossary.title"), url_path="glossary"),
]
frame.style()
page = st.navigation(pages, position="hidden" if login.needed() else "top")
# Named only now: a title set before the navigation would stay for all pages.
st.set_page_config(page_title=f"{page.title} · ZFNet Explorer")
if login.needed():
    login.show()
    st.stop()
by_address = {one.url_path: one for one in pages}
follow.keep_up(page, by_address)
taken = state.lesson() if page.url_path == "lesson" else None
frame.sidebar(taken[0].steps[taken[1]].hide if taken else ())
st.query_params.from_dict(state.address() | glossary.parameter() | follow.parameter())
exhibition.open_page(page.title)
if state.selection().present:
    presenter.show(page, by_address)
else:
    follow.banner()
    frame.header(page.title)
    page.run()
    exhibition.close_page()
haste.end()

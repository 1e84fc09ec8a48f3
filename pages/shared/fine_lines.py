"""The fine lines of the Grad-CAM page: how each pixel moves the class's score, and how much of it each accounts for."""

import streamlit as st

from pages.shared import evidence as of
from pages.shared import exhibition, recipes, results
from pages.shared.evidence import Asked
from pages.shared.exhibits import Exhibit
from pages.shared.state import t, view
from pages.shared.widgets import class_name
from zfnet.plate import Scale


def show(index: int, asked: Asked) -> None:
    """Show gradient, guided backpropagation, Guided Grad-CAM and integrated gradients of the class."""
    st.header(t("gradcam.lines"), anchor=False)
    if not st.toggle(t("gradcam.lines_open"), key="lines", persist_state="session"):
        return
    *places, last = st.columns(len(of.LINES) + 1, gap="medium")
    for place, method in zip(places, of.LINES, strict=True):
        png, limit = of.lines(results.session(), view(), index, asked, method=method)
        with place:
            _line(png, limit, method, index=index, asked=asked)
    with last:
        with st.spinner(t("gradcam.lines_wait")):
            found = of.integrated(results.session(), view(), index, head=asked.head, centred=asked.centred)
        _line(found.drawn, found.limit, "integrated", index=index, asked=asked)
        change = f"{found.change:+.2f}".replace("-", "−")
        st.caption(t("gradcam.lines_explained", share=found.explained, change=change, steps=found.steps))
    st.caption(t("gradcam.lines_limits"))


def _line(png: bytes, limit: float, method: str, *, index: int, asked: Asked) -> None:
    name = t(f"gradcam.lines_{method.replace(' ', '_')}")
    caption = (
        t("gradcam.lines_caption", method=name, limit=limit) if limit > 0 else t("gradcam.lines_none", method=name)
    )
    alt = t("gradcam.lines_alt", method=name, name=class_name(index))
    scale = Scale("grey", -limit, limit, t("deconvnet.scale"))
    recipe = recipes.lines(exhibition.source(), index, asked, method)
    exhibition.show(Exhibit("lines", f"lines-{method}-{index}", png, alt, caption, recipe, scale))

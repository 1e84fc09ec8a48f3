"""Score-CAM, which asks for a forward pass for every map: run when asked for, kept for everybody."""

import streamlit as st
from PIL import Image

from pages.shared import evidence as of
from pages.shared import exhibition, recipes, results
from pages.shared.evidence import Asked, Evidence, Paint
from pages.shared.exhibits import Exhibit
from pages.shared.places import strongest
from pages.shared.results import cached
from pages.shared.state import t, view
from pages.shared.widgets import class_name, paragraph
from zfnet import InferenceSession
from zfnet.geometry import shapes
from zfnet.plate import Scale
from zfnet.similarity import rank_correlation

_METHOD = "scorecam"


class _Missing(Exception):
    """This map has not been computed yet."""


@cached
def _keep(
    session: InferenceSession,
    view: Image.Image,
    class_index: int,
    *,
    layer: str,
    head: str,
    _found: Evidence | None = None,
) -> Evidence:
    """Keep the map that is handed in, which is not part of the key; without one, return that which is kept.

    Progress cannot be drawn from within a cached function, so the map is computed outside. What raises is not cached.
    """
    if _found is None:
        raise _Missing
    return _found


def kept(index: int, asked: Asked) -> Evidence | None:
    """Return the map if anybody has had it computed."""
    try:
        return _keep(results.session(), view(), index, layer=asked.layer, head=asked.head)
    except _Missing:
        return None


def show(index: int, asked: Asked, paint: Paint) -> None:
    """Let Score-CAM be run, and show it beside how much it is like the chosen method."""
    backend, layer = results.session(), asked.layer
    count = shapes(backend.info.config)[layer][0] - len(results.ranking(backend, view(), layer).silent)
    st.header(t("scorecam.title"), anchor=False)
    paragraph(t("scorecam.what", layer=layer, count=count), st.caption)
    found, question = kept(index, asked), st.empty()
    if not found:
        with question.container():
            if st.button(t("scorecam.run", count=count), key=_METHOD, icon=":material/play_arrow:"):
                found = _run(index, asked)
        if not found:
            return
        question.empty()
    overlay, said = st.columns([1, 1.6], gap="medium")
    name = class_name(index)
    with overlay:
        laid = of.overlay(backend, view(), found, layer, paint=paint, end=found.high)
        words = (
            t("scorecam.alt", name=name, where=strongest(found.values)),
            t("scorecam.caption", name=name, high=found.high),
        )
        recipe = recipes.scorecam(exhibition.source(), index, asked, paint)
        scale = Scale(paint.colormap, 0.0, found.high, t("gradcam.scale"))
        exhibition.show(Exhibit("scorecam", f"scorecam-{index}", laid, *words, recipe, scale))
    with said:
        if found.high <= 0:
            st.info(t("scorecam.flat", name=name))
        alike = rank_correlation(found.values, of.evidence(backend, view(), index, asked).values)
        if alike is not None:
            method = t(f"gradcam.method_{asked.method.replace('+', 'p')}")
            st.markdown(t("scorecam.alike", method=method, correlation=f"{alike:.2f}".replace("-", "−")))
        paragraph(t("scorecam.limits"), st.caption)


def _run(index: int, asked: Asked) -> Evidence:
    """Compute the map, saying how far it is. Any click ends it: the page then runs anew."""
    line = st.empty()

    def tell(done: int, count: int) -> None:
        line.progress(done / count, t("scorecam.progress", done=done, count=count))

    (found,) = results.session().class_activation(
        view(),
        [index],
        methods=[_METHOD],
        layer=asked.layer,
        head=asked.head,
        rectified=False,
        progress=tell,
        cancel=results.abandoned,
    )
    made = Evidence(found.values)
    return _keep(results.session(), view(), index, layer=asked.layer, head=asked.head, _found=made)

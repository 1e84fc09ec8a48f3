"""Whether to believe a map: insertion and deletion curves beside a random map and the picture's edges."""

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import results
from pages.shared.charts import series
from pages.shared.evidence import Asked, evidence
from pages.shared.results import abandoned, cached
from pages.shared.state import t, view
from pages.shared.widgets import class_name, paragraph
from zfnet import InferenceSession, render
from zfnet.faithfulness import Curves, random_map
from zfnet.geometry import receptive_field

_STEPS, _FILL = 28, "blur"
RIVALS = ("map", "edges", "random")


@cached
def curves(session: InferenceSession, view: Image.Image, class_index: int, asked: Asked, *, rival: str) -> Curves:
    """Follow a class while the squares of the view go and come in the order of a map, of edges, or of chance."""
    if rival == "map":
        found = evidence(session, view, class_index, asked)
        importance = render.place(found.values, receptive_field(session.info.config, asked.layer))
    elif rival == "edges":
        importance = session.edge_map(view, cancel=abandoned)
    else:
        importance = random_map((view.height, view.width))
    return session.insertion_deletion(
        view, importance, class_index, steps=_STEPS, fill=_FILL, head=asked.head, cancel=abandoned
    )


def show(index: int, asked: Asked) -> None:
    """Let the curves be computed, and show them with their areas."""
    st.header(t("belief.title"), anchor=False)
    paragraph(t("belief.what", steps=_STEPS), st.caption)
    if not st.toggle(t("belief.open"), key="belief", persist_state="session"):
        return
    backend, name = results.session(), class_name(index)
    found = {rival: curves(backend, view(), index, asked, rival=rival) for rival in RIVALS}
    names = {rival: t(f"belief.order_{rival}") for rival in RIVALS}
    share = np.linspace(0, 1, _STEPS + 1)
    for place, way in zip(st.columns(2, gap="medium"), ("deletion", "insertion"), strict=True):
        with place:
            st.markdown(t(f"belief.way_{way}"))
            drawn = {names[rival]: getattr(one, way) for rival, one in found.items()}
            axes = t(f"belief.{way}_axis"), t("belief.probability")
            series(share, drawn, axes, t("belief.alt", name=name))
    areas = {rival: one.areas for rival, one in found.items()}
    st.table(
        {
            t("belief.order"): list(names.values()),
            t("belief.deletion_area"): [f"{areas[rival][0]:.1%}" for rival in RIVALS],
            t("belief.insertion_area"): [f"{areas[rival][1]:.1%}" for rival in RIVALS],
        },
        border="horizontal",
    )
    better = areas["map"][0] < areas["random"][0] and areas["map"][1] > areas["random"][1]
    st.markdown(t("belief.better" if better else "belief.no_better", name=name))
    paragraph(t("belief.limits"), st.caption)

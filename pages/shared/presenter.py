"""For a class: one pair of pictures in large type, gone through by keys."""

import html
from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.shared import evidence, projections, results
from pages.shared.clickable import data_url
from pages.shared.evidence import Asked, Paint
from pages.shared.places import strongest
from pages.shared.results import Look
from pages.shared.state import picture_title, select, selection, t, view
from pages.shared.unit_parts import neighbours, step
from pages.shared.widgets import class_index, class_name, unit
from zfnet import Unit
from zfnet.geometry import SPATIAL

# A page's lens in the pair; the first key shows the first of them. The other pages are shown as they are, enlarged.
LENSES = {"feature-maps": "map", "deconvnet": "projection", "gradcam": "evidence", "maximization": "maximization"}
ALIKE = {"": "feature-maps", "unit": "feature-maps"}
_HIDDEN = "colours_hidden"
# A remote control in the last row: 20 pixels, and pictures that leave room for the keys at 1280×720.
_STYLE = """<style>
html { font-size: 20px; }
[data-testid="stSidebar"], [data-testid="stSidebarCollapsedControl"], [data-testid="stExpandSidebarButton"] {
  display: none; }
.stMainBlockContainer { padding: 3.2rem 2rem 0.5rem; }
.stMainBlockContainer > div { gap: 0.6rem; }
.pair { display: flex; flex-wrap: wrap; gap: 1.2rem; justify-content: center; }
.pair figure { margin: 0; width: min(46vw, 62vh); min-width: 280px; }
.pair img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 3px; }
.pair figcaption { font-size: 1rem; line-height: 1.3; margin-top: 0.3rem; }
</style>"""

Half = tuple[bytes, str, bool]


def show(page: StreamlitPage, pages: Mapping[str, StreamlitPage]) -> None:
    """Show a page to a class.

    Args:
        page: the page that is open.
        pages: all pages by their addresses, for the keys that lead to others.
    """
    st.html(_STYLE)
    here = ALIKE.get(page.url_path, page.url_path)
    if here in LENSES:
        lens = LENSES[here]
        _pair(_halves(lens))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _steps(lens)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for key, path in enumerate(LENSES, 1):
            open_ = path == here
            label = pages[path].title
            if st.button(label, key=f"lens_{key}", shortcut=str(key), type="primary" if open_ else "secondary"):
                st.switch_page(pages[path])
        if st.button(t("presenter.keys"), key="keys", shortcut="K"):
            _keys()
        st.button(t("presenter.leave"), key="leave", shortcut="P", on_click=select, kwargs={"present": False})
    if here not in LENSES:
        page.run()


def _steps(lens: str) -> None:
    """Show the keys that change what the pair shows."""
    if lens == "evidence":
        classes = [score.index for score in results.classification(results.session(), view(), selection().head).classes]
        at = classes.index(class_index()) if class_index() in classes else 0
        st.subheader(class_name(class_index()), anchor=False, width="content")
        for shortcut, to in (("Left", classes[at - 1]), ("Right", classes[(at + 1) % len(classes)])):
            step(class_name(to), shortcut, class_index=to)
    else:
        neighbours(unit())
        step(t("presenter.strongest"), "0", channel=None, position=None)
    if lens in ("map", "evidence"):
        hidden = st.session_state.get(_HIDDEN, False)
        label = t("presenter.show" if hidden else "presenter.hide")
        st.button(label, key="colours", shortcut="H", on_click=st.session_state.update, args=({_HIDDEN: not hidden},))


def _halves(lens: str) -> tuple[Half, Half]:
    """Return the two pictures of a lens, each with what stands below it and whether it is enlarged smoothly."""
    chosen = unit()
    if lens == "evidence":
        return _whole(), _evidence()
    if lens == "map":
        return _whole(), _map(chosen)
    saw, projected = _projection(chosen) if chosen.layer in SPATIAL else (_whole(), _one_value(chosen))
    return saw, _wanted(chosen) if lens == "maximization" else projected


def _whole() -> Half:
    said = results.classification(results.session(), view(), selection().head).classes[0]
    words = t("presenter.picture", title=picture_title(), name=class_name(said.index), share=said.probability)
    return results.plain(view()), words, True


def _evidence() -> Half:
    now, backend = selection(), results.session()
    asked = Asked(now.method, now.evidence_layer, now.head, now.centred)
    found = evidence.evidence(backend, view(), class_index(), asked)
    paint = Paint(now.colormap, contour=0.5)
    laid = evidence.overlay(backend, view(), found, asked.layer, paint=paint, end=found.high)
    words = t("presenter.evidence", name=class_name(class_index()), where=strongest(found.values))
    return _plain_if_hidden(laid), words, True


def _map(chosen: Unit) -> Half:
    if chosen.layer not in SPATIAL:
        return _one_value(chosen)
    maps = results.feature_map(results.session(), view(), chosen, Look(colormap=selection().colormap))
    words = t("presenter.map", unit=f"{chosen.layer}:{chosen.channel}", where=strongest(maps.values))
    return _plain_if_hidden(maps.overlay), words, True


def _plain_if_hidden(laid: bytes) -> bytes:
    return results.plain(view()) if st.session_state.get(_HIDDEN) else laid


def _projection(chosen: Unit) -> tuple[Half, Half]:
    backend, name = results.session(), f"{chosen.layer}:{chosen.channel}"
    at = Unit(chosen.layer, chosen.channel, results.field(backend, view(), chosen).position)
    found = projections.projection(backend, view(), at, whole_map=False)
    if found.activation <= 0:
        return _whole(), (b"", t("presenter.silent", unit=name), True)
    drove = t("presenter.projection", activation=results.rounded(found.activation))
    return (found.input_patch, t("presenter.saw", unit=name), False), (found.patch, drove, False)


def _one_value(chosen: Unit) -> Half:
    value = results.heights(results.session(), view(), chosen.layer, rectified=True)[chosen.channel]
    return b"", t("overview.one_value", unit=f"{chosen.layer}:{chosen.channel}", value=value), True


def _wanted(chosen: Unit) -> Half:
    made, name = results.premade(results.session(), chosen), f"{chosen.layer}:{chosen.channel}"
    if made is None:
        return b"", t("overview.maximization_none", unit=name), True
    return results.large(results.opened(made)), t("presenter.maximization", unit=name), False


def _pair(halves: tuple[Half, Half]) -> None:
    """Show two pictures as large as the window allows, each with its words."""
    figures = []
    for png, caption, smooth in halves:
        words = html.escape(caption, quote=True)
        look = "auto" if smooth else "pixelated"
        drawn = f"<img src='{data_url(png)}' alt='{words}' style='image-rendering: {look}'>" if png else ""
        figures.append(f"<figure>{drawn}<figcaption>{words}</figcaption></figure>")
    st.html(f"<div class='pair'>{''.join(figures)}</div>")


def _keys() -> None:
    """Show which key does what."""

    @st.dialog(t("presenter.keys_title"))
    def overlay() -> None:
        st.markdown(t("presenter.keys_list"))

    overlay()

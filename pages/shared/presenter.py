"""For a class: one pair of pictures in large type, gone through by keys."""

import html
from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.shared import follow, lenses, results
from pages.shared.clickable import data_url
from pages.shared.evidence import Paint
from pages.shared.exhibits import Exhibit
from pages.shared.state import select, selection, t, view
from pages.shared.unit_parts import neighbours, step
from pages.shared.widgets import class_index, class_name, unit

# A page's lens in the pair; the first key shows the first of them. The other pages are shown as they are, enlarged.
LENSES = {"feature-maps": "map", "deconvnet": "projection", "gradcam": "evidence", "maximization": "maximization"}
ALIKE = {"": "feature-maps", "unit": "feature-maps"}
_HIDDEN = "colours_hidden"
# Letters of 20 pixels, read from the last row, and pictures that leave room for the keys at 1280×720.
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

# What is a photograph, or lies on one.
_SMOOTH = ("view", "feature_map", "evidence")


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
        st.button(t("presenter.leave"), key="leave", shortcut="P", on_click=_leave)
        follow.banner()
    if here not in LENSES:
        page.run()


def _leave() -> None:
    st.session_state[_HIDDEN] = False
    select(present=False)


def _steps(lens: str) -> None:
    """Show the keys that change what the pair shows."""
    if lens == "evidence":
        classes = [score.index for score in results.classification(results.session(), view(), selection().head).classes]
        at = classes.index(class_index()) if class_index() in classes else 0
        st.header(class_name(class_index()), anchor=False, width="content")
        for shortcut, to in (("Left", classes[at - 1]), ("Right", classes[(at + 1) % len(classes)])):
            step(class_name(to), shortcut, class_index=to)
    else:
        neighbours(unit())
        step(t("presenter.strongest"), "0", channel=None, position=None)
    if lens in ("map", "evidence"):
        hidden = st.session_state.get(_HIDDEN, False)
        label = t("presenter.show" if hidden else "presenter.hide")
        st.button(label, key="colours", shortcut="H", on_click=st.session_state.update, args=({_HIDDEN: not hidden},))


def _halves(lens: str) -> tuple[Exhibit | str, Exhibit | str]:
    """Return the two pictures of a lens; a sentence where there is none."""
    chosen = unit()
    if lens == "evidence":
        return lenses.whole(), _shown(lenses.evidence(paint=Paint(selection().colormap, contour=0.5)))
    laid, seen = lenses.feature_map(), lenses.projection()
    value = results.ranking(results.session(), view(), chosen.layer).peaks[chosen.channel]
    one_value = t("overview.one_value", unit=lenses.name(chosen), value=value)
    if lens == "map":
        return lenses.whole(), _shown(laid) if laid else one_value
    saw, drove = seen or (lenses.whole(), t("presenter.silent", unit=lenses.name(chosen)) if laid else one_value)
    if lens == "maximization":
        return saw, lenses.maximization() or t("overview.maximization_none", unit=lenses.name(chosen))
    return saw, drove


def _shown(laid: Exhibit) -> Exhibit:
    """Return what is laid on the picture, or the picture alone, with a question, while the colours are hidden."""
    if not st.session_state.get(_HIDDEN):
        return laid
    return replace(laid, png=results.plain(view()), caption=t("presenter.hidden"))


def _pair(halves: tuple[Exhibit | str, Exhibit | str]) -> None:
    """Show two pictures as large as the window allows, each with its words."""
    figures = []
    for half in halves:
        if isinstance(half, str):
            figures.append(f"<figure><figcaption>{html.escape(half)}</figcaption></figure>")
            continue
        look = "auto" if half.kind in _SMOOTH else "pixelated"
        drawn = f"<img src='{data_url(half.png)}' alt='{html.escape(half.alt, quote=True)}'"
        caption = f"<figcaption>{html.escape(half.caption)}</figcaption>"
        figures.append(f"<figure>{drawn} style='image-rendering: {look}'>{caption}</figure>")
    st.html(f"<div class='pair'>{''.join(figures)}</div>")


def _keys() -> None:
    """Show which key does what."""

    @st.dialog(t("presenter.keys_title"))
    def overlay() -> None:
        st.markdown(t("presenter.keys_list"))

    overlay()

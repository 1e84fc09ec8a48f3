"""The pictures of a page as they are shown: each with its explanation, its recipe and its file below it."""

from pathlib import Path

import streamlit as st

from pages.shared.exhibits import Exhibit
from pages.shared.export import explained
from pages.shared.glossary import linked
from pages.shared.pictures import samples
from pages.shared.recipes import Source
from pages.shared.results import session
from pages.shared.state import selection, t, uploads
from pages.shared.take_home import offer, picture_button
from pages.shared.widgets import drawing, picture

_SHOWN = "exhibits"


def open_page(title: str) -> None:
    """Begin a page, which has shown nothing yet."""
    st.session_state[_SHOWN] = (title, {})


def close_page() -> None:
    """Offer what the page has shown to be taken home."""
    title, shown = st.session_state[_SHOWN]
    if shown:
        offer(list(shown.values()), title)


def source(image: str | None = None, crop: str | None = None, offset: float | None = None) -> Source:
    """Return where a picture, by default the selected one, lies for whoever makes something of it again."""
    now = selection()
    name = image or now.image
    known = samples().get(name) or next(iter(samples().values()))
    # Where a teacher's folder lies on the server is nobody's business.
    file = Path(known.file).name if known.kind == "own" else f"assets/samples/{known.file}"
    file = uploads()[name].name if name in uploads() else file
    cut = (now.crop, now.offset) if crop is None or offset is None else (crop, offset)
    return Source(file, *cut, session().info.checkpoint_id)


def show(exhibit: Exhibit) -> None:
    """Show a picture as wide as its place, with all that belongs to it."""
    shown = drawing if exhibit.kind == "diagram" else picture
    shown(exhibit.png, exhibit.alt, exhibit.caption)
    under(exhibit)


def under(*exhibits: Exhibit) -> None:
    """Show below pictures of one kind, which something else shows, how to read, to make and to save them."""
    title, shown = st.session_state[_SHOWN]
    shown.update({exhibit.name: exhibit for exhibit in exhibits})
    about = st.popover(
        t("export.about"),
        icon=":material/info:",
        type="tertiary",
        key=f"about_{exhibits[0].name}",
        on_change="rerun",
    )
    if about.open:
        with about:
            for said in explained(exhibits[0], selection().language):
                st.markdown(linked(said, selection().language))
            places = st.tabs([exhibit.name for exhibit in exhibits]) if len(exhibits) > 1 else [st.container()]
            for place, exhibit in zip(places, exhibits, strict=True):
                with place:
                    _take(exhibit, title)


def _take(exhibit: Exhibit, title: str) -> None:
    picture_button(exhibit, title)
    st.markdown(t("export.python"))
    st.code(exhibit.recipe.python, language="python")
    st.markdown(t("export.shell"))
    st.code(exhibit.recipe.shell, language="bash", wrap_lines=True)

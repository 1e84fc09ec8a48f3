"""The pictures of a page as they are shown: each with its explanation, its recipe and its file below it."""

import streamlit as st

from pages.shared.exhibits import Exhibit
from pages.shared.state import t
from pages.shared.take_home import offer, picture_button
from pages.shared.widgets import picture

_SHOWN = "exhibits"


def open_page(title: str) -> None:
    """Begin a page, which has shown nothing yet."""
    st.session_state[_SHOWN] = (title, {})


def close_page() -> None:
    """Offer what the page has shown to be taken home."""
    title, shown = st.session_state[_SHOWN]
    if shown:
        offer(list(shown.values()), title)


def show(exhibit: Exhibit) -> None:
    """Show a picture as wide as its place, with all that belongs to it."""
    picture(exhibit.png, exhibit.alt, exhibit.caption)
    under(exhibit)


def under(exhibit: Exhibit) -> None:
    """Show below a picture, which something else shows, how to read it, how to make it again and how to save it."""
    title, shown = st.session_state[_SHOWN]
    shown[exhibit.name] = exhibit
    about = st.popover(
        t("exhibits.about"), icon=":material/info:", type="tertiary", key=f"about_{exhibit.name}", on_change="rerun"
    )
    if about.open:
        with about:
            st.markdown(t(f"exhibits.{exhibit.kind}_what"))
            st.markdown(t("frame.how", text=t(f"exhibits.{exhibit.kind}_how")))
            st.markdown(t("frame.limits", text=t(f"exhibits.{exhibit.kind}_limits")))
            picture_button(exhibit, title)
            st.markdown(t("exhibits.python"))
            st.code(exhibit.recipe.python, language="python")
            st.markdown(t("exhibits.shell"))
            st.code(exhibit.recipe.shell, language="bash", wrap_lines=True)

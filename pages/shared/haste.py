"""Events that come faster than pages are made, as from a slider that is dragged: what nobody will see is not begun."""

from time import sleep

import streamlit as st

from pages.shared.results import abandoned

# Seconds; longer than between two events of a quick hand, and shorter than anybody notices.
PAUSE = 0.08


def begin() -> None:
    """Note that a page is being made. Where the one before was cut short, wait whether this one will be, too.

    Only then: whoever lets a page be finished does not wait.
    """
    hasty = st.session_state.get("unfinished", False)
    st.session_state.unfinished = True
    if hasty:
        sleep(PAUSE)
        abandoned()


def end() -> None:
    """Note that the page is complete."""
    st.session_state.unfinished = False

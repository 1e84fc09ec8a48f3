"""Login by OpenID Connect, where the server is set up for it: by ``[auth]`` in Streamlit's secrets."""

import streamlit as st

from pages.shared.state import t


def needed() -> bool:
    """Return whether this visitor has to log in first. Without a setup, nobody has to."""
    return not st.user.get("is_logged_in", True)


def show() -> None:
    """Offer to log in, and nothing else."""
    st.title("ZFNet Explorer", anchor=False)
    st.markdown(t("login.why"))
    st.button(t("login.login"), key="login", type="primary", icon=":material/login:", on_click=st.login)


def leave() -> None:
    """Offer to log out, to who has logged in."""
    if st.user.get("is_logged_in", False):
        st.button(t("login.logout"), key="logout", type="tertiary", icon=":material/logout:", on_click=st.logout)

"""Follow me: a teacher opens a room, and the pages of all who have its code go where the teacher's goes."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.shared import state
from pages.shared.links import link, qr
from pages.shared.room_watch import watch
from pages.shared.rooms import LENGTH, RoomError, rooms
from pages.shared.routes import meeting_place
from pages.shared.state import selection, t

_OWN = ("lang", "present")


@dataclass(frozen=True, slots=True)
class Seat:
    """A visitor's place in a room; of one who follows, ``version`` is what has been taken over."""

    code: str
    leads: bool
    version: int = 0


def visitor() -> str:
    """Return what tells this visit from others; it is told to nobody."""
    return st.session_state.setdefault("visitor", secrets.token_hex(16))  # type: ignore[no-any-return]


def seat() -> Seat | None:
    """Return the seat; at the start of a visit, one in the room that the address names."""
    if "seat" not in st.session_state:
        st.session_state.seat = None
        if "room" in st.query_params:
            _join(st.query_params["room"])
    return st.session_state.seat  # type: ignore[no-any-return]


def leads() -> bool:
    """Return whether this visitor shows."""
    here = seat()
    return here is not None and here.leads


def follows() -> bool:
    """Return whether this visitor follows."""
    here = seat()
    return here is not None and not here.leads


def parameter() -> dict[str, str]:
    """Return the room that is followed as the address names it, to be kept beside the selection."""
    here = seat()
    return {"room": here.code} if here and not here.leads else {}


def keep_up(page: StreamlitPage, pages: Mapping[str, StreamlitPage]) -> None:
    """Show what is selected to those who follow, or go where the teacher has gone; before anything is drawn.

    Args:
        page: the page that is open.
        pages: all pages by their addresses.
    """
    here = seat()
    if here is None:
        return
    try:
        if here.leads:
            shown = {name: value for name, value in selection().to_query().items() if name not in _OWN}
            rooms().show(here.code, visitor(), page.url_path, shown)
            return
        seen = rooms().look(here.code, visitor())
    except RoomError as error:
        _stand(error)
        return
    st.session_state.seat = replace(here, version=seen.version)
    if seen.version != here.version:
        state.take_over(seen.query)
        if seen.page != page.url_path:
            st.switch_page(pages[seen.page])


def banner() -> None:
    """Say who follows whom, and look for news from now on."""
    here = seat()
    error, since = st.session_state.get("room_error", (None, None))
    # Told until something else is chosen.
    if error and since is selection():
        st.warning(t(f"follow.error_{error.reason}", **error.values))
    if here is None:
        return
    if here.leads:
        st.fragment(_count)(here)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(t("follow.following", code=here.code), width="content")
        st.button(t("follow.leave"), key="leave_room", on_click=_sit, args=(lambda: None,), type="tertiary")
    watch(here.code, visitor(), what="version", known=here.version)


def popover() -> None:
    """Offer to open a room or to follow in one; show the code of one's own."""
    with st.popover(
        t("follow.me"), icon=":material/groups:", on_change="rerun", key="room_popover", type="tertiary"
    ) as opened:
        here = seat()
        if not opened.open:
            return
        if here is None:
            _choose()
        elif here.leads:
            _invite(here)
        else:
            st.markdown(t("follow.following", code=here.code))


def _choose() -> None:
    st.markdown(t("follow.what"))
    st.button(t("follow.open"), key="open_room", on_click=_sit, args=(_open,), icon=":material/co_present:")
    with st.form("join_room", border=False):
        st.text_input(t("follow.code", length=LENGTH), key="room_code", max_chars=2 * LENGTH)
        st.form_submit_button(t("follow.join"), on_click=lambda: _join(st.session_state.room_code))


def _invite(here: Seat) -> None:
    st.metric(t("follow.room"), here.code)
    target = link({"room": here.code}, meeting_place())
    st.code(target, language=None, wrap_lines=True)
    qr(target, t("follow.qr_alt", code=here.code), t("follow.qr_caption"))
    st.button(t("follow.close"), key="close_room", on_click=_sit, args=(_close,))


def _count(here: Seat) -> None:
    """Say how many follow. That somebody looks keeps the room open."""
    try:
        followers = rooms().look(here.code, visitor()).followers
    except RoomError:
        st.rerun()
    st.caption(t("follow.leading", code=here.code, followers=followers), width="content")
    watch(here.code, visitor(), what="followers", known=followers)


def _sit(take: Callable[[], Seat | None]) -> None:
    """Take a seat, or say why there is none."""
    try:
        st.session_state.seat = take()
        st.session_state.pop("room_error", None)
    except RoomError as error:
        _stand(error)


def _stand(error: RoomError) -> None:
    st.session_state.seat, st.session_state.room_error = None, (error, selection())


def _open() -> Seat:
    return Seat(rooms().open(visitor()), leads=True)


def _close() -> None:
    here = seat()
    if here:
        rooms().close(here.code, visitor())


def _join(written: str) -> None:
    """Follow in a room whose code was typed in, with spaces or in small letters."""
    code = "".join(filter(str.isalnum, written)).upper()[: 2 * LENGTH]

    def take() -> Seat:
        rooms().look(code, visitor())
        return Seat(code, leads=False)

    _sit(take)

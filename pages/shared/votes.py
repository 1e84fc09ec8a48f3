"""Votes on the questions of lessons: what those who follow predict, counted for the teacher, and for all at the
reveal."""

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from pages.shared import follow
from pages.shared.room_watch import watch
from pages.shared.rooms import RoomError, Tally, rooms
from pages.shared.state import t
from pages.shared.widgets import tallies


def before(question: str, labels: Sequence[str], chosen: int) -> None:
    """Count what one who follows has chosen, -1 for nothing; tell the teacher how many have answered."""
    here = follow.seat()
    if here is None:
        return
    if here.leads:
        st.fragment(_watch)(question, labels, here.code)
        return
    # Also what was predicted before the room was entered. A room that has just ended is told of in the next run.
    with suppress(RoomError):
        if chosen >= 0:
            rooms().vote(here.code, follow.visitor(), question, chosen)
    st.caption(t("follow.counted" if chosen >= 0 else "follow.vote"))


def after(question: str, labels: Sequence[str], right: int) -> None:
    """Show to all in the room what was chosen how often."""
    told = [f"{label} ✓" if i == right else label for i, label in enumerate(labels)]
    tally = _tally(question)
    if tally and tally.votes:
        st.caption(t("follow.votes", votes=tally.votes))
        _bars(tally, told)


def reveal(question: str) -> None:
    """Show the answer to all who follow this visitor."""
    here = follow.seat()
    if here and here.leads:
        with suppress(RoomError):
            rooms().reveal(here.code, follow.visitor(), question)


def revealed(question: str) -> bool:
    """Return whether the answer has been shown to all in the room."""
    tally = _tally(question)
    return tally is not None and tally.revealed


def _watch(question: str, labels: Sequence[str], code: str) -> None:
    """Say how many have answered, and what, once that is wanted: a class that sees it votes with the majority."""
    # The number first: what is voted meanwhile is news.
    with suppress(RoomError):
        watch(code, follow.visitor(), what="votes", known=rooms().look(code, follow.visitor()).votes)
    tally = _tally(question) or Tally({}, revealed=False)
    st.caption(t("follow.answered", votes=tally.votes))
    if st.toggle(t("follow.show_votes"), key=f"votes_{question}"):
        _bars(tally, labels)


def _bars(tally: Tally, labels: Sequence[str]) -> None:
    counts = [tally.counts.get(i, 0) for i in range(len(labels))]
    tallies([(label, n / max(tally.votes, 1), str(n)) for label, n in zip(labels, counts, strict=True)])


def _tally(question: str) -> Tally | None:
    here = follow.seat()
    if here is None:
        return None
    with suppress(RoomError):
        return rooms().tally(here.code, question)
    return None

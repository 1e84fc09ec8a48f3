"""A part of a page that draws nothing, and lets the page run again when something changes in a room."""

from typing import Literal

import streamlit as st

from pages.shared.routes import ROOM, VISITOR, address

# The browser asks the server itself: a run of the page, however little it did, would cost far more than the answer.
_JS = """
const asking = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  clearInterval(asking.get(parentElement));
  let told = 0;
  const ask = async () => {
    let now;
    try {
      const answer = await fetch(data.address, { headers: { [data.header]: data.visitor }, cache: "no-store" });
      if (!answer.ok && answer.status !== 404) return;
      now = answer.ok ? (await answer.json())[data.what] : null;
    } catch { return; }
    // Told again only if the page has not run by then: what it does may take a while.
    if (now !== data.known && Date.now() - told > data.patience) {
      told = Date.now();
      setTriggerValue("news", now);
    }
  };
  const timer = setInterval(ask, data.pause);
  asking.set(parentElement, timer);
  return () => clearInterval(timer);
}
"""
_PAUSE_MS, _PATIENCE_MS = 1000, 5000

_component = st.components.v2.component("zfnet.room_watch", js=_JS)


def watch(
    code: str,
    visitor: str,
    *,
    what: Literal["version", "followers", "votes"],
    known: int,
) -> None:
    """Look for news in a room from now on.

    Args:
        code: the room's.
        visitor: who looks, which renews the presence there.
        what: the number that is looked at.
        known: the number that the page shows.
    """
    data = {
        "address": address(ROOM.format(code=code)),
        "header": VISITOR,
        "visitor": visitor,
        "what": what,
        "known": known,
        "pause": _PAUSE_MS,
        "patience": _PATIENCE_MS,
    }
    _component(key=f"watch_{what}", data=data, on_news_change=lambda: None)

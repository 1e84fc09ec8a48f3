"""Small pictures with words below, in rows that break where the page ends."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.shared.clickable import data_url

_STYLE = """<style>
.figures { display: flex; flex-wrap: wrap; gap: 14px 10px; }
.figures figure { margin: 0; }
.figures img { display: block; image-rendering: pixelated; border-radius: 3px; }
.figures figcaption { font-size: 0.8rem; line-height: 1.3; margin-top: 3px; }
.figures figcaption small { display: block; opacity: 0.7; }
</style>"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as wide as ``side`` CSS pixels, what it shows, and the two lines below it."""

    png: bytes
    alt: str
    caption: str
    small: str = ""
    side: int = 112


def figures(shown: Sequence[Figure], align: str = "end") -> None:
    """Show pictures in a row, which breaks where the page ends; ``align`` says which of their edges are level, "start"
    for the upper ones."""
    parts = "".join(
        f"<figure style='width: {f.side}px'>{image(f.png, f.alt, f.side)}"
        f"<figcaption>{html.escape(f.caption)}<small>{html.escape(f.small)}</small></figcaption></figure>"
        for f in shown
    )
    st.html(f"{_STYLE}<div class='figures' style='align-items: flex-{align}'>{parts}</div>")


def image(png: bytes, alt: str, side: int, title: str = "") -> str:
    """Return a picture as HTML, its pixels repeated, as wide as ``side`` CSS pixels; ``title`` is told on hover."""
    words = f"alt='{html.escape(alt, quote=True)}' title='{html.escape(title, quote=True)}'"
    return f"<img src='{data_url(png)}' {words} width='{side}'>"

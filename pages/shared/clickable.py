"""A picture made of cells that can be clicked, reached by the arrow keys, and read aloud."""

import base64
from collections.abc import Callable, Sequence

import streamlit as st

_HTML = """
<div class="picture"><img alt=""><div class="cells" role="group"></div></div>
"""

_CSS = """
.picture { position: relative; line-height: 0; }
img { width: 100%; border-radius: 4px; }
.cells { position: absolute; inset: 0; display: grid; }
button { all: unset; cursor: pointer; min-width: 0; min-height: 0; }
button:hover { box-shadow: inset 0 0 0 2px var(--st-text-color); }
button:focus-visible { box-shadow: inset 0 0 0 3px var(--st-link-color), inset 0 0 0 4px #fff; }
button[aria-pressed="true"] { box-shadow: inset 0 0 0 3px var(--st-primary-color), inset 0 0 0 4px #fff; }
"""

# The cells are real buttons, of which one is in the tab order; the arrow keys move it (the "roving tabindex" pattern of
# WAI-ARIA).
_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const image = parentElement.querySelector("img");
  const cells = parentElement.querySelector(".cells");
  if (image.src !== data.src) image.src = data.src;
  image.alt = data.alt;
  cells.setAttribute("aria-label", data.alt);
  cells.style.gridTemplateColumns = `repeat(${data.columns}, minmax(0, 1fr))`;
  cells.style.gridTemplateRows = `repeat(${Math.ceil(data.labels.length / data.columns)}, minmax(0, 1fr))`;
  while (cells.children.length > data.labels.length) cells.lastChild.remove();
  while (cells.children.length < data.labels.length) {
    const button = document.createElement("button");
    button.type = "button";
    cells.append(button);
  }
  const buttons = [...cells.children];
  const home = Math.max(data.selected, 0);
  buttons.forEach((button, i) => {
    button.title = data.labels[i];
    button.setAttribute("aria-label", data.labels[i]);
    button.setAttribute("aria-pressed", String(i === data.selected));
    button.tabIndex = i === home ? 0 : -1;
    button.onclick = () => setTriggerValue("click", i);
  });
  cells.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.columns, ArrowUp: -data.columns }[event.key];
    const from = buttons.indexOf(event.target);
    const to = buttons[from + step];
    if (step === undefined || !to) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[from].tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  };
}
"""

_component = st.components.v2.component("zfnet.clickable", html=_HTML, css=_CSS, js=_JS)


def clickable(
    png: bytes,
    labels: Sequence[str],
    columns: int,
    *,
    key: str,
    alt: str,
    on_click: Callable[[int], None],
    selected: int = -1,
) -> None:
    """Show a mosaic whose cells can be chosen.

    Args:
        png: the encoded mosaic, made of equal cells in rows of ``columns``.
        labels: what each cell is, in order; shown on hover and read by screen readers.
        columns: cells in a row.
        key: the widget's key.
        alt: what the whole picture shows.
        on_click: called with the number of the chosen cell, before the page runs again.
        selected: the cell to be framed, -1 for none.
    """

    def clicked() -> None:
        index = st.session_state[key].click
        if index is not None:
            on_click(int(index))

    source = "data:image/png;base64," + base64.b64encode(png).decode()
    data = {"src": source, "alt": alt, "labels": list(labels), "columns": columns, "selected": selected}
    _component(key=key, data=data, on_click_change=clicked)

"""A mosaic of tiles that can be clicked, reached by the arrow keys, and read aloud."""

import base64
from collections.abc import Callable, Sequence

import streamlit as st

_HTML = """<div class="tiles" role="group"></div>"""

# The tiles are cut from one sheet, so that they can stand in as many columns as there is room for.
_CSS = """
.tiles { display: grid; gap: var(--gap); justify-content: start; align-items: start;
  grid-template-columns: repeat(auto-fill, var(--width)); }
button { all: unset; cursor: pointer; border-radius: 3px; width: var(--width); font-size: 0.8rem; line-height: 1.5; }
button div { height: var(--height); border-radius: 3px;
  background-image: var(--sheet); background-size: var(--size); image-rendering: var(--rendering); }
button:hover { box-shadow: 0 0 0 2px var(--st-text-color); }
button[aria-pressed="true"] { box-shadow: 0 0 0 1px #fff, 0 0 0 3px var(--st-primary-color); }
button:focus-visible { outline: 2px solid #fff; outline-offset: -2px; box-shadow: 0 0 0 3px var(--st-link-color); }
"""

# The tiles are real buttons, of which one is in the tab order; the arrow keys move it (the "roving tabindex" pattern of
# WAI-ARIA).
_JS = """
const FINGER = 44;  // CSS pixels that a fingertip hits

export default function ({ parentElement, data, setTriggerValue }) {
  const tiles = parentElement.querySelector(".tiles");
  const grown = matchMedia("(pointer: coarse)").matches ? Math.max(1, FINGER / Math.min(...data.tile)) : 1;
  const [width, height] = data.tile.map((side) => Math.round(side * grown));
  const rows = Math.ceil(data.labels.length / data.columns);
  const look = {
    width: `${width}px`,
    height: `${height}px`,
    sheet: `url(${data.sheet})`,
    size: `${data.columns * width}px ${rows * height}px`,
    rendering: data.smooth ? "auto" : "pixelated",
    gap: `${data.gap}px`,
  };
  for (const [name, value] of Object.entries(look)) tiles.style.setProperty(`--${name}`, value);
  tiles.setAttribute("aria-label", data.alt);
  while (tiles.children.length > data.labels.length) tiles.lastChild.remove();
  while (tiles.children.length < data.labels.length) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(document.createElement("div"), document.createElement("span"));
    tiles.append(button);
  }
  const buttons = [...tiles.children];
  const home = Math.max(data.selected, 0);
  buttons.forEach((button, i) => {
    const left = (i % data.columns) * width, top = Math.floor(i / data.columns) * height;
    button.firstChild.style.backgroundPosition = `${-left}px ${-top}px`;
    button.lastChild.textContent = data.captions[i] ?? "";
    button.title = data.labels[i];
    button.setAttribute("aria-label", data.labels[i]);
    button.setAttribute("aria-pressed", String(i === data.selected));
    button.tabIndex = i === home ? 0 : -1;
    button.onclick = () => setTriggerValue("click", i);
  });
  tiles.onkeydown = (event) => {
    const columns = getComputedStyle(tiles).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
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

# By how a file begins; everything else is PNG.
_KINDS = {b"RIFF": "webp", b"<svg": "svg+xml"}

_component = st.components.v2.component("zfnet.clickable", html=_HTML, css=_CSS, js=_JS)


def clickable(
    sheet: bytes,
    labels: Sequence[str],
    columns: int,
    *,
    tile: tuple[int, int],
    key: str,
    alt: str,
    on_click: Callable[[int], None],
    selected: int = -1,
    smooth: bool = False,
    gap: int = 3,
    captions: Sequence[str] = (),
) -> None:
    """Show a mosaic whose tiles can be chosen.

    Args:
        sheet: the encoded tiles, equal and without gaps, in rows of ``columns``. On the page, they stand in as many
            columns as there is room for.
        labels: what each tile is, in order; shown on hover and read by screen readers.
        columns: tiles in a row of the sheet.
        tile: width and height of a tile on the page, in CSS pixels.
        key: the widget's key.
        alt: what the whole mosaic shows.
        on_click: called with the number of the chosen tile, before the page runs again.
        selected: the tile to be framed, -1 for none.
        smooth: for photographs, and for tiles that are drawn smaller than they are; else pixels are repeated.
        gap: between tiles on the page, in CSS pixels.
        captions: what stands below each tile, if anything.
    """

    def clicked() -> None:
        index = st.session_state[key].click
        if index is not None:
            on_click(int(index))

    data = {
        "sheet": data_url(sheet),
        "alt": alt,
        "labels": list(labels),
        "columns": columns,
        "tile": tile,
        "selected": selected,
        "smooth": smooth,
        "gap": gap,
        "captions": list(captions),
    }
    _component(key=key, data=data, on_click_change=clicked)


def data_url(encoded: bytes) -> str:
    """Return an encoded picture, PNG, WebP or SVG, as an address that holds it whole."""
    kind = _KINDS.get(encoded[:4], "png")
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"

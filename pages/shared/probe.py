"""A map that tells the value under the pointer, beside the picture in which that cell's place is framed."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import streamlit as st

from pages.shared.clickable import data_url

_HTML = """<output aria-live="polite"></output><div class="panes"></div>"""

_CSS = """
.panes { display: flex; flex-wrap: wrap; gap: 12px; }
figure { flex: 1 1 170px; margin: 0; max-width: 448px; }
@media (max-width: 640px) { figure { flex-basis: 100%; } }
figcaption { font-size: 0.8rem; opacity: 0.75; margin-top: 4px; }
.scale { display: flex; align-items: center; gap: 6px; margin-top: 6px; font-size: 0.8rem; line-height: 1;
  font-variant-numeric: tabular-nums; }
.scale div { flex: 1; min-width: 0; height: 8px; border-radius: 2px; background-size: 100% 100%; }
ul { list-style: none; margin: 4px 0 0; padding: 0; font-size: 0.8rem; }
li { display: flex; gap: 6px; align-items: baseline; }
li i { flex: none; width: 10px; height: 10px; border-radius: 2px; }
[hidden] { display: none !important; }
.pane { position: relative; line-height: 0; cursor: crosshair; touch-action: manipulation; overflow: hidden; }
.pane:focus-visible { outline: 3px solid var(--st-link-color); outline-offset: 1px; }
img { width: 100%; border-radius: 3px; }
.mark { position: absolute; box-sizing: border-box; pointer-events: none; }
.mark.pointed { box-shadow: 0 0 0 1px #fff, 0 0 0 2px #d62728; }
.mark.kept { box-shadow: 0 0 0 1px #fff, 0 0 0 3px var(--st-primary-color); }
output { display: block; min-height: 1.5em; margin-bottom: 4px; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
.tip { position: absolute; padding: 1px 6px; line-height: 1.4; font-size: 0.85rem; border-radius: 3px; color: #fff;
  background: rgba(20, 20, 20, 0.85); pointer-events: none; white-space: nowrap; font-variant-numeric: tabular-nums; }
"""

# One cell is under the pointer or reached by the arrow keys, another may be kept by a click. Both are marked in every
# pane: in a map as the cell itself, in a picture as what it covers there.
_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const box = parentElement.querySelector(".panes"), said = parentElement.querySelector("output");
  const [rows, columns] = data.shape;
  const bytes = Uint8Array.from(atob(data.values), (c) => c.charCodeAt(0));
  const values = new Float32Array(bytes.buffer);
  const clamp = (x, end) => Math.min(Math.max(x, 0), end - 1);
  const span = (cell) => [data.spans[cell][0], data.spans[cell][1] + 1].map((x) => Math.min(Math.max(x, 0), data.side));
  const middles = data.spans.map(([first, last]) => (first + last) / 2);
  const place = ([row, column], seen) => {
    const [t, b] = seen ? span(row) : [row, row + 1], [l, r] = seen ? span(column) : [column, column + 1];
    const [h, w] = seen ? [data.side, data.side] : [rows, columns];
    return { top: t / h, left: l / w, height: (b - t) / h, width: (r - l) / w };
  };
  const nearest = (fraction, cells, seen) => {
    if (!seen) return clamp(Math.floor(fraction * cells), cells);
    const away = middles.slice(0, cells).map((middle) => Math.abs(middle - (fraction * data.side - 0.5)));
    return away.indexOf(Math.min(...away));
  };
  const value = ([row, column]) => values[row * columns + column].toFixed(data.digits).replace("-", "\u2212");
  const tell = (cell, words) => {
    const [row, column] = cell, [top, bottom] = span(row), [left, right] = span(column);
    const known = { row, column, value: value(cell), top, left, bottom: bottom - 1, right: right - 1 };
    for (const [name, said] of Object.entries(data.words)) known[name] = said[row * columns + column];
    return words.replace(/\\{(\\w+)\\}/g, (_, name) => known[name]);
  };
  const mark = (name, cell) => panes.forEach(({ pane, seen }) => {
    const div = pane.querySelector("." + name);
    div.hidden = !cell;
    if (!cell) return;
    for (const [side, share] of Object.entries(place(cell, seen))) div.style[side] = `${100 * share}%`;
  });
  // Beside the cell, on the side where there is room.
  const tip = (cell) => panes.forEach(({ pane, seen, told }) => {
    const div = pane.querySelector(".tip");
    div.hidden = !cell;
    if (!cell) return;
    const at = place(cell, seen), right = at.left + at.width / 2 > 0.5, low = at.top + at.height / 2 > 0.5;
    const share = (x) => `${100 * Math.min(Math.max(x, 0), 1)}%`;
    div.textContent = tell(cell, told);
    div.style.inset = "auto";
    div.style[right ? "right" : "left"] = share(right ? 1 - at.left - at.width : at.left);
    div.style[low ? "bottom" : "top"] = `calc(${share(low ? 1 - at.top : at.top + at.height)} + 4px)`;
  });
  const point = (cell) => {
    parentElement.cell = cell;
    mark("pointed", cell);
    tip(cell);
    said.textContent = cell || data.kept ? tell(cell || data.kept, data.told) : "";
  };
  while (box.children.length > data.panes.length) box.lastChild.remove();
  while (box.children.length < data.panes.length) {
    const figure = document.createElement("figure");
    figure.innerHTML = `<div class="pane" tabindex="0" role="group"><img><div class="mark kept" hidden></div>
      <div class="mark pointed" hidden></div><div class="tip" hidden></div></div>
      <div class="scale"><span></span><div></div><span></span></div><figcaption></figcaption><ul></ul>`;
    box.append(figure);
  }
  const panes = data.panes.map((given, i) => {
    const figure = box.children[i], pane = figure.querySelector(".pane"), image = pane.querySelector("img");
    if (image.getAttribute("src") !== given.src) image.src = given.src;
    image.alt = given.alt;
    image.style.imageRendering = given.smooth ? "auto" : "pixelated";
    pane.setAttribute("aria-label", data.help);
    figure.querySelector("figcaption").textContent = given.caption;
    const scale = figure.querySelector(".scale");
    scale.hidden = !given.scale;
    if (given.scale) {
      scale.querySelector("div").style.backgroundImage = `url(${given.scale.src})`;
      [...scale.querySelectorAll("span")].forEach((end, j) => { end.textContent = given.scale.ends[j]; });
    }
    figure.querySelector("ul").replaceChildren(...given.legend.map(([colour, name]) => {
      const item = document.createElement("li"), swatch = document.createElement("i");
      swatch.style.background = colour;
      item.append(swatch, name);
      return item;
    }));
    const under = (event) => {
      const frame = pane.getBoundingClientRect();
      return [nearest((event.clientY - frame.top) / frame.height, rows, given.seen),
        nearest((event.clientX - frame.left) / frame.width, columns, given.seen)];
    };
    pane.onpointermove = (event) => point(under(event));
    pane.onpointerleave = () => point(null);
    pane.onclick = (event) => setTriggerValue("click", under(event));
    pane.onblur = () => point(null);
    pane.onkeydown = (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      const from = parentElement.cell || data.kept || [rows >> 1, columns >> 1];
      if (step) point([clamp(from[0] + step[0], rows), clamp(from[1] + step[1], columns)]);
      else if (event.key === "Enter" || event.key === " ") setTriggerValue("click", from);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    return { pane, seen: given.seen, told: given.tip };
  });
  mark("kept", data.kept);
  point(null);
}
"""

_component = st.components.v2.component("zfnet.probe", html=_HTML, css=_CSS, js=_JS)


class Spread(Protocol):
    """What has cells in a row on the picture: a layer by its receptive fields, a square that visits places."""

    def span(self, cell: int) -> tuple[int, int]:
        """Return the first and the last pixel of a cell, along one axis."""


def pane(
    png: bytes,
    alt: str,
    caption: str,
    *,
    seen: bool,
    smooth: bool = False,
    tip: str = "{value}",
    scale: tuple[bytes, str, str] | None = None,
    legend: Sequence[tuple[str, str]] = (),
) -> dict[str, object]:
    """Return one picture of a probe.

    Args:
        png: the picture.
        alt: what it shows.
        caption: what stands below it.
        seen: whether it is what the network sees, in which cells are framed by what they cover; else it is the map
            itself.
        smooth: enlarge it smoothly, as a photograph; else by repeating pixels.
        tip: what stands beside the pointer, with the same placeholders as ``told`` of ``probe``.
        scale: a colour bar, and what stands at its left and at its right end.
        legend: colours, each with what it means.
    """
    bar = scale and {"src": data_url(scale[0]), "ends": scale[1:]}
    shown = {"src": data_url(png), "alt": alt, "caption": caption, "seen": seen, "smooth": smooth}
    return shown | {"tip": tip, "scale": bar, "legend": list(legend)}


def probe(
    values: np.ndarray,
    panes: Sequence[Mapping[str, object]],
    *,
    field: Spread,
    side: int,
    told: str,
    help: str,
    key: str,
    on_click: Callable[[tuple[int, int]], None],
    kept: tuple[int, int] | None = None,
    digits: int = 4,
    words: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Show pictures of one map in which a cell is pointed at, and chosen by a click or by Enter.

    Args:
        values: the map, float32 (H, W).
        panes: what ``pane`` returns.
        field: where the cells lie in that picture, along both axes.
        side: of the picture that the network sees, in pixels.
        told: what is said about a cell; ``{row}``, ``{column}``, ``{value}``, the first and last pixels that it covers,
            ``{top}``, ``{bottom}``, ``{left}``, ``{right}``, and the names of ``words``.
        help: how to use it, read by screen readers.
        key: the widget's key.
        on_click: called with the (row, column) of the chosen cell, before the page runs again.
        kept: the cell that stays marked.
        digits: of a value, after the point.
        words: what else is known about each cell, in row order.
    """

    def clicked() -> None:
        cell = st.session_state[key].click
        if cell is not None:
            on_click((int(cell[0]), int(cell[1])))

    data = {
        "values": base64.b64encode(values.astype("<f4").tobytes()).decode(),
        "shape": values.shape,
        "panes": list(panes),
        "spans": [field.span(cell) for cell in range(max(values.shape))],
        "side": side,
        "told": told,
        "help": help,
        "kept": kept,
        "digits": digits,
        "words": words or {},
    }
    _component(key=key, data=data, on_click_change=clicked)

"""A film to scrub through by hand: one large picture, a slider, and a strip of small ones. The server is not asked."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.clickable import data_url

_HTML = """<figure>
  <div class="large" role="img"></div>
  <div class="strip"></div>
  <div class="row"><button type="button"></button><input type="range" min="0" step="1"></div>
  <figcaption></figcaption>
</figure>"""

_CSS = """
figure { margin: 0; max-width: var(--side); }
.large { width: 100%; }
.large, .strip span { background-image: var(--sheet); background-size: var(--size); image-rendering: var(--rendering);
  aspect-ratio: var(--aspect); border-radius: 3px; }
.strip { display: flex; gap: 2px; margin-top: 6px; }
.strip span { flex: 1 1 0; cursor: pointer; }
.strip span.now { box-shadow: 0 0 0 2px var(--st-primary-color); }
.row { display: flex; gap: 10px; align-items: center; margin-top: 6px; }
.row input { flex: 1; accent-color: var(--st-primary-color); }
.row button { all: unset; cursor: pointer; padding: 2px 12px; border: 1px solid var(--st-border-color);
  border-radius: 6px; font-size: 0.9rem; }
.row button:focus-visible { box-shadow: 0 0 0 1px #fff, 0 0 0 3px var(--st-link-color); }
figcaption { font-size: 0.9rem; line-height: 1.4; margin-top: 2px; }
"""

# A film of another picture begins at its end, where the result is; one that is merely drawn again stays where it was.
_JS = """
const STRIP = 9, TICK = 110;

export default function ({ parentElement, data }) {
  const find = (selector) => parentElement.querySelector(selector);
  const figure = find("figure"), large = find(".large"), strip = find(".strip");
  const slider = find("input"), button = find("button"), caption = find("figcaption");
  const count = data.captions.length, rows = Math.ceil(count / data.columns);
  const place = (i) => {
    const part = (at, of) => (of > 1 ? (100 * at) / (of - 1) : 0);
    return `${part(i % data.columns, data.columns)}% ${part(Math.floor(i / data.columns), rows)}%`;
  };
  const look = {
    side: `${data.side}px`,
    sheet: `url(${data.sheet})`,
    size: `${100 * data.columns}% ${100 * rows}%`,
    aspect: `${data.size[1]} / ${data.size[0]}`,
    rendering: data.smooth ? "auto" : "pixelated",
  };
  for (const [name, value] of Object.entries(look)) figure.style.setProperty(`--${name}`, value);
  large.setAttribute("aria-label", data.alt);
  slider.max = count - 1;
  slider.setAttribute("aria-label", data.label);
  const shown = Math.min(STRIP, count);
  const numbers = [...Array(shown)].map((_, k) => Math.round((k * (count - 1)) / Math.max(shown - 1, 1)));
  strip.replaceChildren(...numbers.map((i) => {
    const small = document.createElement("span");
    small.style.backgroundPosition = place(i);
    small.onclick = () => show(i);
    return small;
  }));
  const show = (i) => {
    large.style.backgroundPosition = place(i);
    slider.value = i;
    slider.setAttribute("aria-valuetext", data.captions[i]);
    caption.textContent = data.captions[i];
    const nearest = numbers.reduce((a, b) => (Math.abs(b - i) < Math.abs(a - i) ? b : a));
    [...strip.children].forEach((small, k) => small.classList.toggle("now", numbers[k] === nearest));
  };
  const stop = () => {
    clearInterval(figure.playing);
    figure.playing = undefined;
    button.textContent = data.words.play;
  };
  slider.oninput = () => { stop(); show(Number(slider.value)); };
  button.onclick = () => {
    if (figure.playing) return stop();
    let i = Number(slider.value) < count - 1 ? Number(slider.value) : -1;
    button.textContent = data.words.pause;
    figure.playing = setInterval(() => {
      i += 1;
      if (!figure.isConnected || i >= count) return stop();
      show(i);
    }, TICK);
  };
  const same = figure.film === data.sheet;
  figure.film = data.sheet;
  if (!same) stop();
  if (!figure.playing) button.textContent = data.words.play;
  show(same ? Number(slider.value) : count - 1);
}
"""

_component = st.components.v2.component("zfnet.scrubber", html=_HTML, css=_CSS, js=_JS)


def scrubber(
    sheet: bytes,
    captions: Sequence[str],
    columns: int,
    *,
    size: tuple[int, int],
    side: int,
    words: dict[str, str],
    alt: str,
    key: str,
) -> None:
    """Show a film.

    Args:
        sheet: the frames as one WebP, equal and without gaps, in rows of ``columns``.
        captions: what is said of each frame, in order.
        columns: frames in a row of the sheet.
        size: height and width of a frame in pixels.
        side: how wide the film is at most on the page, in CSS pixels.
        words: the names of the slider ("slider") and of the button ("play", "pause").
        alt: what the film shows.
        key: the widget's key.
    """
    _component(
        key=key,
        data={
            "sheet": data_url(sheet),
            "captions": list(captions),
            "columns": columns,
            "size": size,
            "side": side,
            "smooth": max(size) > _PIXELS,
            "words": {name: words[name] for name in ("play", "pause")},
            "label": words["slider"],
            "alt": alt,
        },
    )


# Up to this size every pixel of a frame is to be seen.
_PIXELS = 64

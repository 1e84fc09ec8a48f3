"""Maximizations made live: in the background, watched as they grow, kept for everybody when done."""

import hashlib
import html
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import exhibition, recipes, results
from pages.shared.charts import curve
from pages.shared.clickable import data_url
from pages.shared.exhibits import Exhibit
from pages.shared.maximization_settings import Asked
from pages.shared.scrubber import scrubber
from pages.shared.state import t, view
from zfnet import QueueFullError, film, render
from zfnet.classification import HEADS
from zfnet.climb import Climbed, Maximization
from zfnet.images import digest
from zfnet.jobs import Jobs, JobView, Report
from zfnet.sharing import Cancel

# A preview is one poll old: three polls in a second show at least two new pictures.
_POLL_SECONDS = 0.3
_WAITS, _WAIT_SECONDS = 12, 0.02
# A maximization with its frames takes up to 5 MB.
_KEPT = 16
_SHEET_COLUMNS = 5
# Four at once, and the pixels between them.
_FOUR, _GAP = 4, 2
# The curve while it grows, in units of its own.
_CHART = (448, 90)
_FULL_QUEUE = "queue_full"


@dataclass(frozen=True, slots=True)
class Preview:
    """How far a climb has come: the picture as PNG, and what drives the unit, step by step."""

    png: bytes
    curve: np.ndarray


@st.cache_resource(show_spinner=False)
def _jobs() -> Jobs[Preview, Maximization]:
    return Jobs(keep=_KEPT)


def live(wanted: Asked) -> None:
    """Let it be made, show how it grows, and then the film of how it came about."""
    seen = _jobs().look(_key(wanted), _owner())
    polling = _unfinished(seen)
    st.fragment(_show, run_every=_POLL_SECONDS if polling else None)(wanted, polling)


def _show(wanted: Asked, polling: bool) -> None:
    seen = _jobs().look(_key(wanted), _owner())
    if _unfinished(seen) != polling:
        st.rerun()
    with st.container(horizontal=True):
        st.button(
            t("maximization.run", name=wanted.name),
            type="primary",
            icon=":material/play_arrow:",
            disabled=polling or bool(seen and seen.state == "done"),
            on_click=_start,
            args=(wanted, view()),
        )
        st.button(
            t("maximization.stop"),
            icon=":material/stop:",
            disabled=not polling,
            on_click=_jobs().cancel,
            args=(_key(wanted), _owner()),
        )
    if st.session_state.pop(_FULL_QUEUE, False):
        st.warning(t("maximization.queue_full"))
    if seen is None:
        st.info(t("maximization.nothing_yet"))
    elif seen.result:
        _show_result(wanted, seen.result)
    else:
        _show_progress(wanted, seen)


def _show_progress(wanted: Asked, seen: JobView[Preview, Maximization]) -> None:
    steps = wanted.settings.steps
    if seen.state == "failed":
        st.error(seen.error or t("frame.defect"))
    elif seen.state == "waiting":
        st.progress(0.0, t("maximization.waiting", place=seen.place + 1))
    elif seen.state == "running":
        st.progress(seen.done / steps, t("maximization.progress", step=seen.done, steps=steps, left=steps - seen.done))
    else:
        st.caption(t("maximization.stopped", step=seen.done, steps=steps))
    if seen.preview:
        _show_preview(wanted, seen.preview, growing=_unfinished(seen))


def _show_preview(wanted: Asked, preview: Preview, *, growing: bool) -> None:
    """Show how far a picture has come, and its curve: both within the page, drawn three times in a second.

    As files of their own they would be gone before a slow browser asks for them.
    """
    ends = {"start": results.rounded(preview.curve[0]), "now": results.rounded(preview.curve[-1])}
    told = t("maximization.so_far" if growing else "maximization.until_then", **ends)
    drawn = {preview.png: t("maximization.alt", name=wanted.name), _line(preview.curve, wanted.settings.steps): told}
    style = f"style='display: block; width: 100%; max-width: {results.SIDE}px; border-radius: 3px'"
    images = "".join(
        f"<img src='{data_url(of)}' alt='{html.escape(alt, quote=True)}' {style}>" for of, alt in drawn.items()
    )
    st.html(f"{images}<small>{html.escape(told)}</small>")


def _line(values: np.ndarray, steps: int) -> bytes:
    """Draw a curve that grows towards its last step, as SVG."""
    low, high = float(values.min()), float(values.max())
    width, height = _CHART
    x = np.arange(len(values)) / steps * width
    y = height - (values - low) / ((high - low) or 1) * height
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-3 -3 {width + 6} {height + 6}'>"
        f"<path d='M0 {height} H{width}' stroke='#9aa0a6'/>"
        f"<polyline points='{points}' fill='none' stroke='#21918c' stroke-width='3'/></svg>"
    ).encode()


def _show_result(wanted: Asked, made: Maximization) -> None:
    """Show the film of a climb, its curve, and what is to be known about it."""
    steps = made.settings.steps
    frames = [image for _, image in made.frames]
    scrubber(
        film.sheet(frames, _SHEET_COLUMNS),
        [
            t("maximization.frame", step=step, steps=steps, value=results.rounded(made.curve[step]))
            for step, _ in made.frames
        ],
        _SHEET_COLUMNS,
        size=made.image.shape[:2],
        side=results.SIDE,
        words={
            "play": t("maximization.play"),
            "pause": t("maximization.pause"),
            "slider": t("maximization.slider"),
        },
        alt=t("maximization.alt", name=wanted.name),
        key="film",
    )
    start, end = (results.rounded(made.curve[i]) for i in (0, -1))
    ends = {"measure": wanted.measure, "start": start, "end": end}
    height, width = ((side - _GAP) // 2 if made.settings.diversity else side for side in made.image.shape[:2])
    caption = t("maximization.live_caption", name=wanted.name, steps=steps, height=height, width=width, **ends)
    st.caption(caption)
    words = t("maximization.alt", name=wanted.name), caption
    recipe = recipes.climb(exhibition.source(), wanted.unit, made.settings)
    exhibition.under(
        Exhibit(
            "climb",
            f"climb-{wanted.unit}",
            render.encode_png(made.image),
            *words,
            recipe,
            arrays=lambda: {"curve": made.curve, "image": made.image},
        )
    )
    speaks = made.curve[-1] > 0 or made.unit.layer in HEADS.values()
    if not (speaks or made.settings.negative):
        st.warning(t("maximization.still_silent", name=wanted.name))
    elif made.silent and not made.settings.negative:
        st.caption(t("maximization.was_silent", name=wanted.name))
    st.caption(t("maximization.ready"))
    curve(made.curve, (t("maximization.axis_step"), t("maximization.axis_value")), t("maximization.curve_alt", **ends))
    st.download_button(
        t("maximization.save_film"),
        lambda: film.animation(frames),
        f"{made.unit.layer}-{made.unit.channel}.webp",
        "image/webp",
        icon=":material/movie:",
        on_click="ignore",
    )


def _start(wanted: Asked, picture: Image.Image) -> None:
    """Ask for the work, in the background; the visitor's former one is let go of."""
    backend = results.session()
    start = picture if wanted.settings.start == "picture" else None

    def work(report: Report[Preview], cancel: Cancel) -> Maximization:
        def progress(step: int, climbed: Callable[[], Climbed]) -> None:
            report(step, wanted.settings.steps, lambda: _preview(climbed()))

        units = [wanted.unit] * (_FOUR if wanted.settings.diversity else 1)
        return _beside(backend.maximize(units, wanted.settings, picture=start, progress=progress, cancel=cancel))

    try:
        _jobs().submit(_key(wanted), _owner(), work)
    except QueueFullError:
        st.session_state[_FULL_QUEUE] = True
        return
    # A step takes less than the browser needs to ask again: the page comes with the first picture.
    for _ in range(_WAITS):
        seen = _jobs().look(_key(wanted), _owner())
        if seen is None or seen.preview or seen.state == "waiting":
            break
        time.sleep(_WAIT_SECONDS)


def _preview(climbed: Climbed) -> Preview:
    return Preview(results.large(_mosaic(climbed.images)), climbed.curves.mean(0))


def _beside(made: Sequence[Maximization]) -> Maximization:
    """Return the pictures of one unit as one, with the mean of their curves."""
    frames = zip(*(one.frames for one in made), strict=True)
    return replace(
        made[0],
        image=_mosaic([one.image for one in made]),
        curve=np.mean([one.curve for one in made], 0),
        frames=tuple((of[0][0], _mosaic([image for _, image in of])) for of in frames),
        silent=any(one.silent for one in made),
    )


def _mosaic(images: Sequence[np.ndarray]) -> np.ndarray:
    return render.mosaic(images, 2, _GAP)[:-_GAP, :-_GAP] if len(images) > 1 else images[0]


def _key(wanted: Asked) -> str:
    """Return what names a result: network, objective, settings and seed, and the picture where that is the start."""
    start = digest(view()) if wanted.settings.start == "picture" else ""
    about = (results.session().info.checkpoint_id, str(wanted.unit), sorted(asdict(wanted.settings).items()), start)
    return hashlib.sha256(repr(about).encode()).hexdigest()


def _owner() -> str:
    context = get_script_run_ctx()
    return context.session_id if context else ""


def _unfinished(seen: JobView[Preview, Maximization] | None) -> bool:
    return seen is not None and seen.state in ("waiting", "running")

"""Maximizations that came with the project: the one that belongs to what is asked for, and a layer's gallery."""

from dataclasses import dataclass, replace

import streamlit as st

from pages.shared import exhibition, recipes, results
from pages.shared.clickable import clickable
from pages.shared.exhibits import Exhibit
from pages.shared.maximization_settings import Asked
from pages.shared.results import cached
from pages.shared.state import select, selection, t
from pages.shared.widgets import class_index, class_name, picture, unit
from zfnet import InferenceSession, Unit, drawing, film, render
from zfnet.classification import HEADS
from zfnet.drawing import TILE
from zfnet.gallery import Premade
from zfnet.maximization_settings import PRESETS

_COLUMNS = 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """The pictures of a layer, to be kept and, a fifth as large, to be shown."""

    png: bytes
    webp: bytes


def show(wanted: Asked) -> None:
    """Show the picture that was made beforehand, if there is one."""
    made = results.premade(results.session(), wanted.unit)
    if made is None or wanted.settings.negative:
        st.info(t("maximization.beforehand_none", name=wanted.name))
        return
    of = made.unit
    name = wanted.name if of.layer in HEADS.values() else str(of)
    measure = t("maximization.measure_class" if of.layer in HEADS.values() else "maximization.measure_cell")
    pixels, alt = made.pixels(), t("maximization.alt", name=name)
    picture(results.large(pixels), alt)
    ends = {"start": results.rounded(made.start), "end": results.rounded(made.end)}
    words = {"name": name, "measure": measure, "steps": made.settings.steps} | ends
    height, width = pixels.shape[:2]
    caption = t("maximization.beforehand_caption", **words, height=height, width=width)
    st.caption(caption)
    recipe = recipes.maximization(exhibition.source(), made)
    exhibition.under(Exhibit("maximization", f"beforehand-{of}", results.large(pixels), alt, caption, recipe))
    st.caption(t("maximization.beforehand_what", preset=t(f"maximization.preset_{_preset(made)}")))
    if made.silent:
        st.caption(t("maximization.was_silent", name=name))


def gallery() -> None:
    """Show the pictures of the selected layer, or of the classes; a click selects the unit or the class everywhere."""
    classes = selection().goal == "class"
    layer = HEADS["fc"] if classes else unit().layer
    units = [Unit(layer, made.unit.channel) for made in results.gallery(results.session(), layer)]
    if not units:
        return
    chosen = Unit(layer, class_index() if classes else unit().channel)
    st.header(t("maximization.gallery_classes" if classes else "maximization.gallery", layer=layer), anchor=False)
    caption = t("maximization.gallery_what_classes" if classes else "maximization.gallery_what", count=len(units))
    st.caption(caption)
    names = [class_name(one.channel) if classes else str(one) for one in units]
    alt, drawn = t("maximization.gallery_alt", layer=layer, count=len(units)), _sheet(results.session(), layer)
    clickable(
        drawn.webp,
        names,
        _COLUMNS,
        tile=(TILE, TILE),
        key=f"gallery_{layer}",
        alt=alt,
        on_click=lambda i: _select(units[i]),
        selected=units.index(chosen) if chosen in units else -1,
        smooth=True,
        captions=names if classes else [str(one.channel) for one in units],
    )
    recipe = recipes.gallery(exhibition.source(), layer)
    exhibition.under(Exhibit("gallery", f"gallery-{layer}", drawn.png, alt, caption, recipe))


def _preset(made: Premade) -> str:
    """Return the preset that a picture was made with."""
    steps, precision = made.settings.steps, made.settings.precision
    alike = (n for n, preset in PRESETS.items() if replace(preset, steps=steps, precision=precision) == made.settings)
    return next(alike, "normal")


def _select(chosen: Unit) -> None:
    if chosen.layer in HEADS.values():
        select(class_index=chosen.channel)
    else:
        select(layer=chosen.layer, channel=chosen.channel)


@cached
def _sheet(session: InferenceSession, layer: str) -> Sheet:
    """Lay the pictures of a layer in rows of equal tiles."""
    pixels = drawing.gallery([made.pixels() for made in results.gallery(session, layer)], _COLUMNS)
    return Sheet(render.encode_png(pixels), film.sheet([pixels], 1))

"""The parts of the unit view: its neighbours, what it says to the classes, what drives it, and which samples do."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image, ImageOps

from pages.shared import recipes, results
from pages.shared.charts import bars
from pages.shared.clickable import clickable
from pages.shared.exhibition import source, under
from pages.shared.exhibits import Exhibit
from pages.shared.pictures import embedded, sample_picture
from pages.shared.results import Look, abandoned, cached
from pages.shared.scaled_units import scaled
from pages.shared.state import select, selection, t, view
from pages.shared.widgets import class_name, first_filters, tallies
from zfnet import InferenceSession, Unit, crop, render
from zfnet.contributions import Contributions
from zfnet.geometry import LAYERS, SPATIAL, receptive_field, shapes
from zfnet.knockout import Knockout
from zfnet.plate import Scale

_CLASSES, _INPUTS, _SAMPLES, _PER_ROW = 5, 8, 6, 4
_FILTER, _TILE = 28, 72


@dataclass(frozen=True, slots=True)
class Peaks:
    """How strongly each sample excites each channel of a layer, and in which cell: (samples, channels)."""

    values: np.ndarray
    cells: np.ndarray


@cached
def peaks(session: InferenceSession, layer: str) -> Peaks:
    """Return how strongly the project's samples excite a layer."""
    found = [session.feature_maps(crop(sample_picture(name)), layer, cancel=abandoned).values for name in embedded()]
    flat = np.stack([values.reshape(len(values), -1) for values in found])
    return Peaks(flat.max(2), flat.argmax(2))


@cached
def inputs(session: InferenceSession, view: Image.Image, unit: Unit) -> Contributions:
    """Return what the layer below contributes to a unit's value, strongest first."""
    return session.contributions(view, unit, top=_INPUTS, cancel=abandoned)


def neighbours(chosen: Unit) -> None:
    """Let the channels be gone through in the order of the mosaic, and the layers up and down."""
    order = results.ranking(results.session(), view(), chosen.layer, selection().order).channels
    at, layer = order.index(chosen.channel), LAYERS.index(chosen.layer)
    before, after = (f"{chosen.layer}:{order[(at + step) % len(order)]}" for step in (-1, 1))
    name = f"{chosen.layer}:{chosen.channel}"
    title = name if chosen.layer != "fc8" else f"{name} · {class_name(chosen.channel)}"
    st.header(title, anchor=False, width="content")
    step(before, "Left", channel=order[at - 1])
    step(after, "Right", channel=order[(at + 1) % len(order)])
    if layer:
        step(LAYERS[layer - 1], "Down", layer=LAYERS[layer - 1])
    if layer + 1 < len(LAYERS):
        step(LAYERS[layer + 1], "Up", layer=LAYERS[layer + 1])


def place(chosen: Unit) -> None:
    """Say where in the order of the mosaic a unit stands."""
    order = results.ranking(results.session(), view(), chosen.layer, selection().order).channels
    told = {"place": order.index(chosen.channel) + 1, "count": len(order)}
    st.caption(t("unit.place", **told, order=t(f"feature_maps.order_{selection().order}")))


def step(label: str, shortcut: str, **to: object) -> None:
    """Show a button, which a key presses as well, that changes the selection."""
    st.button(label, key=f"step_{shortcut}", shortcut=shortcut, on_click=select, kwargs=to)


def feeds(chosen: Unit) -> None:
    """Show which classes gain and lose most by what the unit says about this picture."""
    st.header(t("unit.feeds"), anchor=False)
    head = selection().head
    if head == "gap" and LAYERS.index(chosen.layer) > LAYERS.index("conv5"):
        st.caption(t("unit.feeds_not_gap", layer=chosen.layer))
        return
    given = gains(scaled(results.session(), view(), (f"{chosen.layer}:{chosen.channel}",), head))
    order = np.argsort(-given, kind="stable").tolist()
    most = float(np.abs(given).max())
    if most == 0:
        st.caption(t("unit.feeds_nothing"))
        return
    for way, indices in (("for", order[:_CLASSES]), ("against", order[: -_CLASSES - 1 : -1])):
        st.caption(t(f"unit.feeds_{way}"))
        tallies([(class_name(i), abs(float(given[i])) / most, f"{given[i]:+.3g}".replace("-", "−")) for i in indices])
    st.caption(t("unit.feeds_how"))


def gains(without: Knockout) -> np.ndarray:
    """Return what each class's logit, less the mean of all, gains by a unit, float32 (classes,)."""
    gained = without.logits_before - without.logits_after
    return np.asarray(gained - gained.mean())


def driven_by(chosen: Unit) -> None:
    """Show the filter of a unit of conv1, for others the channels below that contribute most; a click goes there."""
    if chosen.layer == "conv1":
        st.header(t("unit.filter"), anchor=False)
        first_filters(chosen.channel, key="unit_filters", tile=_FILTER, alt=t("unit.filter_alt"))
        st.caption(t("unit.filter_caption"))
        return
    found = inputs(results.session(), view(), chosen)
    st.header(t("unit.inputs"), anchor=False)
    parts = {"bias": found.bias, "others": found.others, "rest": found.rest, "before": found.before}
    told = {"layer": found.below} | {name: _told(part) for name, part in parts.items()}
    caption = t("unit.inputs_logit" if chosen.layer == "fc8" else "unit.inputs_caption", **told)
    if found.below in SPATIAL:
        _maps_below(chosen, found, caption)
    else:
        _values_below(chosen, found, caption)


def _maps_below(chosen: Unit, found: Contributions, caption: str) -> None:
    backend, below = results.session(), found.below
    channels, side = tuple(term.channel for term in found.terms), results.tile(backend, below)
    sheet = results.mosaic(backend, view(), layer=below, channels=channels, columns=_PER_ROW, look=_look())
    alt = t("unit.inputs_alt", unit=chosen, layer=below)
    clickable(
        sheet,
        _terms(found),
        _PER_ROW,
        tile=(max(side, 56), max(side, 56)),
        key="unit_inputs",
        alt=alt,
        on_click=lambda i: select(layer=below, channel=channels[i]),
        smooth=side < shapes(backend.info.config)[below][1],
        gap=8,
        captions=[f"{term.channel}: {term.value:+.2f}".replace("-", "−") for term in found.terms],
    )
    st.caption(caption)
    end = max(results.ranking(backend, view(), below).peaks)
    scale = Scale(selection().colormap, 0.0, end, t("feature_maps.value"))
    recipe = recipes.unit_inputs(source(), chosen, below, channels, colormap=selection().colormap)
    under(Exhibit("unit_inputs", f"inputs-{chosen}", sheet, alt, caption, recipe, scale))


def _values_below(chosen: Unit, found: Contributions, caption: str) -> None:
    bars(
        [term.value for term in found.terms],
        labels=_terms(found),
        selected=-1,
        axes=(t("unit.inputs_axis", layer=found.below), t("unit.inputs_value")),
        alt=t("unit.inputs_alt", unit=chosen, layer=found.below),
        key="unit_inputs_bars",
        from_zero=True,
        on_click=lambda i: select(layer=found.below, channel=found.terms[i].channel),
    )
    st.caption(caption)


def _terms(found: Contributions) -> list[str]:
    return [f"{found.below}:{term.channel}  {term.value:+.2f}".replace("-", "−") for term in found.terms]


def _told(value: float) -> str:
    return str(value) if isinstance(value, int) else results.rounded(value)


def _look() -> Look:
    return Look(scale="layer", colormap=selection().colormap)


def excited_by(chosen: Unit) -> None:
    """Show where the samples excite a unit most; a click looks at that sample."""
    backend = results.session()
    found = peaks(backend, chosen.layer)
    values = found.values[:, chosen.channel]
    order = [int(i) for i in np.argsort(-values, kind="stable")[:_SAMPLES] if values[i] > 0 or chosen.layer == "fc8"]
    names = [list(embedded())[i] for i in order]
    st.header(t("unit.samples"), anchor=False)
    if not names:
        st.caption(t("unit.samples_none"))
        return
    titles = [embedded()[name].title(selection().language) for name in names]
    told = [results.rounded(values[i]) for i in order]
    labels = [t("unit.sample", title=title, value=value) for title, value in zip(titles, told, strict=True)]
    clickable(
        _patches(backend, chosen.layer, tuple(zip(names, found.cells[order, chosen.channel].tolist(), strict=True))),
        labels,
        3,
        tile=(_TILE, _TILE),
        key="unit_samples",
        alt=t("unit.samples_alt", unit=chosen),
        on_click=lambda i: select(image=names[i], crop="centre", channel=chosen.channel),
        selected=names.index(selection().image) if selection().image in names else -1,
        smooth=True,
        gap=8,
        captions=told,
    )
    whole = chosen.layer not in SPATIAL
    st.caption(t("unit.samples_whole" if whole else "unit.samples_caption", count=len(embedded())))


@cached
def _patches(session: InferenceSession, layer: str, places: tuple[tuple[str, int], ...]) -> bytes:
    """Lay what single cells see of samples in one sheet; the whole picture in fully connected layers."""
    config = session.info.config
    tiles = []
    for name, cell in places:
        seen = crop(sample_picture(name))
        if layer in SPATIAL:
            top, left, bottom, right = receptive_field(config, layer).box(
                *divmod(cell, shapes(config)[layer][2]), config.input_size
            )
            seen = seen.crop((left, top, right, bottom))
        tiles.append(np.asarray(ImageOps.fit(seen, (2 * _TILE, 2 * _TILE))))
    return render.encode_png(render.mosaic(tiles, 3, gap=0))

"""The commands that look at a picture, the filters, the maps and single units."""

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from zfnet import InferenceSession, SelectionError, Unit, drawing, render
from zfnet.aliasing import grating
from zfnet.classification import HEADS
from zfnet.deconvnet import Projection
from zfnet.gallery_units import sample_views
from zfnet.geometry import SPATIAL, receptive_field
from zfnet.saliency import Saliency
from zfnet.shell import inputs
from zfnet.shell.output import Output, file_name, write_projection
from zfnet.similarity import rank_correlation

_NINE = 9


def view(options: argparse.Namespace) -> None:
    """Write the picture that the network sees, and what a unit's cell sees of it."""
    session, shown, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    pixels = np.asarray(shown)
    told: dict[str, Any] = {}
    if options.unit is None:
        told["file"] = output.picture("view", pixels, pixels)
    else:
        unit = options.unit.check(session.info.config, SPATIAL)
        unit = unit.at_strongest(session.feature_maps(shown, unit.layer).values[unit.channel])
        if unit.position is None:
            raise SelectionError(f"{unit} does not respond to this picture: name a cell, such as {unit}@0,0")
        row, column = unit.position
        box = receptive_field(session.info.config, unit.layer).box(row, column)
        file, patch = output.picture("view", render.draw_box(pixels, box), pixels), render.cut(pixels, box)
        told = {"file": file, "unit": str(unit), "box": box, "patch": output.picture("patch", patch, patch)}
    output.close(told)


def filters(options: argparse.Namespace) -> None:
    """Write the filters of conv1 on one sheet, each on a scale of its own."""
    session, output = inputs.session(options), Output(options.out, options.npz)
    weights = session.filters("conv1")
    channels = _existing(options.channels, len(weights), "conv1")
    sheet = render.mosaic(render.filter_tiles(weights[channels]), options.columns, gap=0)
    output.close({"file": output.picture("filters", sheet, weights[channels]), "channels": channels})


def maps(options: argparse.Namespace) -> None:
    """Show feature maps: those of a layer on one sheet, or each of some units alone and on the picture."""
    session, shown, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    layers = [what for what in options.what if isinstance(what, str)]
    if layers and len(options.what) > 1:
        raise SelectionError(f"one layer makes a sheet, got {len(options.what)} names; name it alone, or units only")
    told = (
        _sheet(options, session, shown, output=output)
        if layers
        else [_map(options, session, shown, output=output, unit=unit) for unit in options.what]
    )
    output.close({"maps": told, "before_relu": options.before_relu, "scale": options.scale})


def deconvnet(options: argparse.Namespace) -> None:
    """Project units to the pixels; a layer stands for its nine strongest units."""
    session, shown, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    units = [unit for what in options.units for unit in _strongest(session, shown, what)]
    found = session.deconvnet(shown, units, whole_map=options.whole_map)
    for unit in (str(p.unit) for p in found if p.activation <= 0):
        print(f"{unit} does not respond to this picture: its projection is empty")
    written: list[tuple[Projection, dict[str, Any]]] = [(p, {}) for p in found]
    if options.overwriting:
        written = [(p, {"overwriting": True}) for p in session.overwriting(shown, [p.unit for p in found])]
    if options.randomise:
        written = [_randomise(session, shown, p, until=options.randomise, seed=options.seed) for p in found]
    told = [write_projection(output, f"deconvnet-{file_name(p.unit)}", p, options.end) | more for p, more in written]
    output.close({"projections": told})


def descent(options: argparse.Namespace) -> None:
    """Show what every operation leaves on the way from a unit to the pixels, and the switches."""
    session, shown, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    found = session.descent(shown, options.unit)
    if not found.stages:
        raise SelectionError(f"{found.unit} does not respond to this picture: there is nothing to carry down")
    drawn, told = drawing.stages(found, session.info.config), []
    for number, (stage, levels) in enumerate(zip(found.stages, drawn, strict=True)):
        name, pixels = f"stage-{number:02}-{stage.operation}", render.palette("inferno")[levels]
        file = output.picture(name, pixels, stage.strength)
        told.append({"file": file, "operation": stage.operation, "layer": stage.layer, "at": stage.at})
    pools = [
        output.picture(f"switches-{s.layer}", render.switches(s.below, s.cells, s.signal), s.cells)
        for s in found.switches
    ]
    output.close({"unit": str(found.unit), "activation": found.seed, "stages": told, "switches": pools})


def saliency(options: argparse.Namespace) -> None:
    """Show how each pixel moves units or classes (fc8:281), or how much of their value each accounts for."""
    session, shown, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    told = []
    for unit in options.units:
        found = _saliency(options, session, shown, unit=unit)
        box = (0, 0, *shown.size)
        if found.unit.position:
            box = receptive_field(session.info.config, unit.layer).box(*found.unit.position, shown.height)
        pixels, limit = render.projection(found.pixels, box)
        file = output.picture(f"{options.method}-{file_name(found.unit)}", pixels, found.pixels)
        told.append({"file": file, "unit": str(found.unit), "method": found.method, "box": box, "full_colour": limit})
    output.close({"saliency": told})


def stride(options: argparse.Namespace) -> None:
    """Show one filter's answers at several strides, to a picture or to a grating (--period)."""
    if (options.picture is None) == (options.period is None):
        raise SelectionError("the stride lab looks at one picture or at one grating; name a file, or --period")
    session, output = inputs.session(options), Output(options.out, options.npz)
    shown = inputs.view(options) if options.picture else grating(options.period, options.orientation)
    lab = session.stride_lab(shown, options.channel, options.strides)
    end, told = float(np.abs(lab.samplings[0].values).max()), []
    for s in lab.samplings:
        pixels = render.signed_heat(s.values, end)
        entry = {"stride": s.stride, "file": output.picture(f"stride-{s.stride}", pixels, s.values)}
        told.append(entry | {"frequency": s.shown.frequency, "limit": s.limit, "folded": s.folded})
    output.close({"unit": f"conv1:{lab.channel}", "full_colour": end, "strides": told})


def _sheet(
    options: argparse.Namespace, session: InferenceSession, shown: Image.Image, *, output: Output
) -> list[dict[str, Any]]:
    """Write the maps of a layer on one sheet."""
    (layer,) = options.what
    values = session.feature_maps(shown, layer, rectified=not options.before_relu).values
    ranked = session.feature_maps(shown, layer).ranked(options.order).tolist()
    last = None if options.count is None else options.first + options.count
    channels = _existing(options.channels or ranked[options.first : last], len(values), layer)
    tiles = _coloured(options, values, _ends(options, session, values, layer=layer))[channels]
    sheet = render.mosaic(list(tiles), options.columns, gap=0)
    return [{"file": output.picture(layer, sheet, values[channels]), "layer": layer, "channels": channels}]


def _map(
    options: argparse.Namespace, session: InferenceSession, shown: Image.Image, *, output: Output, unit: Unit
) -> dict[str, Any]:
    """Write one unit's map, alone and on the picture."""
    field = receptive_field(session.info.config, unit.check(session.info.config, SPATIAL).layer)
    values = session.feature_maps(shown, unit.layer, rectified=not options.before_relu).values
    end, own, name = (
        _ends(options, session, values, layer=unit.layer)[unit.channel],
        values[unit.channel],
        file_name(unit),
    )
    fractions = render.normalise(render.place(own, field), 0, float(end.max()))
    laid, name = render.overlay(np.asarray(shown), fractions, options.colours), file_name(unit)
    return {
        "unit": str(unit),
        "file": output.picture(name, _coloured(options, own, end), own),
        "on_picture": output.picture(f"{name}-on-picture", laid),
        "full_colour": float(end.max()),
    }


def _ends(options: argparse.Namespace, session: InferenceSession, values: np.ndarray, *, layer: str) -> np.ndarray:
    """Return the value of full colour for every map of a layer, (C, 1, 1)."""
    own = (np.abs(values) if options.before_relu else values).max((1, 2), keepdims=True)
    if options.end:
        return np.full_like(own, options.end)
    if options.scale == "map":
        return np.asarray(own)
    fixed = options.scale == "fixed"
    return np.full_like(own, session.fixed_limit([s.picture for s in sample_views()], layer) if fixed else own.max())


def _coloured(options: argparse.Namespace, values: np.ndarray, end: np.ndarray) -> np.ndarray:
    levels = render.map_levels(values, end, signed=options.before_relu)
    return np.asarray(render.palette("diverging" if options.before_relu else options.colours)[levels])


def _existing(channels: list[int] | None, count: int, layer: str) -> list[int]:
    """Return the channels, by default all."""
    for channel in channels or ():
        if not 0 <= channel < count:
            raise SelectionError(f"{layer} has {count} channels (0-{count - 1}), got {channel}")
    if channels == []:
        raise SelectionError(f"no channel of {layer} is left; {layer} has {count}, choose another --first and --count")
    return list(range(count)) if channels is None else channels


def _strongest(session: InferenceSession, shown: Image.Image, what: str | Unit) -> list[Unit]:
    """Return a unit itself, and the nine strongest units of a layer."""
    if isinstance(what, Unit):
        return [what]
    return [Unit(what, int(channel)) for channel in session.feature_maps(shown, what).ranked()[:_NINE]]


def _saliency(options: argparse.Namespace, session: InferenceSession, shown: Image.Image, *, unit: Unit) -> Saliency:
    if options.method == "integrated":
        return session.integrated_gradients(shown, unit, centred=options.centred)
    if options.method != "guided-gradcam":
        return session.saliency(shown, unit, method=options.method, centred=options.centred)
    heads = {layer: head for head, layer in HEADS.items()}
    if unit.layer not in heads:
        raise SelectionError(f"guided-gradcam is made of a class ({', '.join(heads)}), got {unit}")
    found = session.guided_gradcam(shown, unit.channel, head=heads[unit.layer], centred=options.centred)
    return replace(found, unit=unit)


def _randomise(
    session: InferenceSession, shown: Image.Image, p: Projection, *, until: str, seed: int
) -> tuple[Projection, dict[str, Any]]:
    """Project the same cell from the same value with permuted weights; return what is permuted and how alike it is."""
    twin = session.randomised(until, from_layer=p.unit.layer, seed=seed)
    (other,) = twin.deconvnet(shown, [p.unit], activation=p.activation)
    alike = rank_correlation(render.cut(p.pixels, p.box), render.cut(other.pixels, p.box))
    (how,) = twin.info.randomised
    return other, {"permuted": how.layers, "seed": seed, "correlation": alike}

"""The commands that look at classes: where the evidence lies, what covering costs, and whether maps point there."""

import argparse
from dataclasses import replace

import numpy as np
from PIL import Image

from zfnet import InferenceSession, SelectionError, crop, drawing, render
from zfnet.cam import INDIFFERENT, ClassMap
from zfnet.classification import HEADS
from zfnet.geometry import receptive_field
from zfnet.occlusion import Square
from zfnet.pointing import compose
from zfnet.shell import inputs
from zfnet.shell.output import Output, Paint, write_map, write_occlusion


def cam(options: argparse.Namespace) -> None:
    """Show where the evidence for classes lies."""
    session, view, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    maps = _maps(options, session, view)
    for m in maps:
        if m.values.max() <= 0:
            hint = (
                "" if options.centred or m.method in INDIFFERENT else "; with --centred, as on the pages, it may not be"
            )
            print(f"{m.method} is zero everywhere for class {m.class_index}: no cell's sum is above zero{hint}")
    signed = options.before_relu
    ends = [float(np.abs(m.values).max() if signed else max(m.values.max(), 0)) for m in maps]
    if options.one_scale or options.end:
        ends = [options.end or max(ends)] * len(ends)
    if options.channels is not None:
        maps = [_partial(options, session, view, m) for m in maps]
    told = []
    for m, end in zip(maps, ends, strict=True):
        paint = Paint(options.colours, options.opacity, options.contour, end)
        name = f"{m.method}-{m.class_index}-{m.layer}"
        told.append(write_map(output, name, m, session=session, view=view, paint=paint, signed=signed))
    output.close({"centred": options.centred, "maps": told})


def occlude(options: argparse.Namespace) -> None:
    """Cover a square of the picture everywhere: what a class, the strongest map of conv5 and the answer make of it."""
    session, view, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    square = Square(options.size, options.stride, options.fill, options.seed)
    if options.place:
        _cover(options, session, view, output=output, square=square)
        return
    index = options.class_index
    if index is None:
        index = session.classify(view, top=1, head=options.head).classes[0].index
    found = session.occlusion(
        view,
        index,
        square=square,
        head=options.head,
        progress=lambda done, places, maps: inputs.count("place", done, places),
    )
    top, left, bottom, right = found.box(*found.lowest)
    lowest, where = float(found.probability.min()), f"rows {top}-{bottom - 1}, columns {left}-{right - 1}"
    print(f"{session.info.labels.name(index)}: {found.whole[0]:.2%}; {lowest:.2%} with {where} covered")
    told = write_occlusion(output, found, session=session, view=view, colormap=options.colours)
    output.close({"checkpoint": session.info.checkpoint_id} | told)


def pointing(options: argparse.Namespace) -> None:
    """Paste a second picture into each quadrant, and see whether the map for its class points there."""
    session, view, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    second, method = crop(inputs.opened(options.second)), options.method
    where = {"layer": options.layer, "head": options.head}
    found = session.pointing(view, second, methods=[method], centred=options.centred, **where)
    field, told = receptive_field(session.info.config, options.layer), []
    for trial in found.trials:
        composed = np.asarray(compose(view, second, trial.quadrant))
        pixels = drawing.pointing(composed, trial, method, field, colormap=options.colours, opacity=options.opacity)
        file = output.picture(f"{method}-{trial.quadrant}", pixels, trial.maps[method])
        answer = {"probability": trial.probability, "rank": trial.rank}
        told.append({"file": file, "quadrant": trial.quadrant, "hit": trial.hit(method), **answer})
    print(f"{method} points to the pasted picture in {found.hits(method)} of {len(found.trials)} quadrants")
    name = session.info.labels.name(found.class_index)
    output.close({"class": found.class_index, "name": name, "method": method, **where, "trials": told})


def _maps(options: argparse.Namespace, session: InferenceSession, view: Image.Image) -> list[ClassMap]:
    """Make the maps that were asked for, with permuted weights if asked for."""
    classes = options.classes or [session.classify(view, top=1, head=options.head).classes[0].index]
    if options.randomise:
        session = session.randomised(options.randomise, from_layer=HEADS[options.head], seed=options.seed)
    return list(
        session.class_activation(
            view,
            classes,
            methods=options.methods,
            layer=options.layer,
            head=options.head,
            rectified=not options.before_relu,
            centred=options.centred,
            progress=lambda done, of: inputs.count("map", done, of),
        )
    )


def _partial(options: argparse.Namespace, session: InferenceSession, view: Image.Image, m: ClassMap) -> ClassMap:
    """Return what the channels that count most leave of a Grad-CAM."""
    if m.method != "gradcam" or options.randomise:
        raise SelectionError("--channels takes Grad-CAM apart; leave --methods and --randomise out")
    if options.channels < 1:
        raise SelectionError(f"channels are counted from 1 on, got {options.channels}")
    parts = session.channel_evidence(view, m.class_index, layer=m.layer, head=m.head, centred=options.centred)
    values = parts.partial(options.channels)
    return replace(m, values=values if options.before_relu else np.maximum(values, 0))


def _cover(
    options: argparse.Namespace, session: InferenceSession, view: Image.Image, *, output: Output, square: Square
) -> None:
    """Write what the network sees with the square at one place."""
    last = view.width - square.size
    if not all(0 <= at <= last for at in options.place):
        raise SelectionError(f"a square of {square.size} pixels begins at 0 to {last}, got {options.place}")
    top, left = options.place
    pixels = session.covered(view, (top, left), square=square)
    box = (top, left, top + square.size, left + square.size)
    output.close({"file": output.picture("covered", render.draw_box(pixels, box), pixels), "box": box})

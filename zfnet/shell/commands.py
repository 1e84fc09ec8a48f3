"""The commands: each takes the parsed options, calls the session and prints or writes what comes back."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zfnet import (
    InferenceSession,
    InvalidImageError,
    MaximizationSettings,
    SelectionError,
    Unit,
    crop,
    decode_image,
    render,
)
from zfnet.arithmetic import SUMMED, as_csv
from zfnet.audit_report import as_records, as_table
from zfnet.cam import INDIFFERENT
from zfnet.deconvnet import Projection
from zfnet.gallery import EMBEDDED_GALLERY, galleries, make_gallery
from zfnet.gallery_units import GALLERY_LAYERS, gallery_settings, gallery_units, sample_views
from zfnet.geometry import NETWORKS, LayerRow, layer_table, total
from zfnet.maximization_settings import PRESETS
from zfnet.occlusion import Square
from zfnet.shell.output import (
    Output,
    file_name,
    show_bar,
    write_map,
    write_maximization,
    write_occlusion,
    write_projection,
)
from zfnet.similarity import rank_correlation

_SUMMED_HEADING = ("parameters", "MACs", "stored", "executed")
_HEADING = (
    *("layer", "type", "k/s/p/groups", "output", "parameters", "MACs"),
    *("field", "jump", "left", "centre", "rank", "stored", "executed"),
)


def architecture(options: argparse.Namespace) -> None:
    """Print the table of layers, of the loaded network or of a named one."""
    if options.geometry:
        config = NETWORKS[options.geometry]
        rows = layer_table(config)[:-1]  # The averaging head belongs to checkpoints.
    else:
        session = _session(options)
        config, rows = session.info.config, session.architecture()
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if options.csv:
        print(as_csv(config, rows), end="")
        return
    totals = dict(zip(_HEADING, ("total", *[""] * len(_HEADING)), strict=False))
    totals |= {name: f"{total(rows, c):,}" for name, c in zip(_SUMMED_HEADING, SUMMED, strict=True)}
    lines = [_HEADING, *(_cells(row) for row in rows), tuple(totals.values())]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADING))]
    for line in lines:
        print("  ".join(c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))))
    if rows[-1].name == "gap":
        print("gap is a second classifier on averaged conv5 maps; it is not part of the totals.")


def classify(options: argparse.Namespace) -> None:
    """Print the most probable classes."""
    answer = _session(options).classify(_view(options), top=options.top, head=options.head)
    if options.json:
        print(json.dumps([asdict(c) for c in answer.classes], indent=2))
        return
    for c in answer.classes:
        print(f"{c.probability:7.2%}  {c.index:4d}  {c.name}")


def deconvnet(options: argparse.Namespace) -> None:
    """Project units to the pixels."""
    session, view, output = _session(options), _view(options), Output(options.out, options.npz)
    found = session.deconvnet(view, options.units, whole_map=options.whole_map)
    for unit in (str(p.unit) for p in found if p.activation <= 0):
        print(f"{unit} does not respond to this picture: its projection is empty")
    shown: list[tuple[Projection, dict[str, Any]]] = [(p, {}) for p in found]
    if options.randomise:
        shown = [_randomise(session, view, p, until=options.randomise, seed=options.seed) for p in found]
    output.close(
        {"projections": [write_projection(output, f"deconvnet-{file_name(p.unit)}", p) | more for p, more in shown]}
    )


def cam(options: argparse.Namespace) -> None:
    """Show where the evidence for classes lies."""
    session, view, output = _session(options), _view(options), Output(options.out, options.npz)
    classes = options.classes or [session.classify(view, top=1, head=options.head).classes[0].index]
    maps = session.class_activation(
        view,
        classes,
        methods=options.methods,
        layer=options.layer,
        head=options.head,
        centred=options.centred,
        progress=lambda done, of: _count("map", done, of),
    )
    for m in maps:
        if m.values.max() <= 0:
            hint = (
                "" if options.centred or m.method in INDIFFERENT else "; with --centred, as on the pages, it may not be"
            )
            print(f"{m.method} is zero everywhere for class {m.class_index}: no cell's sum is above zero{hint}")
    output.close(
        {
            "centred": options.centred,
            "maps": [
                write_map(output, f"{m.method}-{m.class_index}-{m.layer}", m, session=session, view=view) for m in maps
            ],
        }
    )


def occlude(options: argparse.Namespace) -> None:
    """Cover a square of the picture everywhere: what a class, the strongest map of conv5 and the answer make of it."""
    session, view, output = _session(options), _view(options), Output(options.out, options.npz)
    index = options.class_index
    if index is None:
        index = session.classify(view, top=1, head=options.head).classes[0].index
    square = Square(options.size, options.stride, options.fill, options.seed)
    found = session.occlusion(
        view,
        index,
        square=square,
        head=options.head,
        progress=lambda done, places, maps: _count("place", done, places),
    )
    top, left, bottom, right = found.box(*found.lowest)
    lowest, where = float(found.probability.min()), f"rows {top}-{bottom - 1}, columns {left}-{right - 1}"
    print(f"{session.info.labels.name(index)}: {found.whole[0]:.2%}; {lowest:.2%} with {where} covered")
    output.close({"checkpoint": session.info.checkpoint_id} | write_occlusion(output, found, session=session))


def maximize(options: argparse.Namespace) -> None:
    """Synthesise what units or classes want to see: a map by its mean, a cell (conv5:17@7,7), a class (fc8:281)."""
    alone = options.out.suffix.lower() == ".png"
    if alone and len(options.units) > 1:
        raise SelectionError(f"{options.out.name} holds one picture, got {len(options.units)} units; name a folder")
    output = Output(options.out.parent if alone else options.out, options.npz)
    chosen = {name: getattr(options, name) for name in ("steps", "size", "seed") if getattr(options, name) is not None}
    start = None
    if options.picture:
        start, chosen["start"] = _view(options), "picture"
    settings = replace(PRESETS[options.preset], centred=not options.plain_logit, **chosen)
    made = _session(options).maximize(options.units, settings, picture=start, progress=_counter(settings.steps))
    names = [options.out.stem] if alone else [f"maximization-{file_name(m.unit)}" for m in made]
    told = [write_maximization(output, name, m, film=options.film) for name, m in zip(names, made, strict=True)]
    output.close(told[0] if alone else {"maximizations": told}, options.out.stem if alone else "result")


def gallery(options: argparse.Namespace) -> None:
    """Make what is missing of the maximizations that the dashboard shows at once (some twenty minutes in all)."""
    folder = options.out or galleries()[0]
    if options.every and folder == EMBEDDED_GALLERY:
        raise SelectionError("the embedded gallery has no room for every unit; name a folder by --out or ZFNET_GALLERY")
    session, samples = _session(options), sample_views()
    for layer in options.layer or GALLERY_LAYERS:
        units = gallery_units(session, samples, layer, every=options.every)
        settings = gallery_settings(layer, options.steps)
        make_gallery(session, units, settings, folder, progress=partial(show_bar, layer))
        print(f"{layer}: {len(units)} in {folder}", flush=True)


def audit(options: argparse.Namespace) -> None:
    """Look for bad filters over the pictures of a folder and of all folders in it: dead, always on, alike, aliased."""
    skipped: dict[str, str] = {}
    found = _session(options).audit(_views(options.folder, skipped))
    found = tuple(layer for layer in found if options.layer in (None, layer.layer))
    if options.json:
        print(json.dumps({"skipped": skipped, "layers": as_records(found)}, indent=2, ensure_ascii=False))
        return
    for file, reason in skipped.items():
        print(f"skipped {file}: {reason}")
    print(as_table(found))


def explain(options: argparse.Namespace) -> None:
    """Write one picture for each lens: architecture, feature maps, DeconvNet, Grad-CAM, maximization."""
    session, view, output = _session(options), _view(options), Output(options.out, options.npz)
    classes = session.classify(view).classes
    maps = session.feature_maps(view, options.unit.layer if options.unit else "conv5")
    unit = options.unit or Unit(maps.layer, int(maps.ranked()[0]))
    index = classes[0].index if options.class_index is None else options.class_index
    (projection,) = session.deconvnet(view, [unit])
    (evidence,) = session.class_activation(view, [index], centred=True)
    tiles = [render.enlarge(render.heat(values), 56) for values in maps.values]
    settings = MaximizationSettings(steps=options.steps)
    (made,) = session.maximize([Unit(unit.layer, unit.channel)], settings, progress=_counter(options.steps))
    output.close(
        {
            "checkpoint": session.info.checkpoint_id,
            "picture": str(options.picture),
            "view": output.picture("view", np.asarray(view)),
            "classes": [asdict(c) for c in classes],
            "architecture": output.picture("architecture", render.diagram(session.architecture(), unit.layer)),
            "feature_maps": {
                "file": output.picture("feature_maps", render.mosaic(tiles, 16), maps.values),
                "layer": maps.layer,
                "strongest": [f"{maps.layer}:{channel}" for channel in maps.ranked()[:9]],
                "silent": int(maps.silent.sum()),
            },
            "deconvnet": write_projection(output, "deconvnet", projection),
            "gradcam": write_map(output, "gradcam", evidence, session=session, view=view) | {"centred": True},
            "maximization": write_maximization(output, "maximization", made),
        }
    )


def _randomise(
    session: InferenceSession, view: Image.Image, p: Projection, *, until: str, seed: int
) -> tuple[Projection, dict[str, Any]]:
    """Project the same cell from the same value with permuted weights; return what is permuted and how alike it is."""
    twin = session.randomised(until, from_layer=p.unit.layer, seed=seed)
    (other,) = twin.deconvnet(view, [p.unit], activation=p.activation)
    top, left, bottom, right = p.box
    alike = rank_correlation(*(pixels[top:bottom, left:right] for pixels in (p.pixels, other.pixels)))
    (how,) = twin.info.randomised
    return other, {"permuted": how.layers, "seed": seed, "correlation": alike}


def _cells(row: LayerRow) -> tuple[str, ...]:
    seen = row.receptive_field
    return (
        row.name,
        row.kind,
        "/".join(str(v) for v in (row.kernel, row.stride, row.padding, row.groups) if v is not None),
        "×".join(map(str, (row.output[1], row.output[2], row.output[0]))),
        f"{row.parameters:,}",
        f"{row.macs:,}",
        str(seen.size) if seen else "all",
        str(seen.jump) if seen else "",
        str(seen.start) if seen else "",
        f"{seen.centre(0):g}" if seen else "",
        str(row.rank or ""),
        f"{row.stored_parameters:,}",
        f"{row.executed_macs:,}",
    )


def _session(options: argparse.Namespace) -> InferenceSession:
    return InferenceSession.load(options.checkpoint, device=options.device)


def _view(options: argparse.Namespace) -> Image.Image:
    return crop(decode_image(options.picture.read_bytes()), options.crop, offset=options.offset)


def _views(folder: Path, skipped: dict[str, str]) -> Iterator[Image.Image]:
    """Yield the centre crop of every picture in a folder and below, one at a time; note why a file is skipped."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, expected one with pictures")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, path in enumerate(files, 1):
        try:
            view = crop(decode_image(path.read_bytes()))
        except InvalidImageError as error:
            skipped[str(path.relative_to(folder))] = error.reason.replace("_", " ")
            continue
        finally:
            _count("file", number, len(files))
        yield view
    if len(skipped) == len(files):
        raise FileNotFoundError(f"no file in {folder} is a picture (files: {len(files)}); choose another folder")


def _counter(steps: int) -> Callable[[int, object], None]:
    """Return a progress line for the steps of a maximization."""
    return lambda step, pictures: _count("step", step, steps)


def _count(what: str, number: int, of: int) -> None:
    """Show a progress line to people; nothing where the output is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r{what} {number} of {of}", end="\n" if number == of else "", file=sys.stderr, flush=True)

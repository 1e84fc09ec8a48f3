"""The commands: each takes the parsed options, calls the session and prints or writes what comes back."""

import argparse
import json
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from zfnet import MaximizationSettings, SelectionError, Unit, drawing, render
from zfnet.arithmetic import SUMMED, as_csv
from zfnet.audit_report import as_records, as_table
from zfnet.gallery import EMBEDDED_GALLERY, galleries, make_gallery, read_gallery
from zfnet.gallery_units import GALLERY_LAYERS, gallery_settings, gallery_units, sample_views
from zfnet.geometry import NETWORKS, LayerRow, layer_table, total
from zfnet.maximization_settings import PRESETS
from zfnet.shell import inputs
from zfnet.shell.output import (
    Output,
    check_folder,
    check_png,
    file_name,
    show_bar,
    write_map,
    write_maximization,
    write_png,
    write_projection,
)

_SUMMED_HEADING = ("parameters", "MACs", "stored", "executed")
_HEADING = (
    *("layer", "type", "k/s/p/groups", "output", "parameters", "MACs"),
    *("field", "jump", "left", "centre", "rank", "stored", "executed"),
)


def architecture(options: argparse.Namespace) -> None:
    """Print the table of layers, of the loaded network or of a named one, or draw it."""
    if options.geometry:
        config = NETWORKS[options.geometry]
        rows = layer_table(config)[:-1]  # The averaging head belongs to checkpoints.
    else:
        session = inputs.session(options)
        config, rows = session.info.config, session.architecture()
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if options.csv:
        print(as_csv(config, rows), end="")
        return
    if options.draw:
        write_png(check_png(options.draw), render.diagram(rows, options.layer, tuple(options.size)))
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
    answer = inputs.session(options).classify(inputs.view(options), top=options.top, head=options.head)
    if options.json:
        print(json.dumps([asdict(c) for c in answer.classes], indent=2))
        return
    for c in answer.classes:
        print(f"{c.probability:7.2%}  {c.index:4d}  {c.name}")


def maximize(options: argparse.Namespace) -> None:
    """Synthesise what units or classes want to see: a map by its mean, a cell (conv5:17@7,7), a class (fc8:281)."""
    alone = options.out.suffix.lower() == ".png"
    if alone and len(options.units) > 1:
        raise SelectionError(f"{options.out.name} holds one picture, got {len(options.units)} units; name a folder")
    output = Output(options.out.parent if alone else options.out, options.npz)
    chosen: dict[str, Any] = {"centred": not options.plain_logit} | dict(options.set)
    chosen |= {name: getattr(options, name) for name in ("steps", "size", "seed") if getattr(options, name) is not None}
    start = None
    if options.picture:
        start, chosen["start"] = inputs.view(options), "picture"
    settings = replace(PRESETS[options.preset], **chosen)
    session, progress = inputs.session(options), inputs.counter(settings.steps)
    made = session.maximize(options.units, settings, picture=start, progress=progress)
    names = [options.out.stem] if alone else [f"maximization-{file_name(m.unit)}" for m in made]
    if len(set(names)) < len(names):
        names = [f"{name}-{number}" for number, name in enumerate(names, 1)]
    told = [write_maximization(output, name, m, film=options.film) for name, m in zip(names, made, strict=True)]
    output.close(told[0] if alone else {"maximizations": told}, options.out.stem if alone else "result")


def gallery(options: argparse.Namespace) -> None:
    """Make what is missing of the maximizations that the dashboard shows at once (some twenty minutes in all)."""
    folder = check_folder(options.out or galleries()[0])
    if options.every and folder == EMBEDDED_GALLERY:
        raise SelectionError("the embedded gallery has no room for every unit; name a folder by --out or ZFNET_GALLERY")
    if options.draw and len(options.layer or ()) != 1:
        raise SelectionError("a sheet shows one layer; name it by --layer")
    drawn = options.draw and check_png(options.draw)
    session, samples = inputs.session(options), sample_views()
    for layer in options.layer or GALLERY_LAYERS:
        units = gallery_units(session, samples, layer, every=options.every)
        settings = gallery_settings(layer, options.steps)
        make_gallery(session, units, settings, folder, progress=partial(show_bar, layer))
        print(f"{layer}: {len(units)} in {folder}", flush=True)
        if drawn:
            made = read_gallery(session.info.checkpoint_id, folder).values()
            write_png(drawn, drawing.gallery([one.pixels() for one in made if one.unit.layer == layer]))


def audit(options: argparse.Namespace) -> None:
    """Look for bad filters over the pictures of a folder and of all folders in it: dead, always on, alike, aliased."""
    skipped: dict[str, str] = {}
    found = inputs.session(options).audit(inputs.views(options.folder, skipped))
    found = tuple(layer for layer in found if options.layer in (None, layer.layer))
    if options.json:
        print(json.dumps({"skipped": skipped, "layers": as_records(found)}, indent=2, ensure_ascii=False))
        return
    for file, reason in skipped.items():
        print(f"skipped {file}: {reason}")
    print(as_table(found))


def explain(options: argparse.Namespace) -> None:
    """Write one picture for each lens: architecture, feature maps, DeconvNet, Grad-CAM, maximization."""
    session, view, output = inputs.session(options), inputs.view(options), Output(options.out, options.npz)
    classes = session.classify(view).classes
    maps = session.feature_maps(view, options.unit.layer if options.unit else "conv5")
    unit = options.unit or Unit(maps.layer, int(maps.ranked()[0]))
    index = classes[0].index if options.class_index is None else options.class_index
    (projection,) = session.deconvnet(view, [unit])
    (evidence,) = session.class_activation(view, [index], centred=True)
    tiles = [render.enlarge(render.heat(values), 56) for values in maps.values]
    settings = MaximizationSettings(steps=options.steps)
    (made,) = session.maximize([Unit(unit.layer, unit.channel)], settings, progress=inputs.counter(options.steps))
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

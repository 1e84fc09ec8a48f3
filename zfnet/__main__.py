"""The same methods from the shell: ``python -m zfnet explain PICTURE --out DIR``.

Every command that makes pictures writes PNG files and a ``result.json``; ``--npz`` adds the arrays behind them. What
went wrong is said in one line on stderr, with exit code 2.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zfnet import (
    InferenceSession,
    InvalidImageError,
    MaximizationSettings,
    Unit,
    ZFNetError,
    crop,
    decode_image,
    render,
)
from zfnet.arithmetic import SUMMED, as_csv
from zfnet.audit_report import as_records, as_table
from zfnet.cam import METHODS, ClassMap
from zfnet.classification import HEADS
from zfnet.deconvnet import Projection
from zfnet.gallery import EMBEDDED_GALLERY, make_gallery
from zfnet.geometry import (
    CONVOLUTIONS,
    LAYERS,
    NETWORKS,
    RECTIFIED,
    SPATIAL,
    LayerRow,
    layer_table,
    receptive_field,
    shapes,
    total,
)
from zfnet.images import CROP_MODES
from zfnet.maximization import Maximization
from zfnet.occlusion import FILLS, OcclusionMaps, Square
from zfnet.similarity import rank_correlation

_SIDE = 672
_SUMMED_HEADING = ("parameters", "MACs", "stored", "executed")
_HEADING = (
    *("layer", "type", "k/s/p/groups", "output", "parameters", "MACs"),
    *("field", "jump", "left", "centre", "rank", "stored", "executed"),
)


class Output:
    """A folder that collects pictures, arrays and what is known about them."""

    def __init__(self, folder: Path, keep_arrays: bool) -> None:
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(f"{folder} is a file, expected a folder to write into")
        self._folder, self._keep_arrays = folder, keep_arrays
        self._arrays: dict[str, np.ndarray] = {}

    def picture(self, name: str, pixels: np.ndarray, array: np.ndarray | None = None) -> str:
        """Write pixels, uint8 (H, W, 3), enlarged; return the file's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{name}.png").write_bytes(render.encode_png(render.enlarge(pixels, _SIDE)))
        if array is not None:
            self._arrays[name] = array
        return f"{name}.png"

    def close(self, result: dict[str, Any]) -> None:
        """Write ``result.json`` and, where asked for, ``arrays.npz``."""
        (self._folder / "result.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
        if self._keep_arrays:
            np.savez_compressed(self._folder / "arrays.npz", **self._arrays)  # type: ignore[arg-type]
        print(f"written to {self._folder}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (ZFNetError, OSError) as error:
        print(f"zfnet: {error}", file=sys.stderr)
        return 2
    return 0


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
        {"projections": [_write_projection(output, f"deconvnet-{_file(p.unit)}", p) | more for p, more in shown]}
    )


def cam(options: argparse.Namespace) -> None:
    """Show where the evidence for classes lies."""
    session, view, output = _session(options), _view(options), Output(options.out, options.npz)
    classes = options.classes or [session.classify(view, top=1, head=options.head).classes[0].index]
    maps = session.class_activation(
        view, classes, methods=options.methods, layer=options.layer, head=options.head, centred=options.centred
    )
    for m in maps:
        if m.values.max() <= 0:
            hint = "" if options.centred else "; with --centred, as on the pages, it may not be"
            print(f"{m.method} is zero everywhere for class {m.class_index}: no cell's sum is above zero{hint}")
    output.close(
        {
            "centred": options.centred,
            "maps": [
                _write_map(output, f"{m.method}-{m.class_index}-{m.layer}", m, session=session, view=view) for m in maps
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
    output.close({"checkpoint": session.info.checkpoint_id} | _write_occlusion(output, found, session=session))


def maximize(options: argparse.Namespace) -> None:
    """Synthesise what units or classes want to see."""
    output = Output(options.out, options.npz)
    settings = MaximizationSettings(steps=options.steps, size=options.size, seed=options.seed)
    made = _session(options).maximize(options.units, settings, progress=_counter(options.steps))
    output.close({"maximizations": [_write_maximization(output, f"maximization-{_file(m.unit)}", m) for m in made]})


def gallery(options: argparse.Namespace) -> None:
    """Make what is missing of the maximizations that the dashboard shows at once (some ten minutes a layer)."""
    session = _session(options)
    channels = range(shapes(session.info.config)[options.layer][0])
    settings = MaximizationSettings(steps=options.steps)
    units = [Unit(options.layer, channel) for channel in channels]
    make_gallery(session, units, settings, options.out, progress=lambda done, of: print(f"{done} of {of}", flush=True))


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
            "deconvnet": _write_projection(output, "deconvnet", projection),
            "gradcam": _write_map(output, "gradcam", evidence, session=session, view=view) | {"centred": True},
            "maximization": _write_maximization(output, "maximization", made),
        }
    )


def _write_projection(output: Output, name: str, p: Projection) -> dict[str, Any]:
    shown, limit = render.projection(p.pixels, p.box)
    pixels = render.draw_box(shown, p.box) if p.position else shown
    described = {"unit": str(p.unit), "position": p.position, "activation": p.activation, "box": p.box}
    described["full_colour"] = limit
    return {"file": output.picture(name, pixels, p.pixels), **described}


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


def _write_map(
    output: Output, name: str, m: ClassMap, *, session: InferenceSession, view: Image.Image
) -> dict[str, Any]:
    placed = render.place(m.values, receptive_field(session.info.config, m.layer))
    pixels = render.overlay(np.asarray(view), render.normalise(placed, 0, float(m.values.max())))
    described = {"class": m.class_index, "name": session.info.labels.name(m.class_index), "method": m.method}
    return {
        "file": output.picture(name, pixels, m.values),
        **described,
        "layer": m.layer,
        "head": m.head,
        "maximum": float(m.values.max()),
    }


def _write_occlusion(output: Output, found: OcclusionMaps, *, session: InferenceSession) -> dict[str, Any]:
    """Write the three maps, each coloured from its lowest value to its highest; return what is known about them."""
    names, labels = session.info.labels, found.labels
    drawn = {
        name: (render.heat(values, limits=(float(values.min()), float(values.max()))), values)
        for name, values in (("probability", found.probability), ("activation", found.activation))
    }
    drawn["label"] = (render.categorical(found.label, [index for index, _ in labels]), found.label)
    whole, total, answer = found.whole
    return {
        "class": found.class_index,
        "name": names.name(found.class_index),
        "head": found.head,
        "unit": str(found.unit),
        "square": asdict(found.square),
        "offsets": found.offsets,
        "whole": {"probability": whole, "activation": total, "label": answer},
        "lowest": {"probability": float(found.probability[found.lowest]), "box": found.box(*found.lowest)},
        "labels": [
            {
                "class": index,
                "name": names.name(index),
                "places": count,
                "colour": render.category(rank),
            }
            for rank, (index, count) in enumerate(labels)
        ],
        "files": {name: output.picture(name, *pair) for name, pair in drawn.items()},
    }


def _write_maximization(output: Output, name: str, m: Maximization) -> dict[str, Any]:
    file = output.picture(name, m.image, m.image)
    return {
        "file": file,
        "unit": str(m.unit),
        "settings": asdict(m.settings),
        "curve": [round(float(v), 5) for v in m.curve],
    }


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


def _file(unit: Unit) -> str:
    return str(unit).replace(":", "-").replace("@", "-at-").replace(",", "-")


def _counter(steps: int) -> Callable[[int, object], None]:
    """Return a progress line for the steps of a maximization."""
    return lambda step, pictures: _count("step", step, steps)


def _count(what: str, number: int, of: int) -> None:
    """Show a progress line to people; nothing where the output is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r{what} {number} of {of}", end="\n" if number == of else "", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m zfnet", description="Look into a ZFNet from the shell.")
    commands = parser.add_subparsers(title="commands", required=True)

    def command(
        run: Callable[[argparse.Namespace], None], *, picture: bool = False, out: bool = False
    ) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        sub.set_defaults(command=run)
        sub.add_argument("--checkpoint", type=Path, help="another checkpoint than the embedded one or ZFNET_CHECKPOINT")
        sub.add_argument("--device", help="cpu or cuda")
        if picture:
            sub.add_argument("picture", type=Path, help="a picture file")
            sub.add_argument("--crop", choices=CROP_MODES, default="centre", help="the square that the network sees")
            sub.add_argument("--offset", type=float, default=0.5, help="with --crop move: 0 to 1 along the longer side")
        if out:
            sub.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write into")
            sub.add_argument("--npz", action="store_true", help="also write the arrays")
        return sub

    _add_lenses(command)
    _add_studies(command)
    return parser


def _add_lenses(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what looks at one picture."""
    sub = command(explain, picture=True, out=True)
    sub.add_argument("--unit", type=_unit, help="for example conv5:17; by default the strongest of conv5")
    sub.add_argument("--class", type=int, dest="class_index", metavar="N", help="by default the most probable one")
    sub.add_argument("--steps", type=int, default=256, help="of the maximization")
    sub = command(classify, picture=True)
    sub.add_argument("--top", type=int, default=5)
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command(deconvnet, picture=True, out=True)
    sub.add_argument("units", type=_unit, nargs="+", metavar="UNIT", help="such as conv5:17 or conv2:3@6,9")
    way = sub.add_mutually_exclusive_group()
    way.add_argument("--whole-map", action="store_true", help="project all cells of a map together (not the paper)")
    way.add_argument("--randomise", choices=CONVOLUTIONS, help="permute the weights from the unit's layer down to this")
    sub.add_argument("--seed", type=int, default=0, help="with --randomise: of the permutation")
    sub = command(cam, picture=True, out=True)
    sub.add_argument("--classes", type=int, nargs="+", metavar="N", help="by default the most probable one")
    sub.add_argument("--methods", choices=METHODS, nargs="+", default=["gradcam"])
    sub.add_argument("--layer", choices=SPATIAL, default="conv5")
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--centred", action="store_true", help="take the logit less the mean of all, as the pages do")
    sub = command(occlude, picture=True, out=True)
    sub.add_argument("--class", type=int, dest="class_index", metavar="N", help="by default the most probable one")
    sub.add_argument("--size", type=int, default=Square().size, help="of the square, in pixels")
    sub.add_argument("--stride", type=int, default=Square().stride, help="by how many pixels the square moves")
    sub.add_argument("--fill", choices=FILLS, default=Square().fill, help="what is in the square")
    sub.add_argument("--seed", type=int, default=0, help="of the noise")
    sub.add_argument("--head", choices=HEADS, default="fc")


def _add_studies(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what needs no picture, or many."""
    sub = command(architecture)
    sub.add_argument("--geometry", choices=NETWORKS, help="print this network's table; no checkpoint is loaded")
    form = sub.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values, without totals")
    sub = command(maximize, out=True)
    sub.add_argument("units", type=_unit, nargs="+", metavar="UNIT", help=f"a unit of {LAYERS[0]} to {LAYERS[-1]}")
    sub.add_argument("--steps", type=int, default=256)
    sub.add_argument("--size", type=int, default=160)
    sub.add_argument("--seed", type=int, default=0)
    sub = command(audit)
    sub.add_argument(
        "folder", type=Path, metavar="FOLDER", help="with pictures; what is no picture is named and skipped"
    )
    sub.add_argument("--layer", choices=RECTIFIED, help="only this one, with every channel; by default all of them")
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command(gallery)
    sub.add_argument("--out", type=Path, default=EMBEDDED_GALLERY, metavar="DIR", help="by default the embedded one")
    sub.add_argument("--layer", choices=SPATIAL, default="conv5")
    sub.add_argument("--steps", type=int, default=128)


def _unit(text: str) -> Unit:
    try:
        return Unit.parse(text)
    except ZFNetError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())

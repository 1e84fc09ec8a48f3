"""The options of every command."""

import argparse
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zfnet import MaximizationSettings, Unit, ZFNetError, render
from zfnet.cam import METHODS
from zfnet.classification import HEADS
from zfnet.feature_maps import ORDERS
from zfnet.geometry import BELOW, CONVOLUTIONS, LAYERS, NETWORKS, RECTIFIED, SPATIAL
from zfnet.images import CROP_MODES
from zfnet.maximization_settings import PRESETS
from zfnet.occlusion import FILLS, Square
from zfnet.saliency import METHODS as SALIENCY
from zfnet.shell import classes, commands, units
from zfnet.stride import STRIDES

_FOLDER = "the folder to write into"
_CENTRED = "take the logit less the mean of all, as the pages do"
_SWITCH = {"True": True, "False": False}


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments; ``command`` in the result is what to run."""
    whole = argparse.ArgumentParser("python -m zfnet", description="Look into a ZFNet from the shell.")
    added = whole.add_subparsers(title="commands", required=True)

    def command(
        run: Callable[[argparse.Namespace], None], *, picture: bool = False, out: str = ""
    ) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = added.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        sub.set_defaults(command=run)
        sub.add_argument("--checkpoint", type=Path, help="another checkpoint than the embedded one or ZFNET_CHECKPOINT")
        sub.add_argument("--device", help="cpu or cuda")
        if picture:
            sub.add_argument("picture", type=Path, help="a picture file")
            _add_crop(sub)
        if out:
            sub.add_argument("--out", type=Path, required=True, metavar="DIR", help=out)
            sub.add_argument("--npz", action="store_true", help="also write the arrays")
        return sub

    _add_classes(command)
    _add_units(command)
    _add_studies(command)
    return whole


def _add_units(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what looks at one picture and at single units."""
    sub = command(units.view, picture=True, out=_FOLDER)
    sub.add_argument("--unit", type=_unit, help="frame what its cell sees, by default the strongest")
    sub = command(units.filters, out=_FOLDER)
    sub.add_argument("--channels", type=int, nargs="+", metavar="N", help="by default all")
    sub.add_argument("--columns", type=int, default=16, help="of the sheet")
    sub = command(units.maps, picture=True, out=_FOLDER)
    sub.add_argument("what", type=_unit_or_layer, nargs="+", metavar="WHAT", help="a layer, or units such as conv5:17")
    sub.add_argument("--before-relu", action="store_true", help="with their sign")
    ends = sub.add_mutually_exclusive_group()
    ends.add_argument("--scale", choices=("map", "layer", "fixed"), default="map", help="where the colours end")
    _add_end(ends)
    sub.add_argument("--colours", choices=render.UNSIGNED, default="viridis")
    sub.add_argument("--order", choices=ORDERS, default="maximum", help="of a layer's channels")
    sub.add_argument("--first", type=int, default=0, metavar="N", help="leave so many of that order out")
    sub.add_argument("--count", type=int, metavar="N", help="by default all that are left")
    sub.add_argument("--channels", type=int, nargs="+", metavar="N", help="these instead, in this order")
    sub.add_argument("--columns", type=int, default=16, help="of a layer's sheet")
    sub = command(units.deconvnet, picture=True, out=_FOLDER)
    sub.add_argument(
        "units", type=_unit_or_layer, nargs="+", metavar="UNIT", help="such as conv5:17 or conv2:3@6,9, or a layer"
    )
    way = sub.add_mutually_exclusive_group()
    way.add_argument("--whole-map", action="store_true", help="project all cells of a map together (not the paper)")
    way.add_argument("--randomise", choices=CONVOLUTIONS, help="permute the weights from the unit's layer down to this")
    way.add_argument("--overwriting", action="store_true", help="unpool as common code does, losing what overlaps")
    sub.add_argument("--seed", type=int, default=0, help="with --randomise: of the permutation")
    _add_end(sub)
    sub = command(units.descent, picture=True, out=_FOLDER)
    sub.add_argument("unit", type=_unit, metavar="UNIT", help="such as conv5:17 or conv2:3@6,9")
    sub = command(units.saliency, picture=True, out=_FOLDER)
    sub.add_argument("units", type=_unit, nargs="+", metavar="UNIT", help="such as conv5:17, or a class: fc8:281")
    sub.add_argument("--method", choices=(*SALIENCY, "integrated", "guided-gradcam"), default=SALIENCY[0])
    sub.add_argument("--centred", action="store_true", help=_CENTRED)
    sub = command(units.stride, out=_FOLDER)
    sub.add_argument("picture", type=Path, nargs="?", help="a picture file")
    _add_crop(sub)
    sub.add_argument("--period", type=float, help="of a grating to look at instead, in pixels")
    sub.add_argument("--orientation", type=float, default=0, help="of the grating, in degrees")
    sub.add_argument("--channel", type=int, metavar="N", help="of conv1; by default the strongest")
    sub.add_argument("--strides", type=int, nargs="+", default=STRIDES, metavar="N")


def _add_classes(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what looks at one picture and at classes."""
    sub = command(commands.explain, picture=True, out=_FOLDER)
    sub.add_argument("--unit", type=_unit, help="for example conv5:17; by default the strongest of conv5")
    sub.add_argument("--class", type=int, dest="class_index", metavar="N", help="by default the most probable one")
    sub.add_argument("--steps", type=int, default=256, help="of the maximization")
    sub = command(commands.classify, picture=True)
    sub.add_argument("--top", type=int, default=5)
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command(classes.cam, picture=True, out=_FOLDER)
    sub.add_argument("--classes", type=int, nargs="+", metavar="N", help="by default the most probable one")
    sub.add_argument(
        "--methods",
        choices=METHODS,
        nargs="+",
        default=["gradcam"],
        help="eigencam asks for no class; scorecam, and ablationcam below conv5, take some seconds",
    )
    _add_evidence(sub)
    _add_paint(sub, opacity=0.6)
    sub.add_argument("--contour", type=float, default=0.0, help="a line around what is above this share, 0 to 1")
    sub.add_argument("--before-relu", action="store_true", help="the sum with its sign, in its own cells")
    ends = sub.add_mutually_exclusive_group()
    ends.add_argument("--one-scale", action="store_true", help="the same colours for all classes and methods")
    _add_end(ends)
    sub.add_argument("--channels", type=int, metavar="N", help="of Grad-CAM, only the N channels that count most")
    sub.add_argument("--randomise", choices=BELOW, help="permute the weights from the classifier down to this layer")
    sub.add_argument("--seed", type=int, default=0, help="with --randomise: of the permutation")
    sub = command(classes.occlude, picture=True, out=_FOLDER)
    sub.add_argument("--class", type=int, dest="class_index", metavar="N", help="by default the most probable one")
    sub.add_argument("--size", type=int, default=Square().size, help="of the square, in pixels")
    sub.add_argument("--stride", type=int, default=Square().stride, help="by how many pixels the square moves")
    sub.add_argument("--fill", choices=FILLS, default=Square().fill, help="what is in the square")
    sub.add_argument("--seed", type=int, default=0, help="of the noise")
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--colours", choices=render.UNSIGNED, default="viridis")
    sub.add_argument(
        "--place", type=int, nargs=2, metavar=("TOP", "LEFT"), help="show only what the network sees with it there"
    )
    sub = command(classes.pointing, picture=True, out=_FOLDER)
    sub.add_argument("second", type=Path, help="the picture to paste")
    sub.add_argument("--method", choices=METHODS, default="gradcam")
    _add_evidence(sub)
    _add_paint(sub, opacity=0.7)


def _add_crop(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--crop", choices=CROP_MODES, default="centre", help="the square that the network sees")
    sub.add_argument("--offset", type=float, default=0.5, help="with --crop move: 0 to 1 along the longer side")


def _add_evidence(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--layer", choices=SPATIAL, default="conv5")
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--centred", action="store_true", help=_CENTRED)


def _add_paint(sub: argparse.ArgumentParser, *, opacity: float) -> None:
    sub.add_argument("--colours", choices=render.UNSIGNED, default="viridis")
    sub.add_argument("--opacity", type=float, default=opacity, help="of the strongest spot, 0 to 1")


def _add_end(sub: argparse._ActionsContainer) -> None:
    sub.add_argument(
        "--end", type=_end, metavar="VALUE", help="full colour at this value, so that pictures can be compared"
    )


def _add_studies(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what needs no picture, or many."""
    sub = command(commands.architecture)
    sub.add_argument("--geometry", choices=NETWORKS, help="print this network's table; no checkpoint is loaded")
    form = sub.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values, without totals")
    form.add_argument("--draw", type=Path, metavar="FILE", help="draw it to scale into a PNG file")
    sub.add_argument("--layer", choices=LAYERS, default="", help="with --draw: to be marked")
    sub.add_argument("--size", type=int, nargs=2, default=(960, 240), metavar=("WIDTH", "HEIGHT"), help="with --draw")
    sub = command(commands.maximize, out=f"{_FOLDER}, or a file such as x.png for one unit")
    sub.add_argument("units", type=_unit, nargs="+", metavar="UNIT", help=f"a unit of {LAYERS[0]} to {LAYERS[-1]}")
    sub.add_argument("--preset", choices=PRESETS, default="normal", help="what holds the picture back")
    sub.add_argument("--steps", type=int, help="by default the preset's, as for --size")
    sub.add_argument("--size", type=int, help="of the picture in pixels, for a whole map")
    sub.add_argument("--seed", type=int, help="of the noise and the movements, by default 0")
    sub.add_argument("--set", type=_setting, nargs="+", default=(), metavar="NAME=VALUE", help="any other setting")
    sub.add_argument("--picture", type=Path, metavar="FILE", help="start from this picture instead of noise")
    _add_crop(sub)
    sub.add_argument("--plain-logit", action="store_true", help="of a class, not less the mean of all logits")
    sub.add_argument("--film", action="store_true", help="also write an animated WebP of how it came about")
    sub = command(commands.audit)
    sub.add_argument(
        "folder", type=Path, metavar="FOLDER", help="with pictures; what is no picture is named and skipped"
    )
    sub.add_argument("--layer", choices=RECTIFIED, help="only this one, with every channel; by default all of them")
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command(commands.gallery)
    sub.add_argument("--out", type=Path, metavar="DIR", help="by default ZFNET_GALLERY, else the embedded one")
    sub.add_argument("--layer", choices=LAYERS, nargs="+", help="by default the convolutions and fc8")
    sub.add_argument("--every", action="store_true", help="every unit of these layers (hours), not in the embedded one")
    sub.add_argument("--steps", type=int, help="of each maximization; by default those of its preset")
    sub.add_argument("--draw", type=Path, metavar="FILE", help="lay those of one layer on a sheet, a PNG file")


def _end(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"colours end at a number above zero, such as 2.5, got {text!r}")
    return value


def _unit_or_layer(text: str) -> Unit | str:
    return text if text in SPATIAL else _unit(text)


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    held = asdict(MaximizationSettings())
    if name not in held:
        raise argparse.ArgumentTypeError(f"the settings are {', '.join(held)}, got {name!r}")
    if isinstance(held[name], bool):
        if value not in _SWITCH:
            raise argparse.ArgumentTypeError(f"{name} is {' or '.join(_SWITCH)}, got {value!r}")
        return name, _SWITCH[value]
    try:
        return name, type(held[name])(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{name} is a number such as {held[name]}, got {value!r}") from None


def _unit(text: str) -> Unit:
    try:
        return Unit.parse(text)
    except ZFNetError as error:
        raise argparse.ArgumentTypeError(str(error)) from error

"""The options of every command."""

import argparse
from collections.abc import Callable
from pathlib import Path

from zfnet import Unit, ZFNetError
from zfnet.cam import METHODS
from zfnet.classification import HEADS
from zfnet.geometry import CONVOLUTIONS, LAYERS, NETWORKS, RECTIFIED, SPATIAL
from zfnet.images import CROP_MODES
from zfnet.maximization_settings import PRESETS
from zfnet.occlusion import FILLS, Square
from zfnet.shell import commands

_FOLDER = "the folder to write into"


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
            sub.add_argument("--crop", choices=CROP_MODES, default="centre", help="the square that the network sees")
            sub.add_argument("--offset", type=float, default=0.5, help="with --crop move: 0 to 1 along the longer side")
        if out:
            sub.add_argument("--out", type=Path, required=True, metavar="DIR", help=out)
            sub.add_argument("--npz", action="store_true", help="also write the arrays")
        return sub

    _add_lenses(command)
    _add_studies(command)
    return whole


def _add_lenses(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what looks at one picture."""
    sub = command(commands.explain, picture=True, out=_FOLDER)
    sub.add_argument("--unit", type=_unit, help="for example conv5:17; by default the strongest of conv5")
    sub.add_argument("--class", type=int, dest="class_index", metavar="N", help="by default the most probable one")
    sub.add_argument("--steps", type=int, default=256, help="of the maximization")
    sub = command(commands.classify, picture=True)
    sub.add_argument("--top", type=int, default=5)
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--json", action="store_true", help="print JSON")
    sub = command(commands.deconvnet, picture=True, out=_FOLDER)
    sub.add_argument("units", type=_unit, nargs="+", metavar="UNIT", help="such as conv5:17 or conv2:3@6,9")
    way = sub.add_mutually_exclusive_group()
    way.add_argument("--whole-map", action="store_true", help="project all cells of a map together (not the paper)")
    way.add_argument("--randomise", choices=CONVOLUTIONS, help="permute the weights from the unit's layer down to this")
    sub.add_argument("--seed", type=int, default=0, help="with --randomise: of the permutation")
    sub = command(commands.cam, picture=True, out=_FOLDER)
    sub.add_argument("--classes", type=int, nargs="+", metavar="N", help="by default the most probable one")
    sub.add_argument(
        "--methods",
        choices=METHODS,
        nargs="+",
        default=["gradcam"],
        help="eigencam asks for no class; scorecam, and ablationcam below conv5, take some seconds",
    )
    sub.add_argument("--layer", choices=SPATIAL, default="conv5")
    sub.add_argument("--head", choices=HEADS, default="fc")
    sub.add_argument("--centred", action="store_true", help="take the logit less the mean of all, as the pages do")
    sub = command(commands.occlude, picture=True, out=_FOLDER)
    sub.add_argument("--class", type=int, dest="class_index", metavar="N", help="by default the most probable one")
    sub.add_argument("--size", type=int, default=Square().size, help="of the square, in pixels")
    sub.add_argument("--stride", type=int, default=Square().stride, help="by how many pixels the square moves")
    sub.add_argument("--fill", choices=FILLS, default=Square().fill, help="what is in the square")
    sub.add_argument("--seed", type=int, default=0, help="of the noise")
    sub.add_argument("--head", choices=HEADS, default="fc")


def _add_studies(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add what needs no picture, or many."""
    sub = command(commands.architecture)
    sub.add_argument("--geometry", choices=NETWORKS, help="print this network's table; no checkpoint is loaded")
    form = sub.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values, without totals")
    sub = command(commands.maximize, out=f"{_FOLDER}, or a file such as x.png for one unit")
    sub.add_argument("units", type=_unit, nargs="+", metavar="UNIT", help=f"a unit of {LAYERS[0]} to {LAYERS[-1]}")
    sub.add_argument("--preset", choices=PRESETS, default="normal", help="what holds the picture back")
    sub.add_argument("--steps", type=int, help="by default the preset's, as for --size")
    sub.add_argument("--size", type=int, help="of the picture in pixels, for a whole map")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--picture", type=Path, metavar="FILE", help="start from this picture instead of noise")
    sub.add_argument("--plain-logit", action="store_true", help="of a class, not less the mean of all logits")
    sub.add_argument("--film", action="store_true", help="also write an animated WebP of how it came about")
    sub.set_defaults(crop="centre", offset=0.5)
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


def _unit(text: str) -> Unit:
    try:
        return Unit.parse(text)
    except ZFNetError as error:
        raise argparse.ArgumentTypeError(str(error)) from error

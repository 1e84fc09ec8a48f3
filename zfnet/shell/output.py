"""What the commands write: pictures, arrays, a description of each result, and how far a long one has come."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zfnet import InferenceSession, SelectionError, Unit, drawing, render
from zfnet.cam import ClassMap
from zfnet.climb import Maximization
from zfnet.deconvnet import Projection
from zfnet.film import animation
from zfnet.geometry import receptive_field
from zfnet.occlusion import OcclusionMaps

_SIDE = 672
_BAR = 32
# What no folder is called on purpose.
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".txt", ".json", ".csv", ".npz", ".npy", ".zip", ".pdf")


def check_folder(folder: Path) -> Path:
    """Return a folder to write into, which need not exist yet.

    Raises:
        OSError: for a file, or a new name with the ending of one.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file, expected a folder to write into")
    if folder.suffix.lower() in _ENDINGS and not folder.exists():
        raise NotADirectoryError(
            f"{folder} is named as a file, expected a folder to write into; leave {folder.suffix} out"
        )
    return folder


@dataclass(frozen=True, slots=True)
class Paint:
    """How evidence is laid on the picture: colours, opacity, line around a share of full colour, and its value."""

    colormap: str = "viridis"
    opacity: float = 0.6
    contour: float = 0.0
    end: float | None = None


class Output:
    """A folder that collects pictures, arrays and what is known about them."""

    def __init__(self, folder: Path, keep_arrays: bool) -> None:
        self._folder, self._keep_arrays = check_folder(folder), keep_arrays
        self._arrays: dict[str, np.ndarray] = {}

    def picture(self, name: str, pixels: np.ndarray, array: np.ndarray | None = None) -> str:
        """Write pixels, uint8 (H, W, 3), enlarged; return the file's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{name}.png").write_bytes(render.encode_png(render.enlarge(pixels, _SIDE)))
        if array is not None:
            self._arrays[name] = array
        return f"{name}.png"

    def encoded(self, name: str, data: bytes) -> str:
        """Write what is encoded already; return the file's name."""
        (self._folder / name).write_bytes(data)
        return name

    def close(self, result: dict[str, Any], name: str = "result") -> None:
        """Write ``result.json``, or one of another name, and, where asked for, ``arrays.npz``."""
        (self._folder / f"{name}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
        if self._keep_arrays:
            np.savez_compressed(self._folder / "arrays.npz", **self._arrays)  # type: ignore[arg-type]
        print(f"written to {self._folder}")


def check_png(file: Path) -> Path:
    """Return a file to draw into, which need not exist yet.

    Raises:
        SelectionError: for a file that is not named as PNG.
    """
    if file.suffix.lower() != ".png":
        raise SelectionError(f"the drawing is a PNG file, got {file.name!r}; name one such as x.png")
    return file


def write_png(file: Path, pixels: np.ndarray) -> None:
    """Write a drawing, uint8 (H, W, 3), into a file."""
    file.write_bytes(render.encode_png(pixels))
    print(f"written to {file}")


def write_projection(output: Output, name: str, p: Projection, end: float | None = None) -> dict[str, Any]:
    """Write a projection with its receptive field, in full colour at ± ``end``; return what is known about it."""
    shown, limit = render.projection(p.pixels, p.box)
    if end:
        shown, limit = render.signed_pixels(p.pixels, end), end
    pixels = render.draw_box(shown, p.box) if p.position else shown
    described = {"unit": str(p.unit), "position": p.position, "activation": p.activation, "box": p.box}
    described["full_colour"] = limit
    return {"file": output.picture(name, pixels, p.pixels), **described}


def write_map(
    output: Output,
    name: str,
    m: ClassMap,
    *,
    session: InferenceSession,
    view: Image.Image,
    paint: Paint = Paint(),
    signed: bool = False,
) -> dict[str, Any]:
    """Write a class map on the picture, or with its sign in its own cells; return what is known."""
    if signed:
        pixels = render.signed_heat(m.values, paint.end)
    else:
        field = receptive_field(session.info.config, m.layer)
        pixels = drawing.evidence(np.asarray(view), m.values, field, **asdict(paint))
    described = {"class": m.class_index, "name": session.info.labels.name(m.class_index), "method": m.method}
    return {
        "file": output.picture(name, pixels, m.values),
        **described,
        "layer": m.layer,
        "head": m.head,
        "maximum": float(m.values.max()),
    }


def write_occlusion(
    output: Output,
    found: OcclusionMaps,
    *,
    session: InferenceSession,
    view: Image.Image,
    colormap: str = "viridis",
) -> dict[str, Any]:
    """Write the three maps, each from its lowest value to its highest, and the first on the picture; describe them."""
    names, labels = session.info.labels, found.labels
    measured = zip(("probability", "activation"), (found.probability, found.activation), found.whole, strict=False)
    drawn: dict[str, tuple[np.ndarray, ...]] = {
        name: (render.heat(values, colormap, drawing.occlusion_ends(values, alone)), values)
        for name, values, alone in measured
    }
    drawn["label"] = (render.categorical(found.label, [index for index, _ in labels]), found.label)
    drawn["picture"] = (drawing.occlusion(found, np.asarray(view), colormap),)
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


def write_maximization(output: Output, name: str, m: Maximization, *, film: bool = False) -> dict[str, Any]:
    """Write a synthesised picture and, where asked for, the film of how it came about; return the same in numbers."""
    files = {"file": output.picture(name, m.image, m.image)}
    if film:
        files["film"] = output.encoded(f"{name}.webp", animation([image for _, image in m.frames]))
    return {
        **files,
        "unit": str(m.unit),
        "silent_at_first": m.silent,
        "settings": asdict(m.settings),
        "curve": [round(float(v), 5) for v in m.curve],
    }


def file_name(unit: Unit) -> str:
    """Return a unit as part of a file's name."""
    return str(unit).replace(":", "-").replace("@", "-at-").replace(",", "-")


def show_bar(what: str, done: float, of: int) -> None:
    """Show people a bar of what is done so far; where the output is not a terminal, a line for every whole number."""
    if sys.stderr.isatty():
        filled = int(_BAR * done / of)
        bar, end = "█" * filled + "░" * (_BAR - filled), "\n" if done == of else ""
        print(f"\r{what} {bar} {int(done)} of {of}", end=end, file=sys.stderr, flush=True)
    elif done == int(done):
        print(f"{what} {int(done)} of {of}", flush=True)

"""Maximizations that were made beforehand: a folder of pictures and an index that says which network they belong to."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zfnet.climb import Maximization
from zfnet.errors import SelectionError
from zfnet.maximization_settings import MaximizationSettings
from zfnet.session import InferenceSession
from zfnet.unit import Unit

EMBEDDED_GALLERY = Path(__file__).resolve().parent.parent / "assets" / "gallery"
_INDEX = "gallery.json"
_BATCH = 16
# Pictures up to this side lose nothing: there are too few pixels to hide the traces of compression.
_LOSSLESS = 32


@dataclass(frozen=True, slots=True)
class Premade:
    """A maximization that lies in a gallery.

    Attributes:
        file: a WebP, as large as the unit's canvas.
        unit: what was made, with the position of the cell if it was one.
        settings: how it was made.
        start: what drove the unit in the first picture.
        end: what drives it in this one.
        silent: whether the unit said nothing to the first picture.
    """

    file: Path
    unit: Unit
    settings: MaximizationSettings
    start: float
    end: float
    silent: bool

    def pixels(self) -> np.ndarray:
        """Return the picture, uint8 (H, W, 3)."""
        with Image.open(self.file) as picture:
            return np.asarray(picture.convert("RGB"))


def galleries() -> tuple[Path, ...]:
    """Return the folders to look in: first the one that ``ZFNET_GALLERY`` names, if any, then the embedded one."""
    own = os.environ.get("ZFNET_GALLERY")
    return (Path(own), EMBEDDED_GALLERY) if own else (EMBEDDED_GALLERY,)


def read_galleries(checkpoint_id: str) -> dict[str, Premade]:
    """Return the pictures of all folders of :func:`galleries`; where two have a unit, the first one counts."""
    found: dict[str, Premade] = {}
    for folder in galleries():
        found |= {name: made for name, made in read_gallery(checkpoint_id, folder).items() if name not in found}
    return found


def read_gallery(checkpoint_id: str, folder: Path = EMBEDDED_GALLERY) -> dict[str, Premade]:
    """Return the pictures of a gallery, none at all if they were made with another checkpoint.

    The keys are units without positions, such as ``conv5:17`` or ``fc8:207``, in the order in which they were made.
    """
    index = _index(folder)
    if index.get("checkpoint") != checkpoint_id:
        return {}
    settings = {layer: MaximizationSettings(**values) for layer, values in index["settings"].items()}
    found: dict[str, Premade] = {}
    for name, entry in index["units"].items():
        unit = Unit.parse(entry["unit"])
        ends = (entry["start"], entry["end"], entry["silent"])
        found[name] = Premade(folder / entry["file"], unit, settings[unit.layer], *ends)
    return found


def make_gallery(
    session: InferenceSession,
    units: Sequence[Unit],
    settings: MaximizationSettings,
    folder: Path = EMBEDDED_GALLERY,
    *,
    progress: Callable[[float, int], None] | None = None,
) -> None:
    """Add maximizations to a gallery. What it holds already is kept, so that an interrupted run can go on.

    Args:
        session: the network.
        units: what to make, each channel of a layer once, all at one position. They are kept in this order.
        settings: for all of them.
        folder: where pictures and index are written.
        progress: called after every step with the number of units made, counting parts, and their total; the number is
            whole when they are written.

    Raises:
        SelectionError: when the folder holds a gallery of another checkpoint, or units of the layer made otherwise.
    """
    index = _index(folder) or {"checkpoint": session.info.checkpoint_id, "settings": {}, "units": {}}
    _refuse_others(index, session.info.checkpoint_id, settings, folder=folder, layers={unit.layer for unit in units})
    entries = index["units"]
    wanted = [u for u in units if not (e := entries.get(_name(u))) or not (folder / e["file"]).is_file()]
    for first in range(0, len(wanted), _BATCH):
        batch = wanted[first : first + _BATCH]

        def tell(step: int, _: object, first: int = first, batch: list[Unit] = batch) -> None:
            if progress and step < settings.steps:
                progress(first + len(batch) * step / settings.steps, len(wanted))

        for made in session.maximize(batch, settings, progress=tell):
            entries[_name(made.unit)] = _write(made, folder)
        index["settings"] |= {unit.layer: asdict(settings) for unit in batch}
        # Replaced in one go: an interruption must not leave half an index.
        (folder / "gallery.part").write_text(json.dumps(index, indent=1) + "\n", "utf-8")
        (folder / "gallery.part").replace(folder / _INDEX)
        if progress:
            progress(first + len(batch), len(wanted))


def _write(made: Maximization, folder: Path) -> dict[str, Any]:
    """Write a picture; return its entry in the index."""
    folder.mkdir(parents=True, exist_ok=True)
    file = f"{made.unit.layer}-{made.unit.channel}.webp"
    lossless = max(made.image.shape) <= _LOSSLESS
    Image.fromarray(made.image).save(folder / file, lossless=lossless, quality=90, method=6)
    start, end = (round(float(made.curve[i]), 4) for i in (0, -1))
    return {"file": file, "unit": str(made.unit), "start": start, "end": end, "silent": made.silent}


def _refuse_others(
    index: dict[str, Any], checkpoint: str, settings: MaximizationSettings, *, folder: Path, layers: set[str]
) -> None:
    """Raise an error when a gallery is another checkpoint's, or has one of the layers with other settings."""
    if index["checkpoint"] != checkpoint:
        raise SelectionError(
            f"{folder} holds a gallery of checkpoint {index['checkpoint']}, this is {checkpoint}; name another folder"
        )
    asked = asdict(settings)
    for layer in sorted(layers & index["settings"].keys()):
        held = asdict(MaximizationSettings(**index["settings"][layer]))
        if others := [name for name in asked if held[name] != asked[name]]:
            there, here = (", ".join(f"{name}={values[name]}" for name in others) for values in (held, asked))
            raise SelectionError(f"{folder} holds {layer} made with {there}, asked for {here}; name another folder")


def _index(folder: Path) -> dict[str, Any]:
    path = folder / _INDEX
    read: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return read


def _name(unit: Unit) -> str:
    return str(replace(unit, position=None))

"""Maximizations that were made beforehand: a folder of pictures and an index that says which network they belong to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from zfnet.errors import SelectionError
from zfnet.maximization_settings import MaximizationSettings
from zfnet.session import InferenceSession
from zfnet.unit import Unit

EMBEDDED_GALLERY = Path(__file__).resolve().parent.parent / "assets" / "gallery"
_INDEX = "gallery.json"
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Premade:
    """A maximization that lies in a gallery: its file, and its objective at the start and at the end."""

    file: Path
    start: float
    end: float
    settings: MaximizationSettings
    unit: Unit = Unit("conv5", 0)
    silent: bool = False


def read_gallery(checkpoint_id: str, folder: Path = EMBEDDED_GALLERY) -> dict[str, Premade]:
    """Return the pictures of a gallery by unit, none at all if they were made with another checkpoint."""
    path = folder / _INDEX
    index = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if index.get("checkpoint") != checkpoint_id:
        return {}
    settings = MaximizationSettings(**index["settings"])
    return {
        unit: Premade(folder / entry["file"], entry["start"], entry["end"], settings, Unit.parse(unit))
        for unit, entry in index["units"].items()
    }


def make_gallery(
    session: InferenceSession,
    units: Sequence[Unit],
    settings: MaximizationSettings,
    folder: Path = EMBEDDED_GALLERY,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Add maximizations to a gallery. What it holds already is kept, so that an interrupted run can go on.

    Args:
        session: the network.
        units: what to make, without positions.
        settings: for all of them.
        folder: where pictures and index are written.
        progress: called with the number of units done and their total.

    Raises:
        SelectionError: when the folder holds a gallery of another checkpoint or of other settings.
    """
    held = read_gallery(session.info.checkpoint_id, folder)
    if (folder / _INDEX).exists() and not (held and all(made.settings == settings for made in held.values())):
        raise SelectionError(f"{folder} holds a gallery of another checkpoint or other settings; name an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    entries = {u: {"file": p.file.name, "start": p.start, "end": p.end} for u, p in held.items()}
    wanted = [unit for unit in units if str(unit) not in entries]
    for done in range(0, len(wanted), _BATCH):
        for made in session.maximize(wanted[done : done + _BATCH], settings):
            file = f"{made.unit.layer}-{made.unit.channel}.webp"
            Image.fromarray(made.image).save(folder / file, quality=90, method=6)
            ends = {"start": round(float(made.curve[0]), 3), "end": round(float(made.curve[-1]), 3)}
            entries[str(made.unit)] = {"file": file, **ends}
        index = {"checkpoint": session.info.checkpoint_id, "settings": asdict(settings), "units": entries}
        # Replaced in one go: an interruption must not leave half an index.
        (folder / "gallery.part").write_text(json.dumps(index, indent=1) + "\n", "utf-8")
        (folder / "gallery.part").replace(folder / _INDEX)
        if progress:
            progress(min(done + _BATCH, len(wanted)), len(wanted))

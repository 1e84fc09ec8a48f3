"""The pictures that can be looked at: the project's samples, a teacher's own, and what this visitor has uploaded."""

import hashlib
import logging
import os
import re
import tomllib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, count
from pathlib import Path
from typing import Any

from PIL import Image

from pages.shared.texts import legible
from zfnet import InvalidImageError, decode_image
from zfnet.decoding import FORMATS

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "samples"
# The endings of files that may be pictures.
SUFFIXES = {*(form.lower() for form in FORMATS), "jpg", "tif"}
MAX_OWN = 100
CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that anybody can choose: the project's, or one of the folder that ``ZFNET_SAMPLES`` names.

    ``classes`` are the right answers; ``kind`` is "pattern" where there is none, "own" for a picture of that folder.
    """

    name: str
    file: str
    english: str
    korean: str
    classes: tuple[int, ...]
    kind: str

    def title(self, language: str) -> str:
        """Return the caption in a language."""
        return self.korean if language == "ko" else self.english


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that this visitor has sent, decoded; its bytes are not kept."""

    id: str
    name: str
    picture: Image.Image


@cache
def samples() -> dict[str, Sample]:
    """Return the samples by name, in the order in which they are shown: the project's, then those of the folder that
    ``ZFNET_SAMPLES`` names, which is read once."""
    own = os.environ.get("ZFNET_SAMPLES")
    return embedded() | (_read_folder(Path(own)) if own else {})


@cache
def embedded() -> dict[str, Sample]:
    """Return the samples that came with the project: what is measured over them is the same everywhere."""
    return {
        entry["name"]: Sample(
            entry["name"], entry["file"], entry["english"], entry["korean"], tuple(entry["classes"]), entry["kind"]
        )
        for entry in _entries(FOLDER)
    }


# Decoded, a picture takes up to 7 MB: not all of a folder are kept.
@lru_cache(40)
def sample_picture(name: str) -> Image.Image:
    """Return a sample, decoded."""
    return decode_image((FOLDER / samples()[name].file).read_bytes())


def slug(stem: str) -> str:
    """Return a file's name without what an address would have to write in another way."""
    return re.sub(r"[^\w-]+", "-", unicodedata.normalize("NFC", stem).casefold()).strip("-") or "unnamed"


def _entries(folder: Path) -> list[dict[str, Any]]:
    """Return what ``samples.toml`` says of a folder's pictures."""
    entries: list[dict[str, Any]] = tomllib.loads((folder / "samples.toml").read_text(encoding="utf-8"))["sample"]
    return entries


def _read_folder(folder: Path) -> dict[str, Sample]:
    """Return the pictures of a folder, sorted by file; what cannot be used is named in the log and left out."""
    found: dict[str, Sample] = {}
    told = _told(folder)
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix[1:].lower() in SUFFIXES)
    except OSError as error:
        logging.getLogger(__name__).error(
            "ZFNET_SAMPLES: %s cannot be listed, so none of its pictures is shown: %s", folder, error
        )
        return {}
    if len(files) > MAX_OWN:
        logging.getLogger(__name__).warning(
            "ZFNET_SAMPLES: %s holds %d pictures, the first %d are shown", folder, len(files), MAX_OWN
        )
    for file in files[:MAX_OWN]:
        try:
            decode_image(file.read_bytes())
        except (OSError, InvalidImageError) as error:
            logging.getLogger(__name__).warning("ZFNET_SAMPLES: %s is left out: %s", file.name, error)
            continue
        said = told.get(file.name, {})
        name = _free(slug(str(said.get("name", file.stem))), {"none", *embedded(), *found})
        english, korean = (str(said.get(language, file.stem)) for language in ("english", "korean"))
        classes = tuple(c for c in said.get("classes", []) if isinstance(c, int) and 0 <= c < CLASSES)
        found[name] = Sample(name, str(file.resolve()), english, korean, classes, "own")
    return found


def _told(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what ``samples.toml`` says of each file, nothing where it is missing or broken."""
    try:
        return {str(entry["file"]): entry for entry in _entries(folder)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        logging.getLogger(__name__).warning("ZFNET_SAMPLES: %s is left out: %s", folder / "samples.toml", error)
        return {}


def _free(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: itself, or with the first free number."""
    return next(free for free in chain([name], (f"{name}-{n}" for n in count(2))) if free not in taken)


def read_upload(name: str, data: bytes) -> Upload:
    """Decode an uploaded file. Its id is the digest of its bytes, so that the same file is known again.

    Raises:
        InvalidImageError: when it is not an acceptable picture.
    """
    return Upload(f"sha256-{hashlib.sha256(data).hexdigest()}", legible(name), decode_image(data))

"""The pictures that can be looked at: the samples of the project and what this visitor has uploaded."""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from zfnet import decode_image

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that comes with the project. ``classes`` are the right answers, none for a pattern."""

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
    """Return the samples by name, in the order in which they are shown."""
    entries = tomllib.loads((FOLDER / "samples.toml").read_text(encoding="utf-8"))["sample"]
    return {
        entry["name"]: Sample(
            entry["name"], entry["file"], entry["english"], entry["korean"], tuple(entry["classes"]), entry["kind"]
        )
        for entry in entries
    }


@cache
def sample_picture(name: str) -> Image.Image:
    """Return a sample, decoded."""
    return decode_image((FOLDER / samples()[name].file).read_bytes())


def read_upload(name: str, data: bytes) -> Upload:
    """Decode an uploaded file. Its id is the digest of its bytes, so that the same file is known again.

    Raises:
        InvalidImageError: when it is not an acceptable picture.
    """
    return Upload(f"sha256-{hashlib.sha256(data).hexdigest()}", name, decode_image(data))

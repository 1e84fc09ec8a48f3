"""A picture to take home: with its scale, its words and where it comes from; and the selection read from it again.

Plain values, no Streamlit: files are made when a visitor's browser asks for them, outside of a page's run.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from pages.shared.exhibits import Exhibit
from pages.shared.texts import text
from zfnet.plate import plate

_SELECTION = "zfnet:selection"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_HEAD, _MAX_CHUNKS = 64 * 2**10, 64


@dataclass(frozen=True, slots=True)
class About:
    """Where exhibits come from: the page by its address and its title, the selection as in the address, the version,
    the checkpoint, what the picture is called, and the language of all words."""

    page: str
    title: str
    query: Mapping[str, str]
    version: str
    checkpoint: str
    picture_title: str
    language: str

    @property
    def link(self) -> str:
        """Return the address of what is seen, without the server's name."""
        return f"/{self.page}?{urlencode(self.query)}"

    @property
    def provenance(self) -> str:
        """Return in one line where a picture comes from."""
        facts = {"picture": self.picture_title, "checkpoint": self.checkpoint, "version": self.version}
        return text("export.provenance", self.language, **facts)


def explained(exhibit: Exhibit, language: str) -> list[str]:
    """Return what a picture is, how it is read, and what it cannot say, in Markdown; nothing for an unknown kind."""
    name, what = (text(f"exhibits.{exhibit.kind}_{part}", language) for part in ("name", "what"))
    how = text("frame.how", language, text=text(f"exhibits.{exhibit.kind}_how", language))
    return [
        f"**{name}.** {what}",
        how,
        text("frame.limits", language, text=text(f"exhibits.{exhibit.kind}_limits", language)),
    ]


def file_name(name: str) -> str:
    """Return a name that every file system takes: a unit ``conv5:17`` becomes ``conv5-17``."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-.")[:80] or "picture"


def picture_file(exhibit: Exhibit, about: About) -> bytes:
    """Return a picture as PNG with its scale and its caption, which carries the selection."""
    return plate(
        exhibit.png,
        title=about.title,
        caption=_plain(exhibit.caption),
        scale=exhibit.scale,
        provenance=replace(about, picture_title=exhibit.picture_title or about.picture_title).provenance,
        metadata=metadata(exhibit, about),
    )


def metadata(exhibit: Exhibit, about: About) -> dict[str, str]:
    """Return what is written into the file of a picture, by keywords."""
    return {
        "Title": about.title,
        "Description": exhibit.alt,
        _SELECTION: json.dumps(dict(about.query)),
        "zfnet:page": about.page,
        "zfnet:version": about.version,
        "zfnet:checkpoint": about.checkpoint,
    }


def restore(png: bytes) -> Mapping[str, str] | None:
    """Return the selection that an exported picture carries, as address parameters; None if there is none.

    Only the first 64 kB and 64 chunks are looked at, and no pixel is decoded. What is found may ask for anything.
    """
    head, at = png[:_MAX_HEAD], len(_SIGNATURE)
    if not head.startswith(_SIGNATURE):
        return None
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(head):
            break
        length, kind = struct.unpack_from(">I4s", head, at)
        keyword, _, value = head[at + 8 : at + 8 + length].partition(b"\0")
        if kind == b"tEXt" and keyword == _SELECTION.encode():
            return _query(value)
        at += length + 12
    return None


def _query(written: bytes) -> Mapping[str, str] | None:
    try:
        query = json.loads(written)
    except (ValueError, RecursionError):
        return None
    fits = isinstance(query, dict) and all(isinstance(value, str) for value in query.values())
    return query if fits else None


def scale_words(exhibit: Exhibit, about: About) -> str:
    """Return the scale of a picture in words; nothing if it has none."""
    if exhibit.scale is None:
        return ""
    low, high = exhibit.scale.ends
    return text("export.scale", about.language, low=low, high=high, words=exhibit.scale.words)


def _plain(markdown: str) -> str:
    return re.sub(r"\*\*|`", "", markdown)

"""Picture files taken apart and put together again, lengths and checksums made right: a mutation gets past them.

A ``Part`` is a chunk (PNG, RIFF), a segment (JPEG), a box (AVIF) or an entry of a directory (TIFF).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.pictures import chunk

_PNG = b"\x89PNG\r\n\x1a\n"
# Boxes of boxes, with what precedes these.
NESTED = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}


@dataclass(frozen=True, slots=True)
class Part:
    """A kind and what it holds; ``tail`` follows unannounced: the compressed pixels after the head of a JPEG's scan."""

    kind: bytes
    body: bytes
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Container:
    """How files that begin with ``start`` are taken apart and put together, given the file that they were."""

    start: bytes
    split: Callable[[bytes], list[Part]]
    join: Callable[[list[Part], bytes], bytes]


def _split_png(data: bytes) -> list[Part]:
    parts, at = [], len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        parts.append(Part(kind, data[at + 8 : at + 8 + length]))
        at += length + 12
    return parts


def _join_png(parts: list[Part], _: bytes) -> bytes:
    return _PNG + b"".join(chunk(part.kind, part.body) for part in parts)


def _split_jpeg(data: bytes) -> list[Part]:
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, (length,) = data[at : at + 2], struct.unpack_from(">H", data, at + 2)
        end = after = at + 2 + length
        if kind == b"\xff\xda":
            while after + 1 < len(data) and (data[after] != 0xFF or data[after + 1] in (0, *range(0xD0, 0xD8))):
                after += 1
        parts.append(Part(kind, data[at + 4 : end], data[end:after]))
        at = after
    return parts


def _join_jpeg(parts: list[Part], _: bytes) -> bytes:
    written = (part.kind + struct.pack(">H", min(len(part.body) + 2, 65535)) + part.body + part.tail for part in parts)
    return b"\xff\xd8" + b"".join(written) + b"\xff\xd9"


def _split_riff(data: bytes) -> list[Part]:
    parts, at = [], 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        parts.append(Part(kind, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def _join_riff(parts: list[Part], _: bytes) -> bytes:
    written = (part.kind + struct.pack("<I", len(part.body)) + part.body + bytes(len(part.body) % 2) for part in parts)
    body = b"WEBP" + b"".join(written)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def split_boxes(data: bytes) -> list[Part]:
    """Return the boxes of a file, or of a box."""
    parts, at = [], 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        length = length if length >= 8 else len(data) - at
        parts.append(Part(kind, data[at + 8 : at + length]))
        at += length
    return parts


def join_boxes(parts: list[Part], _: bytes = b"") -> bytes:
    """Return boxes, one after the other."""
    return b"".join(struct.pack(">I4s", len(part.body) + 8, part.kind) + part.body for part in parts)


def _split_tiff(data: bytes) -> list[Part]:
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = [data[at + 2 + 12 * n :][:12] for n in range(count)]
    return [Part(entry[:2], entry[2:]) for entry in entries]


def _join_tiff(parts: list[Part], data: bytes) -> bytes:
    # What entries point to stays where it was: the new directory goes to the end.
    entries = b"".join(part.kind + part.body[:10].ljust(10, b"\0") for part in parts)
    directory = struct.pack("<H", len(parts) % 2**16) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", len(data)) + data[8:] + directory


CONTAINERS = (
    Container(_PNG, _split_png, _join_png),
    Container(b"\xff\xd8\xff", _split_jpeg, _join_jpeg),
    Container(b"RIFF", _split_riff, _join_riff),
    Container(b"\0\0\0", split_boxes, join_boxes),
    Container(b"II*\0", _split_tiff, _join_tiff),
)


def container(data: bytes) -> Container | None:
    """Return how a file is taken apart, None for one without parts."""
    return next((known for known in CONTAINERS if data.startswith(known.start)), None)

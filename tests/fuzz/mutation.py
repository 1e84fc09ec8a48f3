"""Damage to picture files: blind to their form (bytes), and by their form (parts, fields, sides).

All chance comes from the ``Random`` that is given: a case is made again from its number.
"""

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from tests.fuzz.containers import NESTED, Container, Part, container, join_boxes, split_boxes
from tests.pictures import chunk

MAX_SIZE = 2**20
NUMBERS = (0, 1, 2, 7, 31, 32, 127, 128, 255, 256, 4095, 4096, 8000, 8001, 32767, 32768, 65535, 2**31 - 1, 2**32 - 1)
_SIDES = (0, 1, 31, 32, 33, 224, 2000, 8000, 16383, 16384, 30000, 65535, 2**31 - 1, 2**32 - 1)
# Where width and height stand, by the start of a file.
_FIELDS: Mapping[bytes, tuple[tuple[int, ...], str]] = {
    b"\x89PNG": ((16, 20), ">I"),
    b"GIF8": ((6, 8), "<H"),
    b"BM": ((18, 22), "<I"),
    b"RIFF": ((24, 26, 27, 28), "<H"),
}
_BOMB = zlib.compress(bytes(8 * 2**20))
_INSERTED: tuple[Part, ...] = (
    *(Part(kind, b"k\0\0" + _BOMB) for kind in (b"zTXt", b"iCCP")),
    Part(b"iTXt", b"k\0\1\0\0\0" + _BOMB),
    Part(b"tRNS", b"\0\1\2"),
    Part(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
    Part(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0\x08\0\0\0"),
    Part(b"EXIF", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x08\0\0\0"),
    Part(b"\xff\xe1", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"),
    Part(b"\xff\xe1", b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 5000),
    Part(b"\xff\xe2", b"ICC_PROFILE\0\xff\x01" + bytes(60000)),
    Part(b"\xff\xe2", b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\x01\0\0\0\xff\xff\xff\xff\0\0\0\0"),
    Part(b"\xff\xdd", b"\0\1"),
    Part(b"free", bytes(64)),
    Part(b"moov", b"\0\0\0\x10trak\0\0\0\x08mdia"),
)


def mutate(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Return a file damaged in one to four ways; ``others`` are what it is crossed with."""
    for _ in range(random.choice((1, 1, 2, 2, 3, 4))):
        way = random.choice(_WAYS)
        data = way(data, random, others)[:MAX_SIZE]
    return data


def flip(data: bytes, random: Random, _: Sequence[bytes] = ()) -> bytes:
    """Change single bits, or bytes, near the start twice as often."""
    changed = bytearray(data or b"\0")
    reach = random.choice((min(200, len(changed)), len(changed)))
    for _ in range(random.choice((1, 2, 4, 16))):
        at = random.randrange(reach)
        changed[at] = random.choice((changed[at] ^ 1 << random.randrange(8), random.randrange(256), 0, 127, 255))
    return bytes(changed)


def number(data: bytes, random: Random, _: Sequence[bytes] = ()) -> bytes:
    """Write a number that is at some edge over 1, 2 or 4 bytes."""
    form = random.choice(("B", "<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    at = random.randrange(max(1, random.choice((min(200, len(data)), len(data))) - size))
    return data[:at] + struct.pack(form, random.choice(NUMBERS) % 2 ** (8 * size)) + data[at + size :]


def cut(data: bytes, random: Random, _: Sequence[bytes] = ()) -> bytes:
    """Cut the end off, or a piece out, or double a piece."""
    start, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return random.choice((data[:start], data[:start] + data[end:], data[:end] + data[start:]))


def cross(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Go on as another file, of any format, or carry it at the end."""
    other = random.choice(others)
    at = random.randrange(len(data) + 1)
    return random.choice((data[:at] + other[at:], data[:at] + other, data + other, other[:32] + data[32:]))


def append(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    """Let the file be followed by anything."""
    return data + random.choice((bytes(random.randrange(5000)), random.randbytes(500), data[-40:] * 300))


def resize(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    """Let the header claim other sides, with a checksum that holds."""
    places, form = next((field for start, field in _FIELDS.items() if data.startswith(start)), ((), ""))
    if data.startswith(b"\xff\xd8") and (at := max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))) > 0:
        places, form = (at + 5, at + 7), ">H"
    if (at := data.find(b"ispe")) > 0:
        places, form = (at + 8, at + 12), ">I"
    for place in random.sample(places, random.randint(min(1, len(places)), min(2, len(places)))):
        size = struct.calcsize(form)
        data = data[:place] + struct.pack(form, random.choice(_SIDES) % 2 ** (8 * size)) + data[place + size :]
    return data[:12] + chunk(b"IHDR", data[16:29])[4:] + data[33:] if data.startswith(b"\x89PNG") else data


def operate(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change the parts of a file and put it together again, as if it had been made so."""
    form = container(data)
    if form is None:
        return flip(data, random)
    try:
        parts = form.split(data)
    except (struct.error, IndexError):  # damaged before
        return number(data, random)
    kin = [other for other in others if other.startswith(form.start)]
    foreign = _foreign(form, random.choice(kin))
    written = form.join(_changed(parts, foreign, random), data)
    return _lie(written, random) if random.random() < 0.1 else written


def _foreign(form: Container, other: bytes) -> Sequence[Part]:
    try:
        return (*form.split(other), *_INSERTED)
    except (struct.error, IndexError):
        return _INSERTED


def _changed(parts: list[Part], foreign: Sequence[Part], random: Random) -> list[Part]:
    if not parts:
        return [random.choice(foreign)]
    at = random.randrange(len(parts))
    part, before, after = parts[at], parts[:at], parts[at + 1 :]
    if part.kind in NESTED and random.random() < 0.8:
        skip = NESTED[part.kind]
        inside = _changed(split_boxes(part.body[skip:]), foreign, random)
        return [*before, replace(part, body=part.body[:skip] + join_boxes(inside)), *after]
    body = random.choice((flip, number, cut))(part.body or b"\0", random)
    return random.choice(
        (
            [*before, *after],
            [*before, part, part, *after],
            [*before, *[part] * random.choice((20, 150, 1000)), *after],
            [*before, *after, part],
            [*before, random.choice(foreign), part, *after],
            [*before, replace(random.choice(foreign), kind=part.kind), *after],
            [*before, replace(part, kind=random.choice(foreign).kind), *after],
            [*before, replace(part, body=random.choice((b"", bytes(50_000), random.randbytes(99)))), *after],
            *([[*before, replace(part, body=body), *after]] * 6),
            [*before, replace(part, tail=cut(part.tail, random) if part.tail else b""), *after],
            _nested(part, random) if part.kind in NESTED else random.sample(parts, len(parts)),
        )
    )


def _nested(part: Part, random: Random) -> list[Part]:
    for _ in range(random.choice((3, 100, 2000))):
        part = Part(part.kind, bytes(NESTED[part.kind]) + join_boxes([part]))
    return [part]


def _lie(data: bytes, random: Random) -> bytes:
    # Most lengths are four bytes with zeros in front.
    places = [at for at in range(min(len(data) - 4, 2000)) if data[at : at + 2] == b"\0\0"]
    at = random.choice(places or [0])
    return data[:at] + struct.pack(">I", random.choice(NUMBERS)) + data[at + 4 :]


_Way = Callable[[bytes, Random, Sequence[bytes]], bytes]
_WAYS: tuple[_Way, ...] = (flip, flip, number, number, cut, cross, append, resize, operate, operate, operate, operate)

"""Files that ask for much: sides, frames, scans, tiles, chunks, boxes, directories, and words about the picture."""

import functools
import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from tests.fuzz.containers import Part, join_boxes, split_boxes
from tests.pictures import FILES, chunk, encoded, scene, tiff

SIDE = 8000  # 64 megapixels: the largest picture that is allowed
_PNG = b"\x89PNG\r\n\x1a\n"
_END = chunk(b"IEND", b"")


def _plain(mode: str, form: str, size: tuple[int, int] = (SIDE, SIDE), **options: object) -> bytes:
    return encoded(Image.new(mode, size), form, **options)


@functools.cache
def _zeros(count: int) -> bytes:
    """Return so many zeros, compressed, without having them at once."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(min(2**20, count - at))) for at in range(0, count, 2**20)) + packer.flush()


def _png(depth: int, colour: int, row: int, *, interlaced: bool = False, before: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, interlaced)
    rows = 2 * SIDE if interlaced else SIDE  # of the passes, each with a byte for its filter
    body = _zeros(row * SIDE + rows)
    return _PNG + chunk(b"IHDR", header) + before + chunk(b"IDAT", body) + _END


def _png_with(*chunks: bytes) -> bytes:
    return FILES["PNG"][:33] + b"".join(chunks) + FILES["PNG"][33:]


def _crumbs() -> bytes:
    """A PNG whose pixels come a byte at a time."""
    body = zlib.compress(bytes(3 * 2000 + 1) * 2000, 0)[:1_600_000]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2000, 2000, 8, 2, 0, 0, 0))
    return _PNG + header + b"".join(chunk(b"IDAT", body[at : at + 1]) for at in range(len(body))) + _END


def _scans(count: int) -> bytes:
    """A progressive JPEG of the largest size, grey, whose last scan comes again and again."""
    data = _plain("L", "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def _segments(segment: bytes) -> bytes:
    room = 19 * 2**20 // len(segment)
    return FILES["JPEG"][:2] + segment * room + FILES["JPEG"][2:]


def _directories(link: Callable[[int], int], count: int) -> bytes:
    """EXIF in a JPEG, of directories that lead to one another."""
    ifds = b"".join(struct.pack("<HHHIII", 1, 0x8769, 4, 1, link(n), link(n)) for n in range(count))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + ifds
    return FILES["JPEG"][:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + FILES["JPEG"][2:]


def _frames(form: str, count: int, side: int = 64, **options: object) -> bytes:
    frame = Image.new("L", (side, side))
    frames = (Image.new("L", (side, side), n % 256) for n in range(count))
    return encoded(frame, form, save_all=True, append_images=frames, **options)


def _gif(count: int) -> bytes:
    """A GIF of so many frames, which are one frame again and again."""
    data = encoded(Image.new("L", (64, 64)), "GIF")
    image = data.index(b",")
    return data[:image] + data[image:-1] * count + b";"


def _boxes(depth: int) -> bytes:
    """An AVIF whose ``meta`` holds boxes in boxes."""
    inner = Part(b"iprp", b"")
    for _ in range(depth):
        inner = Part(b"iprp", join_boxes([inner]))
    parts = split_boxes(FILES["AVIF"])
    return join_boxes([Part(p.kind, p.body + join_boxes([inner])) if p.kind == b"meta" else p for p in parts])


def _many_boxes(kind: bytes, inside: bytes | None) -> bytes:
    """An AVIF with as many empty boxes as there is room for, at the top or in a box."""
    crumbs = join_boxes([Part(kind, b"")]) * (2 * 2**20)
    parts = split_boxes(FILES["AVIF"])
    if inside is None:
        return join_boxes(parts[:1]) + crumbs + join_boxes(parts[1:])
    return join_boxes([Part(p.kind, p.body + crumbs) if p.kind == inside else p for p in parts])


def _run_lengths(side: int) -> bytes:
    rows = b"\x01\x05" * (19 * 2**19)
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(rows), 0, 0, 1078) + header + bytes(1024) + rows


def _flat_tiff(compression: int, body: bytes, **more: int) -> bytes:
    tags = {256: SIDE, 257: SIDE, 258: 8, 259: compression, 262: 1, 273: -1, 277: 1, 278: SIDE, 279: len(body)}
    return tiff(tags | {int(tag[1:]): value for tag, value in more.items()}, body)


def _pages(count: int) -> bytes:
    one = tiff({256: 40, 257: 40, 258: 8, 259: 1, 262: 1, 273: -1, 277: 1, 278: 40, 279: 1600}, bytes(1600))
    ifds = b"".join(struct.pack("<HI", 0, len(one) + 6 * (n + 1)) for n in range(count))
    return one[: 8 + 2 + 108] + struct.pack("<I", len(one)) + one[8 + 2 + 108 + 4 :] + ifds


def _entries(tag: int, kind: int, count: int) -> bytes:
    """A TIFF with as many entries as a directory can have, each of which claims a long value."""
    body, place = bytes(1600), 8 + 2 + 12 * (9 + 60_000) + 4
    needed = {256: 40, 257: 40, 258: 8, 259: 1, 262: 1, 273: place, 277: 1, 278: 40, 279: 1600}
    entries = [struct.pack("<HHII", name, 4, 1, value) for name, value in needed.items()]
    entries += [struct.pack("<HHII", tag + n % 5000, kind, count, 8) for n in range(60_000)]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4) + body


def _places(count: int, width: int, height: int, places: int, lengths: int, size: tuple[int, int] = (40, 40)) -> bytes:
    """A TIFF of so many tiles or strips of one row, all of which lie at the same place."""
    tags = {256: size[0], 257: size[1], 258: 8, 259: 1, 262: 1, 277: 1, width: 1, height: 1, places: -1, lengths: -1}
    start = 8 + 2 + 12 * len(tags) + 4
    data = tiff(tags, struct.pack("<I", 8) * count)
    for tag in (places, lengths):
        data = data.replace(struct.pack("<HHII", tag, 4, 1, start), struct.pack("<HHII", tag, 4, count, start))
    return data


def _long_number() -> bytes:
    data = tiff({256: 40, 257: 40, 258: 8, 259: 1, 262: 1, 273: -1, 277: 1, 279: 1600, 282: 1}, bytes(19 * 2**20))
    return data.replace(struct.pack("<HHII", 282, 4, 1, 1), struct.pack("<HHII", 282, 5, 2_000_000, 8))


def _long_orientation() -> bytes:
    entry = struct.pack("<HHII", 0x0112, 5, 2_000_000, 26)
    return b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4) + bytes(8 * 2_000_000)


def _broken_fax() -> bytes:
    """A fax of as many rows as there can be, each of which libtiff complains of on standard error."""
    body = np.random.default_rng(1).bytes(10**6)
    return tiff({256: 1790, 257: 35_700, 258: 1, 259: 3, 262: 0, 273: -1, 277: 1, 278: 35_700, 279: 10**6}, body)


def _comments(between: bytes) -> bytes:
    """A GIF with something before its picture."""
    data = encoded(scene().quantize(256), "GIF")
    return data[:781] + between + data[781:]


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "PNG of 64 MP": lambda: _png(8, 2, 3 * SIDE),
    "PNG of 64 MP, 16 bits and alpha": lambda: _png(16, 6, 8 * SIDE),
    "PNG of 64 MP, interlaced": lambda: _png(8, 0, SIDE, interlaced=True),
    "PNG of a byte at a time": _crumbs,
    "PNG of a million chunks": lambda: _png_with(chunk(b"teSt", b"") * (19 * 2**20 // 12)),
    "PNG of compressed words": lambda: _png_with(*[chunk(b"zTXt", b"k%d\0\0" % n + _zeros(2**20)) for n in range(90)]),
    "PNG of one huge word": lambda: _png_with(chunk(b"zTXt", b"k\0\0" + _zeros(2**28))),
    "PNG of a huge profile": lambda: _png_with(chunk(b"iCCP", b"k\0\0" + _zeros(2**28))),
    "PNG of 64 MP and 2^31 frames": lambda: _png(8, 0, SIDE, before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "JPEG of 64 MP": lambda: _plain("CMYK", "JPEG"),
    "JPEG of 90 scans": lambda: _scans(80),
    "JPEG of 10,000 scans": lambda: _scans(10_000),
    "JPEG of endless segments": lambda: _segments(b"\xff\xed\0\2"),
    "JPEG of endless filling": lambda: _segments(b"\xff"),
    "JPEG of endless tables": lambda: _segments(b"\xff\xdb\0\2"),
    "JPEG of endless profiles": lambda: _segments(b"\xff\xe2\0\x10ICC_PROFILE\0\1\1"),
    "JPEG of endless comments": lambda: _segments(b"\xff\xfe\xff\xff" + bytes(65533)),
    "JPEG of EXIF in EXIF": lambda: _directories(lambda n: 8 + 18 * (n + 1), 3000),
    "JPEG of EXIF in itself": lambda: _directories(lambda n: 8, 1),
    "WEBP of 64 MP, lossy": lambda: _plain("RGB", "WEBP", method=0),
    "WEBP of 64 MP, lossless": lambda: _plain("RGBA", "WEBP", lossless=True, method=0),
    "WEBP of 2,000 frames": lambda: _frames("WEBP", 2000, 32, lossless=True, method=0),
    "AVIF of 64 MP": lambda: _plain("L", "AVIF", speed=10),
    "AVIF of 300 frames": lambda: _frames("AVIF", 300, speed=10),
    "AVIF of boxes in boxes": lambda: _boxes(2000),
    "AVIF of two million boxes": lambda: _many_boxes(b"free", None),
    "AVIF of two million boxes in one": lambda: _many_boxes(b"free", b"meta"),
    "BMP of 64 MP": lambda: _plain("1", "BMP"),
    "BMP of 4 MP in run lengths": lambda: _run_lengths(2000),
    "GIF of 64 MP": lambda: _plain("L", "GIF"),
    "GIF of 150,000 frames": lambda: _gif(150_000),
    "GIF of endless comments": lambda: _comments(b"\x21\xfe\1a\0" * (19 * 2**20 // 5)),
    "GIF of one endless comment": lambda: _comments(b"\x21\xfe" + b"\1a" * (19 * 2**19) + b"\0"),
    "GIF of endless nothing": lambda: _comments(bytes(19 * 2**20)),
    "TIFF of 64 MP, deflated": lambda: _flat_tiff(8, _zeros(SIDE * SIDE)),
    "TIFF of 64 MP, LZMA": lambda: _plain("1", "TIFF", compression="lzma"),
    "TIFF of 64 MP, Zstandard": lambda: _plain("CMYK", "TIFF", compression="zstd"),
    "TIFF of 64 MP, 16 bits": lambda: _flat_tiff(8, _zeros(2 * SIDE * SIDE), t258=16),
    "TIFF of 64 MP, floating point": lambda: _flat_tiff(8, _zeros(4 * SIDE * SIDE), t258=32, t339=3),
    "TIFF of 64 MP, group 4": lambda: _plain("1", "TIFF", compression="group4"),
    "TIFF that unpacks to 256 MB": lambda: _flat_tiff(8, _zeros(2**28), t256=100, t257=100, t278=2**31),
    "TIFF of 65,535 samples": lambda: _flat_tiff(8, _zeros(2**24), t277=65_535),
    "TIFF of one huge tile": lambda: _flat_tiff(8, _zeros(2**24), t322=2**31 - 16, t323=2**31 - 16, t324=8, t325=99),
    "TIFF of a million pages": lambda: _pages(10**6),
    "TIFF of 60,000 long entries": lambda: _entries(40_000, 2, 400_000),
    "TIFF of two million tiles": lambda: _places(2_000_000, 322, 323, 324, 325),
    "TIFF of two million strips": lambda: _places(2_000_000, 278, 278, 273, 279),
    "TIFF of 64 MP in rows": lambda: _places(35_700, 278, 278, 273, 279, size=(1790, 35_700)),
    "TIFF of a number of two million parts": _long_number,
    "TIFF of a broken fax": _broken_fax,
    "PNG of EXIF with a number of two million parts": lambda: _png_with(chunk(b"eXIf", _long_orientation())),
}

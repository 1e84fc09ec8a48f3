"""Real pictures of every format and kind, small, to be damaged."""

import json
import struct
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image, PngImagePlugin

from tests.pictures import FILES, chunk, encoded, png, scene, tiff


def _animated(form: str, **options: object) -> bytes:
    frames = [scene().rotate(90 * n) for n in range(1, 4)]
    return encoded(scene(), form, save_all=True, append_images=frames, **options)


def _described(form: str) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "a scene"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.01
    return encoded(scene(), form, exif=exif, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", icc_profile=bytes(200))


def _exported() -> bytes:
    written = PngImagePlugin.PngInfo()
    written.add_text("zfnet:selection", json.dumps({"image": "husky", "layer": "conv3"}))
    written.add_text("Title", "특징 맵", zip=True)
    written.add_itxt("Description", "a picture taken home", "en", "Description", zip=True)
    return encoded(scene(), "PNG", pnginfo=written)


def _interlaced() -> bytes:
    """Adam7, 8 bits of grey, 40x40: each pass is a picture of its own."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = (
        b"\0" + bytes(6 * x % 256 for x in range(left, 40, right))
        for left, top, right, down in passes
        for _ in range(top, 40, down)
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


def _run_length_bmp() -> bytes:
    rows = b"".join(b"\x14" + bytes([level]) + b"\0\x04\x01\x02\x03\x04\x10\x07\0\0" for level in range(40)) + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, 40, 40, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(rows), 0, 0, 1078) + header + bytes(range(256)) * 4 + rows


def _tiled_tiff() -> bytes:
    body = zlib.compress(bytes(range(256)) * 16)
    tags = {256: 60, 257: 60, 258: 8, 259: 8, 262: 1, 277: 1, 322: 64, 323: 64, 324: -1, 325: len(body)}
    return tiff(tags, body)


def _files() -> Iterator[tuple[str, bytes]]:
    yield from FILES.items()
    grey, small = scene().convert("L"), scene(64, 48)
    for mode in ("1", "L", "LA", "RGBA", "I;16"):
        yield f"PNG {mode}", encoded(scene().convert(mode) if mode != "I;16" else grey.convert("I;16"), "PNG")
    yield "PNG 16 bit", png(16, 2, bytes(range(240)))
    yield "PNG transparent colour", png(2, 0, b"\x55" * 5 + b"\xaa" * 5, chunk(b"tRNS", b"\0\1"))
    yield "PNG interlaced", _interlaced()
    yield "PNG exported", _exported()
    for form, options in (
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {}),
        ("TIFF", {}),
        ("MPO", {}),
    ):
        yield f"{form} animated".replace("MPO", "JPEG"), _animated(form, **options)
    for form in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        yield f"{form} described", _described(form)
    yield "JPEG grey", encoded(grey, "JPEG")
    yield "JPEG CMYK", encoded(scene().convert("CMYK"), "JPEG")
    yield "JPEG restarts", encoded(scene(), "JPEG", restart_marker_blocks=2, comment=b"restarts")
    yield "AVIF alpha", encoded(small.convert("RGBA"), "AVIF")
    yield "BMP run length", _run_length_bmp()
    yield "BMP alpha", encoded(scene().convert("RGBA"), "BMP")
    yield "BMP 1 bit", encoded(scene().convert("1"), "BMP")
    yield "GIF interlaced", encoded(scene().quantize(16), "GIF", interlace=1, transparency=1)
    yield "TIFF tiled", _tiled_tiff()
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"TIFF {compression}", encoded(scene().convert("1"), "TIFF", compression=compression)
    for compression in ("zstd", "lzma", "packbits"):
        yield f"TIFF {compression}", encoded(scene(), "TIFF", compression=compression)
    for mode in ("F", "I", "CMYK", "LAB", "P", "RGBA"):
        picture = scene().convert(mode) if mode != "P" else scene().quantize(64)
        yield f"TIFF {mode}", encoded(picture, "TIFF", compression="tiff_lzw" if mode != "LAB" else None)


def seeds() -> dict[str, bytes]:
    """Return the files by name; a name begins with the format."""
    return {name.replace("BigTIFF", "TIFF big"): data for name, data in _files()}

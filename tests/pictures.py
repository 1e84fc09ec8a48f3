"""Picture files of every format, and the makings of odd ones."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def scene(width: int = 120, height: int = 80) -> Image.Image:
    """An asymmetric picture: red grows to the right, green downwards, blue ripples; a white block sits top left."""
    y, x = np.mgrid[0:height, 0:width]
    ripple = 128 + 100 * np.sin(x / width * 9 + (y / height) ** 2 * 7)
    pixels = np.stack((255 * x / (width - 1), 255 * y / (height - 1), ripple), axis=-1).astype(np.uint8)
    pixels[: height // 5, : width // 6] = 255
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth: int, colour: int, row: bytes, *chunks: bytes, side: int = 40) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress((b"\0" + row) * side))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body + chunk(b"IEND", b"")


def tiff(tags: dict[int, int], body: bytes) -> bytes:
    """A little-endian TIFF of one page; a tag whose value is -1 gets the place of the body."""
    place = 8 + 2 + 12 * len(tags) + 4
    entries = [struct.pack("<HHII", tag, 4, 1, place if value < 0 else value) for tag, value in sorted(tags.items())]
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(entries) + struct.pack("<I", 0) + body


def grey_tiff(bits: int, photometric: int, body: bytes, **more: int) -> bytes:
    tags = {256: 40, 257: 40, 258: bits, 259: 1, 262: photometric, 273: -1, 277: 1, 278: 40, 279: len(body)}
    return tiff(tags | {int(tag[1:]): value for tag, value in more.items()}, body)


FILES = {
    "JPEG": encoded(scene(), "JPEG", quality=95, subsampling=0),
    "JPEG progressive": encoded(scene(), "JPEG", quality=95, subsampling=0, progressive=True),
    "PNG": encoded(scene(), "PNG"),
    "PNG palette": encoded(scene().quantize(200), "PNG"),
    "WEBP": encoded(scene(), "WEBP", quality=95),
    "WEBP lossless": encoded(scene(), "WEBP", lossless=True),
    "WEBP alpha": encoded(scene().convert("RGBA"), "WEBP", lossless=True),
    "AVIF": encoded(scene(), "AVIF", quality=95),
    "BMP": encoded(scene(), "BMP"),
    "BMP palette": encoded(scene().quantize(200), "BMP"),
    "GIF": encoded(scene().quantize(256), "GIF"),
    "TIFF": encoded(scene(), "TIFF"),
    "TIFF lzw": encoded(scene(), "TIFF", compression="tiff_lzw"),
    "TIFF deflate": encoded(scene(), "TIFF", compression="tiff_adobe_deflate"),
    "TIFF jpeg": encoded(scene(), "TIFF", compression="jpeg", quality=95),
    "TIFF grey": encoded(scene().convert("L"), "TIFF", compression="packbits"),
    "BigTIFF": encoded(scene(), "TIFF", big_tiff=True),
}

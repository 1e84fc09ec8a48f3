"""Bytes to a safe, upright RGB picture.

A file is known by its first bytes, whatever its name, and read by that one reader of Pillow. Its sides are read from
the header and checked before a pixel is decoded; only the first frame or page is. The picture comes out upright (EXIF),
on white where it was transparent, and without metadata. ICC profiles are ignored: all numbers are taken as sRGB. Grey
of 12 or 16 bits is scaled to 8; grey without a fixed range (32 bits, floating point) is stretched, its minimum to 0 and
its maximum to 255, and becomes 128 where it is constant.
"""

import io
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import Base as Tag
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from zfnet.errors import InvalidImageError
from zfnet.reading import MAX_READS, BoundedFile, is_crowded

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 64_000_000
MAX_RLE_PIXELS = 4_000_000  # run-length BMP is unpacked in Python: at 64 MP, 7 kB of file mean 12 seconds of work
MAX_SCANS = 100  # a progressive JPEG has about 10; each passes over all pixels and may take 50 bytes of file
MAX_EXIF = 2**20  # a JPEG has at most a sixteenth of it; in other formats a number may go on for megabytes
MIN_SIDE = 32
MAX_RATIO = 20
KEPT_SIDE = 3 * 224  # from threefold on a later resize shows no difference (Pillow: ``reducing_gap=3.0``)
DECODERS = 2  # at a time in this process: 64 MP are 256 MB in Pillow, and up to four times that on the way

# The sentence of every refusal. Its placeholders are the names in ``InvalidImageError.values``:
#   bytes                    of the file           format, formats   such as JPEG; all of them, with commas
#   width, height, pixels    in the header         brand             what a HEIF file calls itself, such as heic
#   ratio                    longer/shorter side   limit             the bound: bytes, pixels, side or ratio
REASONS: Mapping[str, str] = {
    "empty": "The file is empty; a picture of 1 to {limit:,} bytes is needed. Choose another file.",
    "too_many_bytes": "The file has {bytes:,} bytes; at most {limit:,} are allowed. Save it smaller or as JPEG.",
    "not_a_picture": "The file is not a picture of a known format ({formats}). Choose another one, or save it as PNG.",
    "heic": "The file is a HEIC picture ({brand}), which cannot be read here. Save it as JPEG or PNG.",
    "truncated": "The {format} file of {bytes:,} bytes ends before its picture does. Copy or download it again.",
    "broken": "The {format} file is damaged, incomplete or of a rare kind. Save the picture again as JPEG or PNG.",
    "too_many_pixels": "The picture is {width} x {height}, {pixels:,} pixels; at most {limit:,} are allowed. "
    "Save it smaller.",
    "too_small": "The picture is {width} x {height}; each side needs at least {limit} pixels. Choose a larger one.",
    "too_elongated": "The picture is {width} x {height}, one side {ratio:.1f} times the other; at most {limit} times "
    "is allowed. Cut it to the part that matters.",
}

_READERS: Mapping[str, tuple[bytes, Callable[[io.BytesIO], ImageFile]]] = {
    "JPEG": (rb"\xff\xd8\xff", JpegImageFile),
    "PNG": (rb"\x89PNG\r\n\x1a\n", PngImageFile),
    "WEBP": (rb"RIFF....WEBP", WebPImageFile),
    "AVIF": (rb"....ftyp(?:.{4}){0,64}?avi[fs]", AvifImageFile),
    "BMP": (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", BmpImageFile),
    "GIF": (rb"GIF8[79]a", GifImageFile),
    "TIFF": (rb"II[*+]\0|MM\0[*+]", TiffImageFile),
}
FORMATS = tuple(_READERS)
_HEIF = re.compile(rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL)
_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")  # start of a scan of 1 to 4 components
# Whether a file is all there, as far as its end or its header tells: Pillow does not always notice, or say so.
_WHOLE: Mapping[str, Callable[[bytes], bool]] = {
    "JPEG": lambda data: data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda"),
    "PNG": lambda data: b"IEND\xaeB`\x82" in data,
    "WEBP": lambda data: len(data) >= 8 + int.from_bytes(data[4:8], "little"),
    "GIF": lambda data: data.rstrip(b"\0").endswith(b";"),
    "TIFF": lambda data: len(data) > int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big"),
}
_TURNS: Mapping[object, Image.Transpose] = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_slots = threading.BoundedSemaphore(DECODERS)
_this_thread = threading.local()


def decode_image(data: bytes) -> Image.Image:
    """Decodes a file into an upright RGB picture without metadata.

    A picture whose shorter side is at least twice ``KEPT_SIDE`` is reduced by the largest whole factor that keeps this
    side at or above ``KEPT_SIDE``.

    Args:
        data: A whole file in one of ``FORMATS``, at most ``MAX_BYTES`` long.

    Raises:
        InvalidImageError: The file is refused; ``reason`` is a key of ``REASONS``.
    """
    if not data:
        raise _refusal("empty", limit=MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise _refusal("too_many_bytes", bytes=len(data), limit=MAX_BYTES)
    name = _recognise(data)
    with _slots, _quiet():
        try:
            return _decode(name, data)
        except InvalidImageError:
            raise
        except Exception as error:  # Pillow's readers let through whatever a hostile file makes them run into
            cut = "truncated" in str(error).lower() or not _WHOLE.get(name, bool)(data)
            raise _refusal("truncated" if cut else "broken", format=name, bytes=len(data)) from error


def _refusal(reason: str, **values: object) -> InvalidImageError:
    return InvalidImageError(REASONS[reason].format(**values), reason=reason, **values)


def _recognise(data: bytes) -> str:
    for name, (signature, _) in _READERS.items():
        if re.match(signature, data, re.DOTALL):
            return name
    if heif := _HEIF.match(data):
        raise _refusal("heic", brand=heif[1].decode())
    raise _refusal("not_a_picture", formats=", ".join(FORMATS))


def _decode(name: str, data: bytes) -> Image.Image:
    if name in ("GIF", "WEBP"):  # their readers make room for the whole canvas on opening
        _check_pixels(_canvas(data), MAX_PIXELS)
    if name == "TIFF" and is_crowded(data):
        raise _refusal("broken", format=name, bytes=len(data))
    reads = MAX_RLE_PIXELS if name == "BMP" else MAX_READS  # two for each run: runs of one pixel are not worth more
    source = _READERS[name][1](BoundedFile(data, reads))
    run_length = any(tile.codec_name == "bmp_rle" for tile in source.tile)
    _check_pixels(source.size, MAX_RLE_PIXELS if run_length else MAX_PIXELS)
    _check_shape(source.size)
    if name == "PNG" and not _WHOLE[name](data):
        raise _refusal("truncated", format=name, bytes=len(data))
    tags = getattr(source, "tag_v2", {})
    tile = tags.get(Tag.TileWidth, 0) * tags.get(Tag.TileLength, 0)  # libtiff decodes a whole one, whatever the picture
    if tile > MAX_PIXELS or (name == "JPEG" and len(_SCAN.findall(data)) > MAX_SCANS):
        raise _refusal("broken", format=name, bytes=len(data))
    source.draft(None, (KEPT_SIDE, KEPT_SIDE))
    source.load()
    if name == "PNG":
        _scale_transparency(source, depth=data[24])
    picture = _upright(_shrunk(on_white(source)), source)
    picture.info.clear()
    return picture


def _canvas(data: bytes) -> tuple[int, int]:
    kind = data[12:16] if data.startswith(b"RIFF") else b"GIF"
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 6 if kind == b"GIF" else 26)
    return (width, height) if kind == b"GIF" else (width & 0x3FFF, height & 0x3FFF)


def _check_pixels(size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit:
        raise _refusal("too_many_pixels", width=width, height=height, pixels=width * height, limit=limit)


def _check_shape(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < MIN_SIDE:
        raise _refusal("too_small", width=width, height=height, limit=MIN_SIDE)
    if max(size) > MAX_RATIO * min(size):
        raise _refusal("too_elongated", width=width, height=height, ratio=max(size) / min(size), limit=MAX_RATIO)


def _scale_transparency(source: Image.Image, depth: int) -> None:
    # PNG names the transparent colour in the file's depth; Pillow keeps that number but brings the pixels to 8 bits.
    key = source.info.get("transparency")
    if source.mode == "L" and key is not None:
        source.info["transparency"] = key * 255 // (2**depth - 1)
    if source.mode == "RGB" and key is not None:
        source.info["transparency"] = tuple(value >> depth - 8 for value in key)


def on_white(picture: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB, on white where it is transparent."""
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bits(picture)
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert(picture.mode.upper())
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture)
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _to_8_bits(picture: Image.Image) -> Image.Image:
    tags = getattr(picture, "tag_v2", {})
    if picture.mode.startswith("I;16"):
        top = 2 ** tags.get(Tag.BitsPerSample, (16,))[0] - 1  # 12 bits keep their range in this mode
        grey = np.rint(np.arange(2**16).clip(0, top) * (255 / top)).astype(np.uint8)[np.asarray(picture)]
    else:
        values = np.asarray(_shrunk(picture)).astype(np.float64)
        known = values[np.isfinite(values)]
        low, high = (known.min(), known.max()) if known.size else (0, 0)
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
        stretched = (values - low) * (255 / (high - low)) if high > low else np.full_like(values, 128)
        grey = np.rint(stretched).astype(np.uint8)
    white_is_zero = tags.get(Tag.PhotometricInterpretation) == 0  # Pillow inverts that for up to 8 bits only
    return Image.fromarray(255 - grey if white_is_zero else grey)


def _shrunk(picture: Image.Image) -> Image.Image:
    factor = min(picture.size) // KEPT_SIDE
    return picture.reduce(factor) if factor > 1 else picture


def _upright(picture: Image.Image, source: Image.Image) -> Image.Image:
    # Not ``ImageOps.exif_transpose``: it also writes the EXIF block anew, and fails on odd ones. TIFF comes turned.
    if len(source.info.get("exif", b"")) > MAX_EXIF:
        return picture.copy()
    try:
        turn = _TURNS.get(source.getexif().get(Tag.Orientation))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        turn = None
    return picture.copy() if turn is None else picture.transpose(turn)


class _AsksTheThread(type):
    def __subclasscheck__(cls, category: type) -> bool:
        return getattr(_this_thread, "decodes", False)


class _WarningOfADecode(Warning, metaclass=_AsksTheThread):
    """To a warnings filter, every warning of a thread that decodes a picture, and none of any other thread."""


@contextmanager
def _quiet() -> Iterator[None]:
    # Pillow warns of odd metadata in good pictures, and raises where warnings are errors. ``catch_warnings`` would swap
    # the filters under other threads; this one filter is put first and stays, and concerns nobody else.
    if [entry[2] for entry in warnings.filters[:1]] != [_WarningOfADecode]:
        warnings.simplefilter("ignore", _WarningOfADecode)
    _this_thread.decodes = True
    try:
        yield
    finally:
        _this_thread.decodes = False

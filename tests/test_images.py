"""Bytes to picture, picture to view, view to tensor: what is accepted, what is refused and how, and true colours."""

import contextlib
import io
import struct
import threading
import tracemalloc
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageFile, PngImagePlugin
from torchvision.transforms.v2 import functional as oracle

from tests.pictures import FILES, chunk, encoded, grey_tiff, png, scene, tiff
from zfnet import decoding, images
from zfnet.decoding import decode_image
from zfnet.errors import InvalidImageError, SelectionError
from zfnet.images import as_view, crop, crop_box, digest, to_pixels, to_tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VIEW = (224, 224)


def with_second_frame(form: str) -> bytes:
    other = Image.new("RGB", (120, 80), "black")
    return encoded(
        scene(), form, save_all=True, append_images=[other], **({"lossless": True} if form == "WEBP" else {})
    )


def refused(data: bytes) -> InvalidImageError:
    with pytest.raises(InvalidImageError) as caught:
        decode_image(data)
    error = caught.value
    assert str(error) == decoding.REASONS[error.reason].format(**error.values)
    return error


def mean_difference(first: Image.Image, second: Image.Image) -> float:
    assert (first.mode, first.size) == (second.mode, second.size)
    return float(np.abs(np.asarray(first).astype(float) - np.asarray(second)).mean())


def difference(first: Image.Image, second: Image.Image) -> int:
    assert (first.mode, first.size) == (second.mode, second.size)
    return int(np.abs(np.asarray(first).astype(int) - np.asarray(second).astype(int)).max())


# --- What is accepted -------------------------------------------------------------------------------------------------


def test_every_format_has_a_sample_here() -> None:
    assert {name.split()[0] for name in FILES} - {"BigTIFF"} == set(decoding.FORMATS)


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_back_its_picture_as_plain_rgb(name: str) -> None:
    picture = decode_image(FILES[name])
    assert type(picture) is Image.Image
    assert (picture.mode, picture.size, picture.info) == ("RGB", (120, 80), {})
    original = scene().convert("L").convert("RGB") if "grey" in name else scene()
    error = np.abs(np.asarray(picture).astype(float) - np.asarray(original)).mean()
    lossless = name in ("PNG", "BMP", "TIFF", "BigTIFF", "TIFF lzw", "TIFF deflate", "TIFF grey") or "WEBP " in name
    assert error == 0 if lossless else error < 8


def two_colours(mode: str, left: object, right: object) -> Image.Image:
    picture = Image.new(mode, (40, 40), left)
    picture.paste(right, (20, 0, 40, 40))
    return picture


def palette(mode: str = "P", left: object = 1, right: object = 2) -> Image.Image:
    picture = Image.new(mode, (40, 40))
    picture.putpalette([0, 0, 0, 200, 100, 50, 10, 20, 30])
    picture.paste(left, (0, 0, 20, 40))
    picture.paste(right, (20, 0, 40, 40))
    return picture


def lab(form: str) -> bytes:
    return encoded(two_colours("RGB", (200, 100, 50), (20, 60, 220)).convert("LAB"), form)


def floats(left: float, right: float) -> bytes:
    values = np.full((40, 40), left, np.float32)
    values[:, 20:] = right
    values[0, 0] = np.nan
    return encoded(Image.fromarray(values), "TIFF")


ORANGE, BLUE = (200, 100, 50), (20, 60, 220)
COLOURS: dict[str, tuple[bytes, tuple[int, int, int], tuple[int, int, int]]] = {
    "grey": (encoded(two_colours("L", 77, 250), "PNG"), (77,) * 3, (250,) * 3),
    "1 bit": (encoded(two_colours("1", 0, 255), "PNG"), (0,) * 3, (255,) * 3),
    "1 bit TIFF": (encoded(two_colours("1", 0, 255), "TIFF", compression="group4"), (0,) * 3, (255,) * 3),
    "LA on white": (encoded(two_colours("LA", (0, 64), (10, 255)), "PNG"), (191,) * 3, (10,) * 3),
    "RGBA on white": (
        encoded(two_colours("RGBA", (200, 0, 0, 0), (255, 0, 0, 51)), "PNG"),
        (255,) * 3,
        (255, 204, 204),
    ),
    "RGBA TIFF": (encoded(two_colours("RGBA", (200, 0, 0, 0), (*BLUE, 255)), "TIFF"), (255,) * 3, BLUE),
    "PA TIFF": (encoded(palette("PA", (1, 255), (2, 0)), "TIFF"), ORANGE, (255,) * 3),
    "palette": (encoded(palette(), "PNG", transparency=None), ORANGE, (10, 20, 30)),
    "palette, one colour transparent": (encoded(palette(), "PNG", transparency=2), ORANGE, (255,) * 3),
    "palette with alphas": (encoded(palette(), "PNG", transparency=bytes([255, 0, 51])), (255,) * 3, (206, 208, 210)),
    "transparent GIF": (encoded(two_colours("P", 1, 2), "GIF", transparency=1), (255,) * 3, (2,) * 3),
    "grey, one level transparent": (encoded(two_colours("L", 77, 250), "PNG", transparency=77), (255,) * 3, (250,) * 3),
    "RGB, one colour transparent": (
        encoded(two_colours("RGB", ORANGE, BLUE), "PNG", transparency=BLUE),
        ORANGE,
        (255,) * 3,
    ),
    "2 bit, one level transparent": (
        png(2, 0, b"\x55" * 5 + b"\xaa" * 5, chunk(b"tRNS", b"\0\1")),
        (255,) * 3,
        (170,) * 3,
    ),
    "16 bit RGB": (
        png(16, 2, bytes.fromhex("8040 1234 ffff") * 20 + bytes.fromhex("0100 fe00 00ff") * 20),
        (128, 18, 255),
        (1, 254, 0),
    ),
    "16 bit RGB, one colour transparent": (
        png(16, 2, bytes.fromhex("8040 1234 ffff") * 20 + bytes(120), chunk(b"tRNS", bytes.fromhex("80401234ffff"))),
        (255,) * 3,
        (0,) * 3,
    ),
    "16 bit grey PNG": (png(16, 0, b"\x80\x00" * 20 + b"\xff\xff" * 20), (128,) * 3, (255,) * 3),
    "16 bit grey, little-endian": (grey_tiff(16, 1, (b"\x01\x01" * 20 + b"\x00\x80" * 20) * 40), (1,) * 3, (128,) * 3),
    "16 bit grey, big-endian": (
        encoded(Image.frombytes("I;16B", (40, 40), (b"\x01\x01" * 20 + b"\x80\x00" * 20) * 40), "TIFF"),
        (1,) * 3,
        (128,) * 3,
    ),
    "16 bit grey, white is zero": (grey_tiff(16, 0, (b"\0\0" * 20 + b"\xff\xff" * 20) * 40), (255,) * 3, (0,) * 3),
    "12 bit grey": (grey_tiff(12, 1, (b"\x80\x08\x00" * 10 + b"\xff\xff\xff" * 10) * 40), (128,) * 3, (255,) * 3),
    "signed 16 bit": (grey_tiff(16, 1, (b"\xf6\xff" * 20 + b"\x0a\x00" * 20) * 40, t339=2), (0,) * 3, (255,) * 3),
    "32 bit": (encoded(two_colours("I", -1000, 70000), "TIFF"), (0,) * 3, (255,) * 3),
    "floating point, one hole": (floats(-2.5, 1e30), (0,) * 3, (255,) * 3),
    "floating point, constant": (floats(0.25, 0.25), (128,) * 3, (128,) * 3),
    "CMYK JPEG, inverted as Adobe does": (
        encoded(two_colours("RGB", ORANGE, BLUE).convert("CMYK"), "JPEG", quality=100, subsampling=0),
        ORANGE,
        BLUE,
    ),
    "CMYK TIFF": (encoded(two_colours("CMYK", (0, 255, 255, 0), (255, 0, 0, 51)), "TIFF"), (255, 0, 0), (0, 204, 204)),
    "YCbCr TIFF": (encoded(two_colours("RGB", ORANGE, BLUE).convert("YCbCr"), "TIFF"), ORANGE, BLUE),
    "YCbCr TIFF in JPEG": (
        encoded(two_colours("RGB", ORANGE, BLUE), "TIFF", compression="jpeg", quality=100),
        ORANGE,
        BLUE,
    ),
    "LAB TIFF": (lab("TIFF"), ORANGE, BLUE),
    "32 bit BMP without alpha": (encoded(two_colours("RGBA", (*ORANGE, 255), (*BLUE, 255)), "BMP"), ORANGE, BLUE),
}


@pytest.mark.parametrize("name", COLOURS)
def test_known_pixels_have_their_colour_in_every_mode(name: str) -> None:
    data, left, right = COLOURS[name]
    picture = decode_image(data)
    assert (picture.mode, picture.size) == ("RGB", (40, 40))
    for x, expected in ((5, left), (35, right)):
        assert np.abs(np.subtract(picture.getpixel((x, 30)), expected)).max() <= 2, picture.getpixel((x, 30))


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "TIFF tiff_lzw"])
def test_every_exif_orientation_comes_out_upright(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    form, *compression = form.split()
    options = {"compression": compression[0]} if compression else {"quality": 100} if form != "TIFF" else {}
    data = encoded(scene(), form, exif=exif, **options)
    expected = Image.fromarray(np.ascontiguousarray(UPRIGHT[orientation](np.asarray(scene()))))
    upright = decode_image(data)
    assert upright.size == ((80, 120) if orientation > 4 else (120, 80))
    assert np.abs(np.asarray(upright).astype(float) - np.asarray(expected)).mean() < 4


def test_a_large_turned_picture_with_alpha_is_shrunk_and_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = scene(2200, 1400).convert("RGBA")
    picture.putalpha(128)
    upright = decode_image(encoded(picture, "PNG", exif=exif, compress_level=1))
    assert upright.size == (700, 1100)
    assert upright.getpixel((690, 10)) == (255, 255, 255)
    assert upright.getpixel((10, 1090)) == pytest.approx((255, 255, 195), abs=12)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO"])
def test_only_the_first_frame_is_shown(form: str) -> None:
    error = np.abs(np.asarray(decode_image(with_second_frame(form))).astype(float) - np.asarray(scene())).mean()
    assert error < 8


def test_a_damaged_second_frame_does_not_matter() -> None:
    data = with_second_frame("GIF")
    assert digest(decode_image(data[:-20])) == digest(decode_image(data))


def test_what_follows_a_jpeg_does_not_matter() -> None:
    data = FILES["JPEG"]
    assert digest(decode_image(data + np.random.default_rng(0).bytes(100_000))) == digest(decode_image(data))


ODD_METADATA = {
    "EXIF cut short": encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0\x0f\x01\x02\0\xff\0\0\0\xff\0"),
    "EXIF of garbage": encoded(scene(), "JPEG", exif=b"Exif\0\0" + bytes(range(200))),
    "EXIF in a circle": encoded(
        scene(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 34665, 4, 1, 8) + b"\x08\0\0\0"
    ),
    "EXIF that points outside": encoded(
        scene(), "PNG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 270, 2, 900, 5) + b"\0\0\0\0"
    ),
    "malformed MPO": encoded(scene(), "JPEG", extra=b"\xff\xe2\0\x10MPF\0garbage..."),
    "animation of no frames": FILES["PNG"][:33] + chunk(b"acTL", bytes(8)) + FILES["PNG"][33:],
    "TIFF tag of too many values": tiff(
        {256: 40, 257: 40, 258: 8, 259: 1, 262: 1, 273: -1, 277: 1, 278: 40, 279: 1600}, bytes(1600)
    ).replace(struct.pack("<HHII", 278, 4, 1, 40), struct.pack("<HHHHHH", 278, 3, 2, 0, 40, 40)),
    "TIFF text larger than the file": grey_tiff(8, 1, bytes(1600)).replace(
        struct.pack("<HHII", 277, 4, 1, 1), struct.pack("<HHII", 270, 2, 10**6, 8)
    ),
}


@pytest.mark.parametrize("name", ODD_METADATA)
def test_odd_metadata_neither_warns_nor_spoils_a_good_picture(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(ODD_METADATA[name]).mode == "RGB"


def test_some_of_these_files_would_make_pillow_warn() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in ODD_METADATA.values():
            Image.open(io.BytesIO(data)).getexif()
    assert len({str(warning.message) for warning in caught}) >= 4


def test_silence_is_kept_for_the_decoding_thread_only() -> None:
    raised: list[BaseException] = []

    def warn() -> None:
        try:
            warnings.warn("of another thread", stacklevel=1)
        except UserWarning as warning:
            raised.append(warning)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with decoding._quiet():
            warnings.warn("of this thread", stacklevel=1)
            other = threading.Thread(target=warn)
            other.start()
            other.join()
        with pytest.raises(UserWarning):
            warnings.warn("after decoding", stacklevel=1)
    assert len(raised) == 1


# --- Large pictures ---------------------------------------------------------------------------------------------------


def test_a_large_jpeg_is_decoded_at_a_smaller_scale() -> None:
    data = encoded(scene(3100, 2100), "JPEG", quality=90)
    picture = decode_image(data)
    assert picture.size == (1550, 1050)
    full = Image.open(io.BytesIO(data)).convert("RGB")
    assert mean_difference(crop(picture), crop(full)) < 0.5


@pytest.mark.parametrize(
    ("size", "kept"), [((1343, 1400), (1343, 1400)), ((1344, 1501), (672, 751)), ((2999, 2100), (1000, 700))]
)
def test_a_large_picture_is_reduced_to_no_less_than_the_kept_side(size: tuple[int, int], kept: tuple[int, int]) -> None:
    picture = decode_image(encoded(scene(*size), "PNG", compress_level=1))
    assert picture.size == kept
    assert min(picture.size) >= decoding.KEPT_SIDE
    assert mean_difference(crop(picture), crop(scene(*size))) < 0.5


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "F"])
def test_large_pictures_of_every_kind_are_reduced(mode: str) -> None:
    grey = two_colours("L", 0, 200).resize((1500, 1400), Image.Resampling.NEAREST)
    source = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    assert decode_image(encoded(source, "TIFF", compression="tiff_lzw")).size == (750, 700)


def test_no_more_files_are_decoded_at_once_than_there_are_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most, lock, first = 0, 0, threading.Lock(), threading.Barrier(decoding.DECODERS)

    def decode(name: str, data: bytes) -> Image.Image:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        first.wait(5)
        with lock:
            inside -= 1
        return scene()

    monkeypatch.setattr(decoding, "_decode", decode)
    threads = [threading.Thread(target=decode_image, args=(FILES["PNG"],)) for _ in range(3 * decoding.DECODERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == decoding.DECODERS


# --- What is refused --------------------------------------------------------------------------------------------------

HEIC = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(200)
REFUSALS = {
    "empty": (b"", {"limit": 20971520}, "1 to 20,971,520 bytes"),
    "too_many_bytes": (
        b"\xff\xd8\xff" + bytes(20 * 2**20 - 2),
        {"bytes": 20971521},
        "20,971,521 bytes; at most 20,971,520",
    ),
    "not_a_picture": (
        b"%PDF-1.7 ...",
        {"formats": ", ".join(decoding.FORMATS)},
        "JPEG, PNG, WEBP, AVIF, BMP, GIF, TIFF",
    ),
    "heic": (HEIC, {"brand": "heic"}, "Save it as JPEG or PNG"),
    "truncated": (FILES["PNG"][:500], {"format": "PNG", "bytes": 500}, "PNG file of 500 bytes ends"),
    "broken": (FILES["PNG"][:60] + bytes(50) + FILES["PNG"][110:], {"format": "PNG"}, "PNG file is damaged"),
    "too_many_pixels": (
        FILES["PNG"][:16]
        + struct.pack(">II", 8001, 8000)
        + b"\x08\x02\0\0\0"
        + struct.pack(">I", zlib.crc32(b"IHDR" + struct.pack(">II", 8001, 8000) + b"\x08\x02\0\0\0"))
        + FILES["PNG"][33:],
        {"width": 8001, "height": 8000, "pixels": 64_008_000, "limit": 64_000_000},
        "8001 x 8000, 64,008,000 pixels",
    ),
    "too_small": (
        encoded(scene(100, 31), "PNG"),
        {"width": 100, "height": 31, "limit": 32},
        "100 x 31; each side needs",
    ),
    "too_elongated": (
        encoded(scene(32, 656), "PNG"),
        {"width": 32, "height": 656, "ratio": 20.5, "limit": 20},
        "20.5 times",
    ),
}


def test_every_reason_has_a_case_here() -> None:
    assert set(REFUSALS) == set(decoding.REASONS)


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_refusal_says_what_came_and_what_is_allowed(reason: str) -> None:
    data, values, phrase = REFUSALS[reason]
    error = refused(data)
    assert error.reason == reason
    assert values.items() <= error.values.items()
    assert phrase in str(error)


def test_the_bounds_themselves_are_allowed() -> None:
    assert decode_image(encoded(scene(32, 640), "PNG")).size == (32, 640)
    assert decode_image(encoded(scene(640, 32), "PNG")).size == (640, 32)
    padded = FILES["BMP"] + bytes(decoding.MAX_BYTES - len(FILES["BMP"]))
    assert decode_image(padded).size == (120, 80)


@pytest.mark.parametrize(
    "data",
    [b"\0", b"BM", b"BMW builds cars", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF", b"RIFF\0\0\0\0WAVEfmt ",
     b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", b"\0\0\1\0\1\0\x20\x20", b"8BPS\0\1", b"P6 40 40 255 ", bytes(5000),
     np.random.default_rng(1).bytes(5000)],
)  # fmt: skip
def test_other_files_are_not_pictures(data: bytes) -> None:
    assert refused(data).reason == "not_a_picture"


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"hevc", b"hevx", b"mif1", b"msf1"])
def test_heif_is_named_with_its_brand(brand: bytes) -> None:
    error = refused(HEIC.replace(b"ftypheic", b"ftyp" + brand))
    assert (error.reason, error.values["brand"]) == ("heic", brand.decode())


def test_an_avif_file_under_a_general_heif_brand_is_read() -> None:
    data = FILES["AVIF"]
    assert data[4:12] == b"ftypavif"
    assert digest(decode_image(data[:8] + b"mif1" + data[12:])) == digest(decode_image(data))


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_refused_unless_every_pixel_is_there(name: str) -> None:
    data, whole = FILES[name], digest(decode_image(FILES[name]))
    lengths = {*range(1, 60), *range(60, len(data), max(1, len(data) // 60)), *range(len(data) - 30, len(data))}
    reasons = set()
    for length in sorted(lengths):
        try:
            picture = decode_image(data[:length])
        except InvalidImageError as error:
            reasons.add(error.reason if length >= 24 or error.reason != "not_a_picture" else "too short to tell")
        else:
            assert digest(picture) == whole
            assert len(data) - length <= 8  # no more than a closing mark is missing
    assert reasons <= {"truncated", "broken", "too short to tell"}
    assert "truncated" in reasons
    if not name.startswith(("TIFF", "BigTIFF", "AVIF")):  # those often say too little to tell a cut from damage
        assert "broken" not in reasons


@pytest.mark.parametrize("name", ["JPEG", "JPEG progressive", "PNG", "PNG palette"])
def test_a_file_without_its_closing_mark_is_refused(name: str) -> None:
    assert refused(FILES[name][:-1]).reason == "truncated"


SIDE = 30_000
BOMBS = {
    "PNG": png(8, 2, bytes(120), side=40)[:8]
    + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) + FILES["PNG"][33:],
    "GIF": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + FILES["GIF"][10:],
    "BMP": FILES["BMP"][:18] + struct.pack("<ii", SIDE, -SIDE) + FILES["BMP"][26:],
    "TIFF": grey_tiff(8, 1, bytes(1600), t256=SIDE, t257=SIDE),
    "BigTIFF": FILES["BigTIFF"].replace(struct.pack("<HHQQ", 256, 4, 1, 120), struct.pack("<HHQQ", 256, 4, 1, SIDE))
    .replace(struct.pack("<HHQQ", 257, 4, 1, 80), struct.pack("<HHQQ", 257, 4, 1, SIDE)),
    "JPEG": FILES["JPEG"].replace(struct.pack(">HH", 80, 120), struct.pack(">HH", SIDE, SIDE)),
    "WEBP, extended": b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + (SIDE - 1).to_bytes(3, "little") * 2 + bytes(30),
    "WEBP, lossy": FILES["WEBP"][:26] + struct.pack("<HH", 16383, 16383) + FILES["WEBP"][30:],
    "WEBP, lossless": FILES["WEBP lossless"][:21] + struct.pack("<I", 0x0FFFFFFF) + FILES["WEBP lossless"][25:],
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_header_that_claims_too_many_pixels_is_refused_before_decoding(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    monkeypatch.setattr(Image.core, "new", fail)
    monkeypatch.setattr("PIL._webp.WebPAnimDecoder", fail)
    tracemalloc.start()
    try:
        error = refused(BOMBS[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    side = {"WEBP, lossy": 16383, "WEBP, lossless": 16384}.get(name, SIDE)
    assert error.reason == "too_many_pixels"
    assert (error.values["width"], error.values["height"], error.values["pixels"]) == (side, side, side * side)
    assert peak < 500_000


def test_a_picture_between_our_bound_and_pillows_is_refused_without_a_warning() -> None:
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0))
        + FILES["PNG"][33:]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refused(data).reason == "too_many_pixels"


def run_length_bmp(width: int, height: int) -> bytes:
    rows = b"\x01\x05\0\0" * height + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    colours = b"".join(bytes((level, 0, level, 0)) for level in range(256))
    return b"BM" + struct.pack("<IHHI", 1078 + len(rows), 0, 0, 1078) + header + colours + rows


def test_run_length_bmp_has_a_bound_of_its_own_because_it_is_slow() -> None:
    assert decode_image(run_length_bmp(60, 40)).getpixel((0, 20)) == (5, 0, 5)
    error = refused(run_length_bmp(3000, 1500))
    assert (error.reason, error.values["limit"]) == ("too_many_pixels", decoding.MAX_RLE_PIXELS)


def test_a_progressive_jpeg_of_endless_scans_is_refused() -> None:
    data = FILES["JPEG progressive"]
    last = data.rindex(b"\xff\xda")
    assert decode_image(data[:-2] + data[last:-2] * 20 + data[-2:]).size == (120, 80)
    assert refused(data[:-2] + data[last:-2] * 120 + data[-2:]).reason == "broken"


def test_a_small_tiff_of_one_huge_tile_is_refused() -> None:
    body = zlib.compress(bytes(10_000))
    tags = {256: 100, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1, 322: 46_000, 323: 46_000, 324: -1, 325: len(body)}
    assert refused(tiff(tags, body)).reason == "broken"


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000)))],
        [chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(50_000_000)))],
        [chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(50_000_000)))],
        [chunk(b"tEXt", b"k%d\0" % n + bytes(999_000)) for n in range(19)] + [chunk(b"zTXt", b"k\0\x07")],
        [chunk(b"tEXt", b"transparency\0red")],
        [chunk(b"tRNS", b"\0")],
        [chunk(b"gAMA", b"")],
    ],
)
def test_hostile_png_chunks_are_refused(chunks: list[bytes]) -> None:
    assert refused(FILES["PNG"][:33] + b"".join(chunks) + FILES["PNG"][33:]).reason in ("broken", "truncated")


@pytest.mark.parametrize(
    "error",
    [ValueError, OSError, SyntaxError, struct.error, MemoryError, OverflowError, KeyError, TypeError, IndexError,
     AttributeError, zlib.error, EOFError, RecursionError, NotImplementedError, ZeroDivisionError, UnicodeError,
     Image.DecompressionBombError],
)  # fmt: skip
def test_whatever_pillow_throws_becomes_a_refusal(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: object) -> None:
        raise error("from the depths")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    assert isinstance(refused(FILES["PNG"]).__cause__, error)


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_give_a_picture_or_a_refusal(name: str) -> None:
    data, random = np.frombuffer(FILES[name], np.uint8), np.random.default_rng(len(name))
    outcomes = set()
    for _ in range(200):
        mutant = data.copy()
        reach = len(data) if random.random() < 0.5 else min(len(data), 200)  # the header deserves more
        places = random.integers(4, reach, random.integers(1, 6))
        mutant[places] = random.choice([0, 1, 127, 128, 255, *random.integers(0, 256, 5)], len(places))
        if random.random() < 0.2:
            start, length = random.integers(4, len(data)), random.integers(1, 40)
            mutant = np.concatenate((mutant[:start], mutant[start + length :], mutant[start : start + length]))
        try:
            picture = decode_image(mutant.tobytes())
            assert (picture.mode, type(picture)) == ("RGB", Image.Image)
            outcomes.add("picture")
        except InvalidImageError as error:
            outcomes.add(error.reason)
    assert len(outcomes) > 1


def test_nothing_global_changes_in_pillow() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK, PngImagePlugin.MAX_TEXT_CHUNK
    for data in [*FILES.values(), *BOMBS.values(), FILES["PNG"][:300], b""]:
        with contextlib.suppress(InvalidImageError):
            decode_image(data)
    after = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK, PngImagePlugin.MAX_TEXT_CHUNK
    assert before == after
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


# --- The view ---------------------------------------------------------------------------------------------------------

SIZES = [
    (300, 200),
    (200, 301),
    (641, 480),
    (224, 300),
    (301, 224),
    (225, 224),
    (1000, 333),
    (97, 61),
    (32, 640),
    (500, 500),
]


@pytest.mark.parametrize("size", SIZES)
def test_the_centre_crop_is_torchvisions(size: tuple[int, int]) -> None:
    picture = scene(*size)
    view = crop(picture)
    assert (view.mode, view.size) == ("RGB", VIEW)
    assert difference(view, oracle.center_crop(oracle.resize(picture, [224], antialias=True), [224])) <= 1
    pixels = oracle.center_crop(oracle.resize(oracle.pil_to_tensor(picture), [224], antialias=True), [224])
    assert difference(view, oracle.to_pil_image(pixels)) <= 2


@pytest.mark.parametrize("size", SIZES)
def test_a_moved_crop_reaches_both_ends_and_passes_the_centre(size: tuple[int, int]) -> None:
    picture = scene(*size)
    resized = oracle.resize(picture, [224], antialias=True)
    width, height = resized.size
    assert difference(crop(picture, "move", offset=0), resized.crop((0, 0, 224, 224))) <= 1
    assert difference(crop(picture, "move", offset=1), resized.crop((width - 224, height - 224, width, height))) <= 1
    assert difference(crop(picture, "move", offset=0.5), crop(picture)) == 0


def test_the_offset_concerns_only_the_moved_crop() -> None:
    assert difference(crop(scene(300, 200), "centre", offset=0.9), crop(scene(300, 200))) == 0
    assert difference(crop(scene(300, 200), "fit", offset=0.9), crop(scene(300, 200), "fit")) == 0


@pytest.mark.parametrize(
    ("size", "inner"), [((300, 200), (0, 37, 224, 186)), ((100, 400), (84, 0, 140, 224)), ((90, 90), (0, 0, 224, 224))]
)
def test_fit_shows_the_whole_picture_on_the_mean_colour(
    size: tuple[int, int], inner: tuple[int, int, int, int]
) -> None:
    view = crop(scene(*size), "fit")
    whole = oracle.resize(scene(*size), [inner[3] - inner[1], inner[2] - inner[0]], antialias=True)
    assert view.size == VIEW
    assert difference(view.crop(inner), whole) <= 1
    outside = np.ones((224, 224), bool)
    outside[inner[1] : inner[3], inner[0] : inner[2]] = False
    assert (np.asarray(view)[outside] == [124, 116, 104]).all()
    assert tuple(round(255 * mean) for mean in MEAN) == images.PAD_COLOUR
    assert np.abs(to_tensor(view, MEAN, STD).numpy()[0][:, outside]).max(initial=0) < 0.01


def test_a_view_is_its_own_crop_in_every_mode() -> None:
    view = crop(scene(300, 200))
    for mode in images.CROP_MODES:
        assert crop(view, mode).tobytes() == view.tobytes()


def test_a_picture_of_the_right_height_is_only_cut() -> None:
    assert crop(scene(301, 224)).tobytes() == scene(301, 224).crop((38, 0, 262, 224)).tobytes()


def test_other_modes_are_cropped_as_their_rgb_on_white() -> None:
    picture = scene(300, 200).convert("RGBA")
    picture.putalpha(0)
    assert crop(picture).getpixel((100, 100)) == (255, 255, 255)
    assert crop(scene(300, 200).convert("L"), "fit").mode == "RGB"


@pytest.mark.parametrize(
    ("size", "mode", "offset", "box"),
    [
        ((300, 200), "centre", 0.5, (50, 0, 250, 200)),
        ((200, 300), "centre", 0.5, (0, 50, 200, 250)),
        ((448, 224), "move", 0.0, (0, 0, 224, 224)),
        ((448, 224), "move", 1.0, (224, 0, 448, 224)),
        ((224, 448), "move", 0.25, (0, 56, 224, 280)),
        ((300, 200), "fit", 0.5, (0, -50, 300, 250)),
        ((200, 300), "fit", 0.5, (-50, 0, 250, 300)),
        ((500, 500), "centre", 0.5, (0, 0, 500, 500)),
    ],
)
def test_the_crop_box_is_the_shown_square_in_picture_pixels(
    size: tuple[int, int], mode: str, offset: float, box: tuple[int, int, int, int]
) -> None:
    assert crop_box(size, mode, offset) == pytest.approx(box, abs=max(size) / 224)


def test_the_crop_box_never_leaves_the_picture_except_to_fit() -> None:
    random = np.random.default_rng(0)
    for size in random.integers(32, 5000, (3000, 2)).tolist():
        left, top, right, bottom = crop_box((size[0], size[1]), "move", float(random.choice([0, 1, random.random()])))
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert right - left == pytest.approx(bottom - top, rel=0.01)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(SelectionError, match="crop modes are centre, fit, move, got 'middle'"):
        crop(scene(), "middle")
    with pytest.raises(SelectionError, match="crop modes are"):
        crop_box((300, 200), "", 0.5)


@pytest.mark.parametrize("offset", [-0.01, 1.01, float("nan"), float("inf")])
def test_an_offset_outside_of_0_to_1_is_named(offset: float) -> None:
    with pytest.raises(SelectionError, match=f"0 .left, top. to 1 .right, bottom., got {offset}"):
        crop(scene(), "move", offset=offset)


def test_as_view_returns_a_view_itself_and_crops_the_rest() -> None:
    view = crop(scene(300, 200))
    assert as_view(view) is view
    assert as_view(scene(300, 200)).tobytes() == view.tobytes()
    assert as_view(view.convert("L")).mode == "RGB"


# --- The tensor -------------------------------------------------------------------------------------------------------


def test_the_tensor_is_torchvisions() -> None:
    view = crop(scene(300, 200))
    tensor = to_tensor(view, MEAN, STD)
    expected = oracle.normalize(oracle.to_dtype(oracle.pil_to_tensor(view), torch.float32, scale=True), MEAN, STD)
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == ((1, 3, 224, 224), torch.float32, True)
    torch.testing.assert_close(tensor[0], expected, rtol=0, atol=1e-6)
    assert torch.equal(to_tensor(scene(300, 200), MEAN, STD), tensor)


def test_every_level_of_every_channel_survives_the_round_trip() -> None:
    levels = np.random.default_rng(0).permuted(np.tile(np.arange(256, dtype=np.uint8), (3, 196)), axis=1)
    pixels = np.ascontiguousarray(levels.reshape(3, 224, 224).transpose(1, 2, 0))
    back = to_pixels(to_tensor(Image.fromarray(pixels), MEAN, STD), MEAN, STD)
    assert (back.dtype, back.shape, back.flags.c_contiguous) == (np.uint8, (224, 224, 3), True)
    assert (back == pixels).all()


def test_values_beyond_black_and_white_are_clipped() -> None:
    values = torch.tensor([-9.0, 0.0, 9.0]).expand(3, 2, 3)
    back = to_pixels(values.requires_grad_(), MEAN, STD)
    assert back.shape == (2, 3, 3)
    assert back[0].tolist() == [[0, 0, 0], [124, 116, 104], [255, 255, 255]]


def test_nothing_is_changed_by_looking() -> None:
    picture, tensor = scene(300, 200), torch.zeros(1, 3, 224, 224)
    before = picture.tobytes()
    for mode in images.CROP_MODES:
        crop(picture, mode)
    to_tensor(picture, MEAN, STD)
    to_pixels(tensor, MEAN, STD)
    digest(picture)
    assert picture.tobytes() == before
    assert not tensor.any()


# --- The digest -------------------------------------------------------------------------------------------------------


def test_a_digest_is_of_pixels_and_size_not_of_the_file() -> None:
    assert digest(decode_image(FILES["PNG"])) == digest(decode_image(FILES["BMP"])) == digest(scene())
    assert len(digest(scene())) == 64
    flat = [Image.new("RGB", size, "red") for size in ((40, 60), (60, 40), (400, 6))]
    assert len({digest(picture) for picture in flat}) == 3
    changed = scene()
    changed.putpixel((119, 79), (0, 0, 0))
    assert digest(changed) != digest(scene())


def test_a_digest_of_another_mode_is_that_of_its_rgb() -> None:
    assert digest(scene().convert("L")) == digest(scene().convert("L").convert("RGB"))

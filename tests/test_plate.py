"""Letters in pictures, and the sheet with title, scale and caption: all is drawn, nothing is an empty box."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pages.shared.pictures import samples
from pages.shared.texts import LANGUAGES, catalogue
from zfnet import SelectionError, render
from zfnet.labels import imagenet_labels
from zfnet.lettering import FONT, font, legible
from zfnet.plate import Scale, plate

SYLLABLES = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
SCALE = Scale("viridis", 0, 3.25, "activation")
DIVERGING = Scale("diverging", -2, 2, "value")
TINY = np.random.default_rng(0).integers(0, 256, (14, 14, 3), np.uint8)
WIDE = np.random.default_rng(1).integers(0, 256, (170, 1120, 3), np.uint8)


def drawn(character: str) -> bytes:
    return bytes(font(24).getmask(character))


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def rows_of(sheet: np.ndarray, line: np.ndarray) -> list[int]:
    """Return the rows of a sheet in which a line of pixels (W, 3) stands, wherever in the row."""
    found = []
    for row, pixels in enumerate(sheet):
        starts = np.flatnonzero((pixels[: len(pixels) - len(line) + 1] == line[0]).all(1))
        found += [row for start in starts if (pixels[start : start + len(line)] == line).all()]
    return found


def bar(colormap: str, width: int) -> np.ndarray:
    return render.palette(colormap).repeat(width // 256, 0)


def ink(pixels: np.ndarray) -> int:
    """Count the pixels that are darker than paper and without colour, as letters are."""
    return int(((pixels.max(2) < 200) & (np.ptp(pixels.astype(int), 2) < 8)).sum())


def test_the_font_has_every_syllable_with_a_shape_of_its_own() -> None:
    absent = drawn("\ue000")
    assert len(SYLLABLES) == 11_172
    assert [s for s in SYLLABLES if drawn(s) == absent or not any(drawn(s))] == []
    assert len({drawn(s) for s in SYLLABLES}) > 11_000


def test_the_font_comes_with_its_licence() -> None:
    assert "SIL OPEN FONT LICENSE" in (FONT.parent / "OFL.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_can_come_into_a_picture_stays_as_it_is_but_for_a_few_signs(language: str) -> None:
    labels = imagenet_labels()
    names = [labels.name(i, language) for i in range(1000)] + [s.title(language) for s in samples().values()]
    said = set("".join([*catalogue(language).values(), *names])) - {"\n"}
    assert {one for one in said if legible(one) != one} <= set("−▸⌊⌋")
    assert "?" not in legible("".join(said - {"?"}))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("−1.5", "–1.5"),
        ("Café", "Café"),
        ("ắ", "a"),
        ("\u1112\u1161\u11ab글", "한글"),
        ("a\n\tb", "a  b"),
        ("🙂", "?"),
        ("x\u200b\u0000\u0302y", "xy"),
        ("<script>", "<script>"),
    ],
)
def test_what_the_font_lacks_is_replaced(given: str, written: str) -> None:
    assert legible(given) == written
    assert all(drawn(one) != drawn("\ue000") for one in written if one != " ")


@pytest.mark.parametrize("pixels", [TINY, WIDE])
def test_a_picture_is_enlarged_by_a_whole_factor_or_stays_as_it_is(pixels: np.ndarray) -> None:
    sheet = opened(plate(pixels))
    shown = render.enlarge(pixels, 512)
    assert len(rows_of(sheet, shown[0])) == max(1, 512 // max(pixels.shape))
    assert len(rows_of(sheet, shown[-1])) == max(1, 512 // max(pixels.shape))


def test_encoded_pictures_and_pixels_give_the_same() -> None:
    assert plate(render.encode_png(TINY)) == plate(TINY)
    levels = render.levels(np.linspace(0, 1, 196, dtype=np.float32).reshape(14, 14))
    assert plate(render.encode_png(levels, "viridis")) == plate(render.palette("viridis")[levels])


@pytest.mark.parametrize("colormap", render.COLORMAPS)
@pytest.mark.parametrize("pixels", [TINY, WIDE])
def test_a_scale_has_all_colours_in_their_order(pixels: np.ndarray, colormap: str) -> None:
    sheet = opened(plate(pixels, scale=Scale(colormap, 0, 1, "")))
    assert len(rows_of(sheet, bar(colormap, max(512, pixels.shape[1])))) >= 17


def test_both_ends_are_written_below_the_scale() -> None:
    one, other = (opened(plate(TINY, scale=Scale("viridis", low, 3.25, ""))) for low in (0, 1))
    last = rows_of(one, bar("viridis", 512))[-1]
    changed = np.flatnonzero((one != other).any((0, 2)))
    below = one[last + 1 :]
    assert ink(below[:, : len(below[0]) // 3]) > 20
    assert ink(below[:, -len(below[0]) // 3 :]) > 20
    # Another low end changes the number at the left, and nothing else.
    assert (one[: last + 1] == other[: last + 1]).all()
    assert changed.size
    assert changed.max() < len(below[0]) // 4


def test_a_scale_through_zero_has_a_tick_where_zero_is() -> None:
    for low, high in ((-2.0, 2.0), (-1.0, 3.0)):
        sheet = opened(plate(TINY, scale=Scale("diverging", low, high, "")))
        row = rows_of(sheet, bar("diverging", 512))[-1] + 1
        first, middle, last = np.flatnonzero(sheet[row].max(1) < 64).tolist()
        assert last - first == 511
        assert abs(middle - first + low / (high - low) * 511) <= 0.5


def test_a_zero_that_would_be_written_over_an_end_is_left_out() -> None:
    sheet = opened(plate(TINY, scale=Scale("diverging", -0.001, 2.0, "")))
    row = rows_of(sheet, bar("diverging", 512))[-1] + 1
    assert (sheet[row].max(1) < 64).sum() == 2


@pytest.mark.parametrize(
    ("ends", "written"),
    [((-0.0, 3.21415), ("0", "3.214")), ((-0.00123, 0.00123), ("−0.00123", "0.00123")), ((0, 0), ("0", "0"))],
)
def test_ends_are_told_to_four_digits(ends: tuple[float, float], written: tuple[str, str]) -> None:
    assert Scale("viridis", *ends, "").ends == written


@pytest.mark.parametrize("words", ["A caption, in English.", "한국어로 쓴 설명입니다."])
@pytest.mark.parametrize("place", ["title", "caption", "provenance"])
def test_words_are_written_and_make_the_sheet_longer(place: str, words: str) -> None:
    bare, said = opened(plate(TINY)), opened(plate(TINY, **{place: words}))
    assert len(said) > len(bare)
    assert said.shape[1] == bare.shape[1]
    assert ink(said) - ink(bare) > 100


@pytest.mark.parametrize("caption", ["word " * 200, "가나다라마바사" * 60, "x" * 400])
def test_a_long_caption_stays_within_its_margins(caption: str) -> None:
    sheet = opened(plate(TINY, caption=caption))
    assert sheet.shape[1] == opened(plate(TINY)).shape[1]
    assert (sheet[:, :20] == 255).all()
    assert (sheet[:, -20:] == 255).all()


def test_the_same_gives_the_same_bytes_and_another_word_others() -> None:
    whole: dict[str, Any] = {
        "title": "제목",
        "caption": "설명",
        "scale": SCALE,
        "provenance": "x",
        "metadata": {"k": "v"},
    }
    assert plate(TINY, **whole) == plate(TINY, **whole)
    for change in ({"title": "제목들"}, {"scale": DIVERGING}, {"metadata": {"k": "w"}}):
        assert plate(TINY, **whole | change) != plate(TINY, **whole)


def test_text_chunks_hold_the_metadata() -> None:
    said = {"Description": "설명 é", "zfnet:version": "0.1.0"}
    assert Image.open(io.BytesIO(plate(TINY, metadata=said))).info == said


def test_an_unknown_colour_map_is_named() -> None:
    with pytest.raises(SelectionError, match="'jet'"):
        plate(TINY, scale=Scale("jet", 0, 1, ""))

"""A picture as it stands in a printed book: its title, its scale and its caption on one white sheet.

The sheet tells by itself what is seen: the colours' two ends as numbers, in words what is measured, and where the
picture comes from. What a program may ask for later is in the text chunks of the file. The same arguments give the
same bytes.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from zfnet.lettering import font, legible
from zfnet.render import enlarge, palette

_INK, _PALE, _PAPER = "#1f1f1f", "#6b6b6b", "#ffffff"
_FRAME = "#b8b8b8"
# A picture up to half as wide is enlarged; twice the 256 colours of a bar.
_LEAST_WIDTH = 512
_LINE = 1.45


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours of a picture stand for: a colour map of ``render``, its two ends, and what is measured."""

    colormap: str
    low: float
    high: float
    words: str

    @property
    def ends(self) -> tuple[str, str]:
        """Return both ends as they are written everywhere, to four digits."""
        low, high = (f"{end + 0.0:.4g}".replace("-", "−") for end in (self.low, self.high))
        return low, high


def plate(
    picture: bytes | np.ndarray,
    *,
    title: str = "",
    caption: str = "",
    scale: Scale | None = None,
    provenance: str = "",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Set a picture with its words and its scale on a white sheet.

    Args:
        picture: encoded, or uint8 (H, W, 3). A small one is enlarged by repeating pixels.
        title: above the picture; as all words, left out where it is empty, and broken into lines.
        caption: below the picture and its scale.
        scale: what its colours stand for; a scale through zero gets a tick there. None for a photograph.
        provenance: the last line, small.
        metadata: what is written into the file, by keywords of 1 to 79 letters of Latin-1.

    Returns:
        A PNG file.

    Raises:
        SelectionError: for an unknown colour map.
    """
    shown = _framed(_enlarged(picture))
    width = max(shown.width, _LEAST_WIDTH)
    size = max(width // 45, 17)
    strips = [
        _lines(title, width, size * 5 // 4),
        shown,
        _bar(scale, width, size) if scale else None,
        _lines(caption, width, size),
        _lines(provenance, width, size * 4 // 5, _PALE),
    ]
    sheet = _stacked([strip for strip in strips if strip], width, gap=size * 3 // 4, margin=size * 3 // 2)
    chunks, file = PngInfo(), io.BytesIO()
    for keyword, text in (metadata or {}).items():
        chunks.add_text(keyword, text)
    sheet.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def _enlarged(picture: bytes | np.ndarray) -> Image.Image:
    if isinstance(picture, bytes):
        with Image.open(io.BytesIO(picture)) as opened:
            picture = np.asarray(opened.convert("RGB"))
    return Image.fromarray(enlarge(picture, _LEAST_WIDTH))


def _framed(picture: Image.Image) -> Image.Image:
    """Draw a line around a picture: where it is white, it would have no end on white paper."""
    framed = Image.new("RGB", (picture.width + 2, picture.height + 2), _FRAME)
    framed.paste(picture, (1, 1))
    return framed


def _stacked(strips: list[Image.Image], width: int, *, gap: int = 0, margin: int = 0) -> Image.Image:
    height = sum(strip.height + gap for strip in strips) - gap
    sheet = Image.new("RGB", (width + 2 * margin, height + 2 * margin), _PAPER)
    top = margin
    for strip in strips:
        sheet.paste(strip, (margin, top))
        top += strip.height + gap
    return sheet


def _lines(text: str, width: int, size: int, ink: str = _INK) -> Image.Image | None:
    """Write a text in as many lines as it takes; None for no text."""
    lines = list(_broken(text, width, font(size)))
    if not lines:
        return None
    written = Image.new("RGB", (width, round(len(lines) * size * _LINE)), _PAPER)
    draw = ImageDraw.Draw(written)
    for i, line in enumerate(lines):
        draw.text((0, (i + 0.5) * size * _LINE), line, fill=ink, font=font(size), anchor="lm")
    return written


def _broken(text: str, width: int, letters: ImageFont.FreeTypeFont) -> Iterator[str]:
    """Break a text into lines between words, and within a word only where it is wider than a line."""
    line = ""
    for word in legible(text).split():
        joined = f"{line} {word}" if line else word
        if letters.getlength(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        line = ""
        for letter in word:
            if letters.getlength(line + letter) > width:
                yield line
                line = ""
            line += letter
    if line:
        yield line


def _bar(scale: Scale, width: int, size: int) -> Image.Image:
    """Draw what is measured above the colours from the lowest to the highest, and numbers below them."""
    colours = palette(scale.colormap).repeat(width // 256, 0)  # (256 k, 3)
    bar = Image.fromarray(colours[None].repeat(size, 0))
    tick, letters = size // 3, font(size)
    numbers = Image.new("RGB", (width, round(tick + size * _LINE)), _PAPER)
    draw = ImageDraw.Draw(numbers)
    low, high = map(legible, scale.ends)
    marks = [(0, low, "la"), (bar.width - 1, high, "ra")]
    if scale.low < 0 < scale.high:
        zero = round(scale.low / (scale.low - scale.high) * (bar.width - 1))
        # A zero close to an end would be written over its number.
        free = letters.getlength(low) + size < zero < bar.width - letters.getlength(high) - size
        marks += [(zero, "0", "ma")] if free else []
    for x, value, anchor in marks:
        draw.line((x, 0, x, tick - 1), fill=_INK)
        draw.text((x, tick), value, fill=_INK, font=letters, anchor=anchor)
    strips = [strip for strip in (_lines(scale.words, width, size), bar) if strip]
    return _stacked([_stacked(strips, width, gap=size // 4), numbers], width)

"""Letters in pictures: one font for Korean and English, the same on every machine.

The font is NanumGothic by NAVER, under the SIL Open Font License 1.1, unmodified in ``assets/fonts``. It draws all
11,172 Hangul syllables, but not every sign; what it lacks is replaced, so that no empty box is drawn.
"""

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

FONT = Path(__file__).resolve().parent.parent / "assets" / "fonts" / "NanumGothic.ttf"
_INSTEAD = {"−": "–", "▸": ">", "⌊": "[", "⌋": "]"}
# Of the private use area: no font of letters has it, so what is drawn for it is the empty box.
_ABSENT = "\ue000"
_UNKNOWN = "?"


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font in a size, in pixels."""
    # Pillow's own layout: with Raqm, letters would stand elsewhere on machines that have it.
    return ImageFont.truetype(FONT, size, layout_engine=ImageFont.Layout.BASIC)


def legible(text: str) -> str:
    """Return a text of which the font has every character.

    Syllables in parts are put together, spaces and line breaks are spaces, letters lose accents that the font lacks,
    and what is left without a glyph becomes a question mark.
    """
    return "".join(map(_legible, unicodedata.normalize("NFC", text)))


@lru_cache(20_000)
def _legible(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Mn", "Cc", "Cf"):  # accents that stand alone, and what is never seen
        return ""
    base = unicodedata.normalize("NFKD", character)[0]
    return next((one for one in (character, _INSTEAD.get(character, base), base) if _drawn(one)), _UNKNOWN)


def _drawn(character: str) -> bool:
    """Return whether the font has ink for a character: to some it gives an empty glyph."""
    shape = bytes(font(24).getmask(character))
    return any(shape) and shape != bytes(font(24).getmask(_ABSENT))

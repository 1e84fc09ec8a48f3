"""Every text of the pages, in Korean and English, from ``assets/texts``."""

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

LANGUAGES = {"ko": "한국어", "en": "English"}
FOLDER = Path(__file__).resolve().parents[2] / "assets" / "texts"
# As what digits are read, and the letters that end in a consonant; all others end in a vowel.
_READ_ALOUD = dict(zip("0123456789lmnr", "영일이삼사오육칠팔구엘엠엔알", strict=True))
_RIEUL = 8  # the place of ㄹ among the final consonants; after it stands 로, not 으로
# What follows a Korean word without a space; several may follow each other.
PARTICLES = (
    *("들", "은", "는", "이", "가", "을", "를", "의", "에", "와", "과", "도", "만", "로", "나", "라", "뿐"),
    *("으로", "에서", "마다", "부터", "까지", "보다", "처럼", "이나", "이라", "하고", "이고", "이며", "입니다"),
)


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all texts of a language under dotted keys, such as ``overview.title``: a file and a key in it."""

    def flatten(table: dict[str, object], prefix: str) -> dict[str, str]:
        texts: dict[str, str] = {}
        for key, value in table.items():
            texts |= (
                flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: str(value).strip()}
            )
        return texts

    files = sorted((FOLDER / language).glob("*.toml"))
    return flatten({file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in files}, "")


def text(key: str, language: str, **values: object) -> str:
    """Return a text with its placeholders filled in.

    In Korean, a placeholder such as ``{name:을/를}`` is followed by the particle that fits its last syllable.
    """
    return catalogue(language)[key].format(
        **{k: v if isinstance(v, (int, float)) else _Word(v) for k, v in values.items()}
    )


def legible(words: str) -> str:
    """Return somebody else's words in one line, without characters that are not seen: controls, and those that turn the
    direction of what follows, or are half of one."""
    return "".join(c for c in " ".join(words.split()) if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


class _Word(str):
    """A word that is followed by the Korean particle that its format asks for, ``after a consonant/after a vowel``."""

    def __format__(self, particles: str) -> str:
        if not particles:
            return str(self)
        after_consonant, after_vowel = particles.split("/")
        final = self._final_consonant()
        return self + (after_vowel if not final or (final == _RIEUL and after_vowel == "로") else after_consonant)

    def _final_consonant(self) -> int:
        """Return the number of the last syllable's final consonant, 0 if it ends in a vowel."""
        last = re.sub(r"\s*\([^()]*\)$", "", self)[-1:]  # a final parenthesis is not read aloud
        last = _READ_ALOUD.get(last.lower(), last)
        return (ord(last) - ord("가")) % 28 if "가" <= last <= "힣" else 0

"""Every text of the pages, in Korean and English, from ``assets/texts``."""

import re
import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = {"ko": "한국어", "en": "English"}
FOLDER = Path(__file__).resolve().parents[2] / "assets" / "texts"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all texts of a language under dotted keys, such as ``overview.title``."""

    def flatten(table: dict[str, object], prefix: str) -> dict[str, str]:
        texts: dict[str, str] = {}
        for key, value in table.items():
            texts |= (
                flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: str(value).strip()}
            )
        return texts

    return flatten(tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")), "")


def text(key: str, language: str, **values: object) -> str:
    """Return a text with its placeholders filled in.

    In Korean, a placeholder such as ``{name:을/를}`` is followed by the particle that fits its last syllable.
    """
    return catalogue(language)[key].format(
        **{k: v if isinstance(v, (int, float)) else _Word(v) for k, v in values.items()}
    )


class _Word(str):
    """A word that is followed by the Korean particle that its format asks for, ``after a consonant/after a vowel``."""

    def __format__(self, particles: str) -> str:
        if not particles:
            return str(self)
        after_consonant, after_vowel = particles.split("/")
        return self + (after_consonant if self._ends_in_consonant() else after_vowel)

    def _ends_in_consonant(self) -> bool:
        # A final parenthesis is not read aloud; digits are read in Korean: 영, 일, 이, 삼, 사, 오, 육, 칠, 팔, 구.
        last = re.sub(r"\s*\([^()]*\)$", "", self)[-1:]
        if "가" <= last <= "힣":
            return (ord(last) - ord("가")) % 28 > 0
        return last in "013678" or last.lower() in "lmnr"

"""The names of the classes that a network tells apart, in English and Korean.

The 1000 ImageNet names lie in ``assets/labels.csv`` in torchvision's category order, that of the sorted WordNet ids. A
short parenthesis keeps apart the few English names that would otherwise read alike. Checkpoints with another number of
classes get numbered names.
"""

import csv
import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from zfnet.errors import SelectionError

_CSV_PATH = Path(__file__).resolve().parent.parent / "assets" / "labels.csv"


@dataclass(frozen=True, slots=True)
class Labels:
    """The class names of one network; position ``i`` of both tuples names class ``i``."""

    english: tuple[str, ...]
    korean: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.english)

    def name(self, index: int, language: str = "en") -> str:
        """Name one class.

        Raises:
            SelectionError: There is no such class or no such language.
        """
        names = self._in(language)
        if not 0 <= index < len(self):
            raise SelectionError(f"there are {len(self)} classes (0-{len(self) - 1}), got {index}")
        return names[index]

    def both(self, index: int, language: str = "en") -> str:
        """Name one class in both languages with its number, the given language first, so that either can be searched.

        Raises:
            SelectionError: There is no such class or no such language.
        """
        return f"{self.name(index, language)} ({self.name(index, 'ko' if language == 'en' else 'en')}, {index})"

    def search(self, text: str, language: str, limit: int = 20) -> tuple[int, ...]:
        """Find classes by a part of their name in either language, ignoring case, or by their exact index.

        Args:
            text: What was typed; nothing at all matches every class.
            language: ``"en"`` or ``"ko"``, the language whose matches come before equally good ones in the other.
            limit: The most classes to return.

        Returns:
            Class indices: the exact index first, then names that begin with the text, then names that contain it.

        Raises:
            SelectionError: There is no such language.
        """
        wanted = _folded(text)
        shown, other = self._in(language), self.korean if language == "en" else self.english
        ranked: list[tuple[int, int]] = []
        for index, names in enumerate(zip(shown, other, strict=True)):
            first, second = map(_folded, names)
            begins = first.startswith(wanted), second.startswith(wanted)
            matches = (wanted == str(index), *begins, wanted in first, wanted in second)
            if any(matches):
                ranked.append((matches.index(True), index))
        return tuple(index for _, index in sorted(ranked)[:limit])

    def _in(self, language: str) -> tuple[str, ...]:
        if language not in ("en", "ko"):
            raise SelectionError(f"class names are in the languages en and ko, got {language!r}")
        return self.english if language == "en" else self.korean


def _folded(text: str) -> str:
    # Some keyboards and clipboards send Hangul as separate letters, which never equal the composed syllables.
    return unicodedata.normalize("NFC", text).strip().casefold()


@functools.cache
def imagenet_labels() -> Labels:
    """Return the names of the 1000 ImageNet classes."""
    with _CSV_PATH.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Labels(tuple(row["english"] for row in rows), tuple(row["korean"] for row in rows))


def numbered_labels(count: int) -> Labels:
    """Return numbered names for a network whose ``count`` classes are unknown."""
    return Labels(tuple(f"class {i}" for i in range(count)), tuple(f"{i}번 클래스" for i in range(count)))

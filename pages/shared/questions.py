"""Questions whose answers are measured: what one is, and how wrong options are drawn.

An option is wrong by a margin, never by a hair; where a picture allows no such options there is no question. The order
of the options depends on the picture and on what is asked, so that a class sees the same ones.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from pages.shared import results
from pages.shared.selection import Selection
from zfnet import InferenceSession, Unit
from zfnet.images import digest

OPTIONS = 4
# What is measured of a wrong option is at most this share of what is measured of the right one.
MARGIN = 1 / 3


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: a unit, a layer, a place, a class or a number by its name, what was measured of it, and how
    it looks, if it has a look."""

    name: str
    measured: float
    png: bytes | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, among what, and which option is right; ``values`` fill in the texts of its kind.

    ``shown`` is a picture that the question speaks of, ``answer`` one that is shown with the answer.
    """

    kind: str
    options: tuple[Option, ...]
    right: int
    values: Mapping[str, object] = field(default_factory=dict)
    shown: bytes | None = None
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """On what a question is made: the view, and what is selected; ``classes`` are the most probable ones."""

    session: InferenceSession
    view: Image.Image
    selection: Selection

    @property
    def classes(self) -> tuple[int, ...]:
        """Return the five most probable classes."""
        return tuple(s.index for s in results.classification(self.session, self.view, self.selection.head).classes)

    @property
    def class_index(self) -> int:
        """Return the selected class, or the most probable one."""
        chosen = self.selection.class_index
        return self.classes[0] if chosen is None else chosen

    def chance(self, *about: object) -> random.Random:
        """Return what draws and shuffles, the same for the same picture and the same things asked about."""
        return random.Random(f"{digest(self.view)} {about}")


Kind = Callable[[Asked], Question | None]


def pictured(session: InferenceSession, layer: str) -> list[int]:
    """Return the channels of a layer of which there is a maximization."""
    return [made.unit.channel for made in results.gallery(session, layer)]


def maximization(session: InferenceSession, layer: str, channel: int) -> bytes | None:
    """Return the maximization of a unit, if there is one."""
    made = results.premade(session, Unit(layer, channel))
    return results.large(made.pixels()) if made else None


def compose(kind: str, right: Option, wrong: Sequence[Option], chance: random.Random, **values: object) -> Question:
    """Put a question together, its options shuffled."""
    options = [right, *wrong]
    chance.shuffle(options)
    return Question(kind, tuple(options), options.index(right), values)


def weaker(
    measured: Mapping[int, float], chance: random.Random, margin: float = MARGIN
) -> tuple[int, list[int]] | None:
    """Return the key of the largest number, and three of the keys that stay below it by a margin, drawn from the
    largest dozen of these; None if there are too few, or nothing is above zero."""
    if not measured:
        return None
    right = max(measured, key=lambda key: (measured[key], -key))
    below = sorted((k for k, v in measured.items() if v <= margin * measured[right]), key=lambda k: (-measured[k], k))
    if measured[right] <= 0 or len(below) < OPTIONS - 1:
        return None
    return right, chance.sample(below[: 4 * (OPTIONS - 1)], OPTIONS - 1)

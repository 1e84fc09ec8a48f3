"""What students do: which widget they turn to next, and with which pictures of their own."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from random import Random
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from pages.shared.pictures import embedded, sample_picture
from tests.benchmarks.visits import Visit, chosen, clicked, grouped, pressed

T = TypeVar("T")

# Of a hundred things that somebody does who looks at samples, or at a picture of their own.
ON_SAMPLES = {"page": 25, "layer": 15, "unit": 25, "class": 10, "sample": 10, "lesson": 15}
ON_OWN = {"page": 25, "layer": 15, "unit": 25, "class": 10, "crop": 5, "upload": 5, "lesson": 15}
PAGES = (
    "",
    "unit",
    "feature-maps",
    "deconvnet",
    "gradcam",
    "occlusion",
    "maximization",
    "compare",
    "architecture",
    "stride",
    "glossary",
)
_SIZE, _QUALITY = (1600, 1200), 85
_AWAY = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a student does after a pause in seconds; ``among``, 0 to 1, decides between what the page offers then."""

    kind: str
    among: float
    pause: float


def plan(seed: int, weights: Mapping[str, int], think: float) -> Iterator[Step]:
    """Return what a student does, without end. Pauses are ``think`` seconds, give or take a half."""
    random = Random(seed)
    while True:
        kind = random.choices(list(weights), list(weights.values()))[0]
        yield Step(kind, random.random(), random.uniform(0.5, 1.5) * think)


def own_picture(seed: int) -> bytes:
    """Return a JPEG of ordinary size that no other seed gives: two samples and coarse noise, mixed."""
    random = np.random.default_rng(seed)
    first, second = (_sized(str(name)) for name in random.choice(list(embedded()), 2, replace=False))
    mixed = Image.blend(first, second, float(random.uniform(0.2, 0.8)))
    noise = Image.fromarray(random.integers(0, 256, (75, 100, 3), np.uint8)).resize(_SIZE, Image.Resampling.BILINEAR)
    encoded = BytesIO()
    Image.blend(mixed, noise, 0.25).save(encoded, "JPEG", quality=_QUALITY)
    return encoded.getvalue()


@cache
def _sized(name: str) -> Image.Image:
    return sample_picture(name).resize(_SIZE)


class Student:
    """A visitor who takes steps. What a page does not offer becomes a turn to another page."""

    def __init__(self, visit: Visit, pictures: Iterator[bytes]) -> None:
        self.visit = visit
        self._pictures = pictures
        self._sent = 0
        self._acts: dict[str, Callable[[float], Awaitable[float] | None]] = {
            "page": self._page,
            "layer": lambda among: self._choose("choose_layer", among),
            "unit": lambda among: self._click("channels", among) or self._choose("choose_channel", among),
            "class": self._class,
            "sample": lambda among: self._click("pictures", among),
            "crop": self._crop,
            "lesson": self._lesson,
            "upload": lambda among: self.upload(),
            "reconnect": lambda among: self._reconnect(),
        }

    async def take(self, step: Step) -> tuple[str, float]:
        """Take a step and look at the pictures; return what it was and the seconds until its run was over."""
        doing = self._acts[step.kind](step.among)
        kind = step.kind if doing else "page"
        seconds = await (doing or self._page(step.among))
        await self.visit.look()
        return kind, seconds

    def upload(self) -> Awaitable[float] | None:
        """Send the next picture of one's own."""
        places = self.visit.page.keys("uploader_")
        if not places:
            return None
        self._sent += 1
        return self.visit.upload(places[-1], f"own-{self._sent}.jpg", next(self._pictures))

    def _page(self, among: float) -> Awaitable[float]:
        return self.visit.run(page=pick(PAGES, among))

    def _choose(self, key: str, among: float) -> Awaitable[float] | None:
        box = self.visit.page.widget(key)
        return self.visit.run(chosen(box, pick(box.options, among))) if box else None

    def _click(self, key: str, among: float) -> Awaitable[float] | None:
        tiles = self.visit.page.widget(key, "bidi_component")
        return self.visit.run(clicked(tiles, pick(range(tile_count(tiles)), among))) if tiles else None

    def _class(self, among: float) -> Awaitable[float] | None:
        """Press one of the five most probable classes where a page offers them, else choose one of all."""
        offered = [self.visit.page.widget(key) for key in self.visit.page.keys("class_")]
        if offered:
            return self.visit.run(pressed(pick(offered, among)))
        return self._choose("choose_class_indexen", among)

    def _crop(self, among: float) -> Awaitable[float] | None:
        modes = self.visit.page.widget("choose_crop")
        return self.visit.run(grouped(modes, pick(modes.options, among).content)) if modes else None

    def _lesson(self, among: float) -> Awaitable[float]:
        """Go on in a lesson, begin one, or go where they are."""
        page = self.visit.page
        begins = [page.widget(key) for key in page.keys("begin_")]
        button = page.widget("next") or (pick(begins, among) if begins else page.widget("all_lessons"))
        return self.visit.run(pressed(button)) if button else self.visit.run(page="lesson")

    async def _reconnect(self) -> float:
        """Lose the network for a moment."""
        await self.visit.leave()
        await asyncio.sleep(_AWAY)
        await self.visit.connect()
        return await self.visit.run()


def pick(options: Sequence[T], among: float) -> T:
    """Return one of several by a number from 0 to 1."""
    return options[min(int(among * len(options)), len(options) - 1)]


def tile_count(component: Any) -> int:
    """Return how many tiles a mosaic has."""
    data = component.json or component.mixed.json
    return len(json.loads(data)["labels"])

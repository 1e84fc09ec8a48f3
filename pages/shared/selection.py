"""The one selection that all pages share, and its form in the address: plain values, no Streamlit."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from pages.shared.texts import LANGUAGES
from zfnet.cam import METHODS, quick
from zfnet.feature_maps import ORDERS
from zfnet.geometry import SPATIAL
from zfnet.images import CROP_MODES
from zfnet.maximization_settings import PRESETS
from zfnet.maximization_settings import STARTS as STARTING
from zfnet.occlusion import FILLS
from zfnet.render import UNSIGNED

SCALES = ("map", "layer", "fixed")
# What a projection begins with: one cell, the nine strongest units of the layer, or the whole map.
STARTS = ("cell", "nine", "map")
# The square of occlusion and the grating of the stride lab: between what, and in which steps, in pixels and degrees.
SIZES, STRIDES = range(16, 97, 4), (8, 16, 32)
PERIODS, ORIENTATIONS = (3.0, 32.0), range(0, 166, 15)
# What maximization drives, and which of its settings can be tuned, with the ends of their sliders and their steps.
GOALS = ("cell", "map", "class")
# What of two pictures is compared.
COMPARED = ("map", "projection", "class", "layer")
TUNED: dict[str, tuple[float, float, float]] = {
    "steps": (32, 512, 32),
    "learning_rate": (0.01, 0.5, 0.01),
    "jitter": (0, 16, 1),
    "scale": (0, 0.3, 0.05),
    "rotation": (0, 45, 5),
    "padding": (0, 16, 1),
    "l2": (0, 20, 0.5),
    "total_variation": (0, 20, 0.5),
    "blur": (0, 2000, 50),
}
_DIGEST = re.compile(r"sha256-[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is looked at. None means: chosen by the picture (its strongest channel, strongest cell, most probable
    class). ``pinned`` is a second picture, its crop and offset, and ``compared`` what of the two is compared."""

    image: str
    crop: str = "centre"
    offset: float = 0.5
    layer: str = "conv5"
    channel: int | None = None
    position: tuple[int, int] | None = None
    rectified: bool = True
    class_index: int | None = None
    rival: int | None = None
    head: str = "fc"
    method: str = "gradcam"
    evidence_layer: str = "conv5"
    centred: bool = True
    order: str = "maximum"
    hide_silent: bool = False
    scale: str = "map"
    colormap: str = "viridis"
    start: str = "cell"
    fill: str = "grey"
    size: int = 32
    stride: int = 16
    period: float = 5.0
    orientation: int = 0
    goal: str = "cell"
    preset: str = "normal"
    beginning: str = "noise"
    negative: bool = False
    four: bool = False
    tuning: tuple[tuple[str, float], ...] = ()
    seed: int = 0
    pinned: tuple[str, str, float] | None = None
    compared: str = "map"
    present: bool = False
    lesson: str = "none"
    step: int = 0
    language: str = "en"

    def to_query(self) -> dict[str, str]:
        """Return all fields as address parameters, defaults included, so that a link outlives a change of defaults."""
        return {
            "image": self.image,
            "crop": self.crop,
            "offset": f"{self.offset:.12g}",
            "layer": self.layer,
            "channel": "auto" if self.channel is None else str(self.channel),
            "position": "auto" if self.position is None else f"{self.position[0]},{self.position[1]}",
            "rectified": str(int(self.rectified)),
            "class": "auto" if self.class_index is None else str(self.class_index),
            "rival": "none" if self.rival is None else str(self.rival),
            "head": self.head,
            "method": self.method,
            "evidence": self.evidence_layer,
            "centred": str(int(self.centred)),
            "order": self.order,
            "hide": str(int(self.hide_silent)),
            "scale": self.scale,
            "colours": self.colormap,
            "start": self.start,
            "fill": self.fill,
            "size": str(self.size),
            "stride": str(self.stride),
            "period": f"{self.period:.12g}",
            "orientation": str(self.orientation),
            "goal": self.goal,
            "preset": self.preset,
            "beginning": self.beginning,
            "negative": str(int(self.negative)),
            "four": str(int(self.four)),
            "tuning": ",".join(f"{name}:{value:.12g}" for name, value in self.tuning) or "none",
            "seed": str(self.seed),
            "pinned": "none" if self.pinned is None else "{},{},{:.12g}".format(*self.pinned),
            "compared": self.compared,
            "present": str(int(self.present)),
            "lesson": self.lesson,
            "step": str(self.step),
            "lang": self.language,
        }


def consistent(selection: Selection) -> Selection:
    """Return the selection with what its head and layer do not allow replaced: methods, and evidence above conv5."""
    if selection.head == "gap" and selection.evidence_layer == "pool5":
        selection = replace(selection, evidence_layer="conv5")
    if selection.method not in quick(selection.head, selection.evidence_layer):
        selection = replace(selection, method="gradcam")
    return selection


@dataclass(frozen=True, slots=True)
class Limits:
    """What exists to be selected: layers with their (channels, height, width), classes, heads, samples, and lessons
    with their numbers of steps."""

    shapes: Mapping[str, tuple[int, int, int]]
    classes: int
    heads: tuple[str, ...]
    samples: tuple[str, ...]
    lessons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Correction:
    """A parameter of the address that asked for what is not there, with what was taken instead."""

    parameter: str
    given: str
    taken: str


def from_query(
    query: Mapping[str, str], limits: Limits, default: Selection
) -> tuple[Selection, tuple[Correction, ...]]:
    """Read a selection from address parameters.

    A missing parameter means its default. One that asks for what is not there is replaced by the nearest thing that is,
    or by the default, and reported. An upload's digest is taken as it is: whether this visitor has sent that file is
    not known here.
    """
    layer = _choice(query.get("layer"), tuple(limits.shapes), default.layer)
    channels, height, width = limits.shapes[layer]
    lesson = _choice(query.get("lesson"), ("none", *limits.lessons), default.lesson)

    def known(image: str) -> bool:
        return image in limits.samples or _DIGEST.fullmatch(image) is not None

    readers: dict[str, tuple[str, Callable[[str], object]]] = {
        "image": ("image", lambda t: t if known(t) else default.image),
        "crop": ("crop", lambda t: _choice(t, CROP_MODES, default.crop)),
        "offset": ("offset", lambda t: _fraction(t, default.offset)),
        "layer": ("layer", lambda t: layer),
        "channel": ("channel", lambda t: _index(t, channels)),
        "position": ("position", lambda t: _cell(t, height, width)),
        "rectified": ("rectified", lambda t: _choice(t, ("0", "1"), "1") == "1"),
        "class": ("class_index", lambda t: _index(t, limits.classes)),
        "rival": ("rival", lambda t: _index(t, limits.classes)),
        "head": ("head", lambda t: _choice(t, limits.heads, default.head)),
        "method": ("method", lambda t: _choice(t, METHODS, default.method)),
        "evidence": ("evidence_layer", lambda t: _choice(t, SPATIAL, default.evidence_layer)),
        "centred": ("centred", lambda t: _choice(t, ("0", "1"), "1") == "1"),
        "order": ("order", lambda t: _choice(t, tuple(ORDERS), default.order)),
        "hide": ("hide_silent", lambda t: _choice(t, ("0", "1"), "0") == "1"),
        "scale": ("scale", lambda t: _choice(t, SCALES, default.scale)),
        "colours": ("colormap", lambda t: _choice(t, UNSIGNED, default.colormap)),
        "start": ("start", lambda t: _choice(t, STARTS, default.start)),
        "fill": ("fill", lambda t: _choice(t, tuple(FILLS), default.fill)),
        "size": ("size", lambda t: _nearest(t, SIZES, default.size)),
        "stride": ("stride", lambda t: _nearest(t, STRIDES, default.stride)),
        "period": ("period", lambda t: round(_fraction(t, default.period, PERIODS), 1)),
        "orientation": ("orientation", lambda t: _nearest(t, ORIENTATIONS, default.orientation)),
        "goal": ("goal", lambda t: _choice(t, GOALS, default.goal)),
        "preset": ("preset", lambda t: _choice(t, tuple(PRESETS), default.preset)),
        "beginning": ("beginning", lambda t: _choice(t, STARTING, default.beginning)),
        "negative": ("negative", lambda t: _choice(t, ("0", "1"), "0") == "1"),
        "four": ("four", lambda t: _choice(t, ("0", "1"), "0") == "1"),
        "tuning": ("tuning", _tuning),
        "seed": ("seed", lambda t: _index(t, 2**31) or 0),
        "pinned": ("pinned", lambda t: _pinned(t, known)),
        "compared": ("compared", lambda t: _choice(t, COMPARED, default.compared)),
        "present": ("present", lambda t: _choice(t, ("0", "1"), "0") == "1"),
        "lesson": ("lesson", lambda t: lesson),
        "step": ("step", lambda t: _index(t, limits.lessons.get(lesson, 1)) or 0),
        "lang": ("language", lambda t: _choice(t, tuple(LANGUAGES), default.language)),
    }
    chosen = {f.name: getattr(default, f.name) for f in fields(Selection)}
    for parameter, (name, read) in readers.items():
        if parameter in query:
            chosen[name] = read(query[parameter])
    selection = consistent(Selection(**chosen))
    written = selection.to_query()
    corrections = tuple(
        Correction(parameter, query[parameter], written[parameter])
        for parameter in readers
        if parameter in query and not _same(query[parameter], written[parameter])
    )
    return selection, corrections


def _choice(text: str | None, allowed: tuple[str, ...], default: str) -> str:
    return text if text in allowed else default


def _same(given: str, written: str) -> bool:
    """Compare as numbers where both are, so that 0.50, 007 and 06,09 are not reported as corrected."""
    try:
        return list(map(float, given.split(","))) == list(map(float, written.split(",")))
    except ValueError:
        # A pinned picture may be named without its crop.
        return given.replace(" ", "") in (written, written.partition(",")[0])


def _fraction(text: str, default: float, ends: tuple[float, float] = (0.0, 1.0)) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return min(max(value, ends[0]), ends[1]) if math.isfinite(value) else default


def _nearest(text: str, allowed: Sequence[int], default: int) -> int:
    """Return the allowed number that is nearest to a whole one."""
    return min(allowed, key=lambda n: abs(n - int(text))) if re.fullmatch(r"-?[0-9]{1,99}", text) else default


def _index(text: str, count: int) -> int | None:
    """Return a whole number clamped to 0 ... count - 1, None for ``auto`` and for anything else."""
    return min(max(int(text), 0), count - 1) if re.fullmatch(r"-?[0-9]{1,99}", text) else None


def _cell(text: str, height: int, width: int) -> tuple[int, int] | None:
    match = re.fullmatch(r"([0-9]{1,6}), ?([0-9]{1,6})", text)
    return (min(int(match[1]), height - 1), min(int(match[2]), width - 1)) if match else None


def _pinned(text: str, known: Callable[[str], bool]) -> tuple[str, str, float] | None:
    """Return a picture that is known, with its crop and offset; None for ``none`` and for anything else."""
    image, _, cut = text.partition(",")
    crop, _, offset = cut.partition(",")
    return (image, _choice(crop, CROP_MODES, "centre"), _fraction(offset, 0.5)) if known(image) else None


def _tuning(text: str) -> tuple[tuple[str, float], ...]:
    """Return the settings that are tuned, each brought to the nearest place of its slider; ``none`` for none."""
    tuned = {}
    for name, number in re.findall(r"([a-z0-9_]+):([0-9.]{1,12})", text):
        if name in TUNED and number.count(".") <= 1 and number != ".":
            low, high, step = TUNED[name]
            places = round((min(max(float(number), low), high) - low) / step)
            tuned[name] = round(low + places * step, 6)
    return tuple(sorted(tuned.items()))

"""What belongs in the gallery that comes with the project: which units, chosen over the sample pictures, and how.

A convolution's unit is made as one cell, the middle one of its map, so that the picture is what that cell sees. All of
conv1 is made, and of the others the channels that answer any sample most strongly; and the classes of the photographs.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from zfnet.decoding import decode_image
from zfnet.geometry import CONVOLUTIONS, SPATIAL, ZFNetConfig, shapes
from zfnet.images import crop
from zfnet.maximization_settings import PRESETS, MaximizationSettings
from zfnet.session import InferenceSession
from zfnet.unit import Unit

CLASSES = "fc8"
GALLERY_LAYERS = (*CONVOLUTIONS, CLASSES)
STRONGEST = 64
_SAMPLES = Path(__file__).resolve().parent.parent / "assets" / "samples"


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample as the network sees it by default. ``classes`` are the right answers, none for a pattern."""

    picture: Image.Image
    classes: tuple[int, ...]
    photograph: bool


def sample_views(folder: Path = _SAMPLES) -> list[SampleView]:
    """Return the samples that ``samples.toml`` names."""
    return [
        SampleView(
            crop(decode_image((folder / entry["file"]).read_bytes())),
            tuple(entry["classes"]),
            entry["kind"] != "pattern",
        )
        for entry in tomllib.loads((folder / "samples.toml").read_text("utf-8"))["sample"]
    ]


def gallery_settings(layer: str, steps: int | None = None) -> MaximizationSettings:
    """Return how a layer is made, by default in the preset's number of steps.

    A cell of conv1 is linear in 49 pixels. Plain pixels whose contrast costs something end at a copy of the filter;
    with a freer hand every pixel would end black or white. All in float32, the same on every processor but for
    rounding.
    """
    preset = PRESETS["decay" if layer == "conv1" else "normal"]
    return replace(preset, precision="float32", steps=preset.steps if steps is None else steps)


def gallery_units(
    session: InferenceSession, samples: Sequence[SampleView], layer: str, *, every: bool = False
) -> list[Unit]:
    """Return the units of a layer that belong in the gallery, in the order in which they are shown.

    Args:
        session: the network.
        samples: what to choose by.
        layer: any layer.
        every: all units of the layer instead.
    """
    if layer == CLASSES and not every:
        return sample_classes(session, samples)
    count = None if every or layer == CONVOLUTIONS[0] else STRONGEST
    return strongest_units(session, [sample.picture for sample in samples], layer, count)


def strongest_units(
    session: InferenceSession, pictures: Sequence[Image.Image], layer: str, count: int | None = None
) -> list[Unit]:
    """Return the units with the highest values after ReLU anywhere in any of the pictures, the highest first.

    Maps have the middle cell as position. Ties go to the lower channel. Without ``count`` all units come back.
    """
    peaks = np.max([session.feature_maps(picture, layer).maximum for picture in pictures], axis=0)
    position = middle(session.info.config, layer)
    return [Unit(layer, int(channel), position) for channel in np.argsort(-peaks, kind="stable")[:count]]


def sample_classes(session: InferenceSession, samples: Sequence[SampleView]) -> list[Unit]:
    """Return the classes of the photographs: of each one the network's answer, then those that are right."""
    found: dict[int, None] = {}
    for sample in samples:
        if sample.photograph:
            found |= dict.fromkeys((session.classify(sample.picture, top=1).classes[0].index, *sample.classes))
    return [Unit(CLASSES, index) for index in found]


def middle(config: ZFNetConfig, layer: str) -> tuple[int, int] | None:
    """Return the middle cell of a layer's maps, (row, column); None for a layer without maps."""
    _, height, width = shapes(config)[layer]
    return (height // 2, width // 2) if layer in SPATIAL else None

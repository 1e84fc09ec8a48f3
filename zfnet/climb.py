"""One climb of activation maximization: a batch of units of one layer and position, from their start to their pictures.

What is climbed, and after whom, is told in :mod:`zfnet.maximization`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.adam import adam

from zfnet.errors import Cancelled
from zfnet.geometry import ZFNetConfig, receptive_field
from zfnet.maximization_settings import MaximizationSettings
from zfnet.model import ZFNet
from zfnet.objective import Objective, canvas
from zfnet.parametrisation import PARAMETRISATIONS, Size
from zfnet.regularisers import REGULARISERS, likeness
from zfnet.transformation import Transformation
from zfnet.unit import Unit

_START_DEVIATION = 0.01
# Coarse to fine: the share of the final side, and that of the steps. What is left is taken at the full size.
_OCTAVES = ((0.5, 0.25), (0.71, 0.25))
_FEWEST_LAST = 64
# On less, cells of conv5 see mostly the edges: what is saved in time is lost in height.
_COARSEST = 96
# The side that movements are given for, in pixels.
_FULL = 128
_FRAMES = 24


@dataclass(frozen=True, slots=True)
class Maximization:
    """The picture that drives a unit, uint8 (H, W, 3), as large as the unit's canvas.

    ``curve`` is what drives the unit, float32 (steps + 1,): before every step in the picture as it is moved, and at the
    end in ``image`` itself. ``frames`` are pictures on the way, each with the number of steps before it. ``silent``
    says that the unit said nothing to the first picture, so that its value before ReLU was climbed until it did.
    """

    unit: Unit
    settings: MaximizationSettings
    image: np.ndarray = field(repr=False)
    curve: np.ndarray = field(repr=False)
    frames: tuple[tuple[int, np.ndarray], ...] = field(repr=False, default=())
    silent: bool = False


Normalise = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Climbed:
    """How far a climb has come: for every unit the picture, uint8 (H, W, 3), and the curve, float32 (steps,)."""

    images: list[np.ndarray]
    curves: np.ndarray


# Called after every step with the number of steps done and a function that returns how far the climb has come.
Progress = Callable[[int, Callable[[], Climbed]], None]


# The two moments of Adam, and how often they were moved.
_Moments = tuple[Tensor, Tensor, Tensor]


class Climb:
    """One batch of units on its way up."""

    def __init__(
        self,
        model: ZFNet,
        units: list[Unit],
        settings: MaximizationSettings,
        *,
        normalise: Normalise,
        picture: np.ndarray | None,
    ) -> None:
        self._units, self._settings, self._normalise = units, settings, normalise
        self._objective = Objective(model, units, centred=settings.centred, negative=settings.negative)
        # Which pictures are of the same unit, each pair once.
        same = torch.tensor([[a == b for b in units] for a in units])
        first, second = torch.triu(same, diagonal=1).nonzero(as_tuple=True)
        self._pairs = first, second
        self._written = PARAMETRISATIONS[settings.parametrisation]
        self._stages = _stages(canvas(model.config, units[0], settings.size), units[0], settings)
        # Everything random is drawn on the CPU, so that a GPU starts from the same picture. All units start from the
        # same noise and are moved alike, so that a unit's picture does not depend on which others are made beside it.
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._shape(self._stages[0][1])
        numbers = self._written.encode(
            _first_picture(settings.start, picture, units[0], inner=self._inner, outer=self._outer, config=model.config)
        )
        numbers = numbers.repeat(len(units), *[1] * (numbers.ndim - 1))
        if settings.start == "noise":
            # The first of a unit's pictures starts as it would alone.
            times = [units[:i].count(unit) for i, unit in enumerate(units)]
            others = (torch.Generator().manual_seed(settings.seed + time) for time in range(1, max(times) + 1))
            noises = [torch.randn(numbers.shape[1:], generator=one) for one in (self._generator, *others)]
            numbers = numbers + torch.stack([noises[time] for time in times]) * _START_DEVIATION
        device = next(model.parameters()).device
        self._numbers = numbers.to(device).requires_grad_()
        self._silent = torch.zeros(len(units), dtype=torch.bool)
        self._curve: list[Tensor] = []
        self._bfloat16 = settings.precision == "bfloat16" or (
            settings.precision == "auto" and _multiplies_bfloat16(device)
        )

    def run(
        self,
        slot: Callable[[], AbstractContextManager[None]],
        progress: Progress | None,
        cancel: Callable[[], bool] | None,
    ) -> list[Maximization]:
        """Take all steps; return the results."""
        steps, done = self._settings.steps, 0
        # The closer together the earlier: most of a picture comes about in its first steps.
        kept = {round(steps * (i / _FRAMES) ** 2) for i in range(_FRAMES + 1)}
        frames = [(0, self._pictures())]
        for count, size in self._stages:
            with slot():
                self._enlarge(size)
            moments = torch.zeros_like(self._numbers), torch.zeros_like(self._numbers), torch.zeros(())
            for _ in range(count):
                with slot():
                    values, silent = self._step(moments)
                    self._curve.append(values)
                    self._silent = silent if done == 0 else self._silent
                    done += 1
                    if done in kept:
                        frames.append((done, self._pictures()))
                if progress:
                    progress(done, self._climbed)
                if cancel and done < steps and cancel():
                    raise Cancelled(f"stopped after {done} of {steps} steps")
        with slot():
            shown = torch.from_numpy(np.stack(frames[-1][1])).to(self._numbers.device).permute(0, 3, 1, 2) / 255
            self._curve.append(self._drive(shown)[0])
        curves = self._curves()
        return [
            Maximization(
                unit,
                self._settings,
                frames[-1][1][i],
                curves[i],
                tuple((step, images[i]) for step, images in frames),
                bool(self._silent[i]),
            )
            for i, unit in enumerate(self._units)
        ]

    def _climbed(self) -> Climbed:
        return Climbed(self._pictures(), self._curves())

    def _curves(self) -> np.ndarray:
        """Return the values so far, (N, steps)."""
        return torch.stack(self._curve, 1).cpu().numpy()

    def _pictures(self) -> list[np.ndarray]:
        """Return the pictures so far, uint8 (H, W, 3) each."""
        with torch.no_grad():
            x = self._move.cropped(self._written.decode(self._numbers, self._outer)).permute(0, 2, 3, 1)
        return list((x.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy())

    def _step(self, moments: _Moments) -> tuple[Tensor, Tensor]:
        """Take one step of Adam, whose two moments and step count are changed; return the values and who is silent."""
        with torch.enable_grad():
            x = self._written.decode(self._numbers, self._outer)
            values, silent, reads = self._drive(self._move(x, self._generator))
            loss = -values
            if penalties := [(n, w) for n in REGULARISERS if (w := getattr(self._settings, n))]:
                whole = self._move.cropped(x)
                penalty = sum(weight * REGULARISERS[name](whole) for name, weight in penalties)
                loss = loss + values.detach().abs() * penalty
            if self._settings.diversity and len(self._pairs[0]):
                alike = likeness(reads.float(), self._pairs)
                loss = loss + values.detach().abs() * self._settings.diversity * alike
            (gradient,) = torch.autograd.grad(loss.sum(), self._numbers)
        _adam(self._numbers, gradient, moments, self._settings.learning_rate)
        return values.detach(), silent

    def _drive(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what drives the units in pictures of RGB in [0, 1], who is silent, (N,) both, and what they read."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._bfloat16):
            cells, reads = self._objective.cells(self._normalise(x))
        cells = cells.float()
        return self._objective.drive(cells), self._objective.silent(cells), reads

    def _shape(self, size: Size) -> None:
        """Fit the movements to a canvas: they are given for ``_FULL`` pixels, and shrink with smaller pictures."""
        share = min(1.0, min(size) / _FULL)
        s = self._settings
        self._move = Transformation(s.jitter * share, s.scale, s.rotation, round(s.padding * share))
        self._inner = size
        self._outer = (size[0] + 2 * self._move.padding, size[1] + 2 * self._move.padding)

    def _enlarge(self, size: Size) -> None:
        if size == self._inner:
            return
        before = self._outer
        self._shape(size)
        self._numbers = self._written.enlarge(self._numbers.detach(), before, self._outer).requires_grad_()


@torch.no_grad()
def _adam(numbers: Tensor, gradient: Tensor, moments: _Moments, rate: float) -> None:
    """Move numbers and moments by one step of Adam (Kingma & Ba 2015).

    In PyTorch's functional form: the optimiser's class would load the compiler, for more than a second and 150 MB.
    """
    first, second, count = moments
    options = {"amsgrad": False, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8, "maximize": False}
    adam([numbers], [gradient], [first], [second], [], [count], foreach=False, lr=rate, **options)  # type: ignore[arg-type]


def _stages(size: Size, unit: Unit, settings: MaximizationSettings) -> list[tuple[int, Size]]:
    """Return how many steps are taken on which canvas."""
    if not settings.coarse_to_fine or unit.position:
        return [(settings.steps, size)]
    stages: list[tuple[int, Size]] = []
    left = settings.steps
    for share, steps in _OCTAVES:
        side = round(size[0] * share)
        count = min(left - _FEWEST_LAST, round(settings.steps * steps))
        if side >= _COARSEST and count > 0:
            stages.append((count, (side, side)))
            left -= count
    return [*stages, (left, size)]


def _first_picture(
    start: str, picture: np.ndarray | None, unit: Unit, *, inner: Size, outer: Size, config: ZFNetConfig
) -> Tensor:
    """Return what is climbed from, before noise, (1, 3, *outer): grey, or the picture as far as the unit sees it."""
    if start != "picture" or picture is None:
        return torch.full((1, 3, *outer), 0.5)
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    if unit.position:
        top, left, bottom, right = receptive_field(config, unit.layer).box(*unit.position, config.input_size)
        x = x[:, :, top:bottom, left:right]
    x = F.interpolate(x, inner, mode="bilinear", align_corners=False, antialias=True)
    edge = (outer[0] - inner[0]) // 2
    return F.pad(x, (edge,) * 4, mode="reflect")


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether a device is a processor with units for matrices of bfloat16."""
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16"))

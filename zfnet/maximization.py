"""Activation maximization: synthesise the picture that drives a unit, by gradient ascent on the pixels.

The picture is x = sigmoid(M · irfft2(s(f) · z)): z is an array of Fourier coefficients that Adam moves, s(f) = 1/max(f,
1/size) gives every spatial frequency the weight it has in photographs, and M mixes three independent colours into RGB
with the covariance of photographs. Every step shifts, scales and rotates the picture a little, so that only patterns
that survive it are kept.

References: Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network"; Olah, Mordvintsev & Schubert 2017,
"Feature Visualization", Distill.

Differences from these: the objective is the value before ReLU, so that a unit that starts silent has a gradient to
follow.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import SPATIAL
from zfnet.model import ZFNet
from zfnet.unit import Unit

# A square root of the covariance of RGB in [0, 1] over the views of the sample photographs: eigenvectors times roots of
# eigenvalues (rows: R, G, B; columns: brightness and two colour differences). A test derives it anew.
COLOUR_MATRIX = (
    (0.223, 0.123, 0.029),
    (0.245, 0.010, -0.056),
    (0.263, -0.114, 0.027),
)
_START_DEVIATION = 0.01
_JITTER_PIXELS = 8.0
_SCALES = (0.9, 1.1)
_ROTATION_DEGREES = 10.0


@dataclass(frozen=True, slots=True)
class MaximizationSettings:
    """How to climb.

    ``size`` is the side of the picture in pixels; units with a position and fully connected ones take the input size.
    """

    steps: int = 256
    size: int = 160
    learning_rate: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("steps", self.steps, 1, 4096),
            ("size", self.size, 48, 512),  # below, the paper's last pooling has nothing to read
            ("learning_rate", self.learning_rate, 1e-4, 1.0),
            ("seed", self.seed, 0, 2**63 - 1),
        ):
            if not low <= value <= high:
                raise SelectionError(f"{name} goes from {low} to {high}, got {value}")


@dataclass(frozen=True, slots=True)
class Maximization:
    """The picture that drives a unit, uint8 (H, W, 3).

    ``curve`` is its objective before every step and at the end, float32 (steps + 1,).
    """

    unit: Unit
    settings: MaximizationSettings
    image: np.ndarray = field(repr=False)
    curve: np.ndarray = field(repr=False)


# Called after every step with the number of steps done and a function that returns the pictures so far, one for each
# unit.
Progress = Callable[[int, Callable[[], list[np.ndarray]]], None]


def maximize(
    model: ZFNet,
    units: Sequence[Unit],
    settings: MaximizationSettings,
    normalise: Callable[[Tensor], Tensor],
    *,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[Maximization, ...]:
    """Make one picture for each unit. Units of one layer are made together, in one batch.

    Args:
        model: the network; work stops at the unit's layer.
        units: without a position the mean of the channel's map counts, with one that cell; for fully connected layers
            the unit itself.
        settings: steps, size, learning rate and seed. The same settings give the same pixels on the same CPU.
        normalise: from RGB in [0, 1] to the network's input, (N, 3, H, W) both.
        slot: entered for every single step, so that others' work can go in between.
        progress: called after every step.
        cancel: asked after every step.

    Raises:
        SelectionError: for a unit that the network does not have.
        Cancelled: when ``cancel`` says so.
    """
    for unit in units:
        unit.check(model.config)
    results: list[Maximization] = []
    for (_, whole), group in groupby(units, key=lambda unit: (unit.layer, _needs_whole(unit))):
        size = model.config.input_size if whole else settings.size
        results += _climb(
            model, list(group), settings, size=size, normalise=normalise, slot=slot, progress=progress, cancel=cancel
        )
    return tuple(results)


def _needs_whole(unit: Unit) -> bool:
    """Return whether a unit exists only on a canvas of the input's size."""
    return unit.layer not in SPATIAL or unit.position is not None


def _climb(
    model: ZFNet,
    units: list[Unit],
    settings: MaximizationSettings,
    *,
    size: int,
    normalise: Callable[[Tensor], Tensor],
    slot: Callable[[], AbstractContextManager[None]],
    progress: Progress | None,
    cancel: Callable[[], bool] | None,
) -> list[Maximization]:
    device = next(model.parameters()).device
    # Everything random is drawn on the CPU, so that a GPU starts from the same picture. All units start from the same
    # noise and are turned alike, so that a unit's picture does not depend on which others are made beside it.
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.randn(3, size, size // 2 + 1, 2, generator=generator) * _START_DEVIATION
    coefficients = noise.repeat(len(units), 1, 1, 1, 1).to(device).requires_grad_()
    optimizer = torch.optim.Adam([coefficients], lr=settings.learning_rate)
    curves: list[Tensor] = []

    def pictures() -> list[np.ndarray]:
        with torch.no_grad():
            rgb = picture(coefficients, size).permute(0, 2, 3, 1)
        return list((rgb * 255).round().to(torch.uint8).cpu().numpy())

    for step in range(settings.steps + 1):
        with slot(), torch.enable_grad():
            seen = transform(picture(coefficients, size), generator)
            values = objective(model, normalise(seen), units)  # (N,)
            curves.append(values.detach())
            if step < settings.steps:
                (coefficients.grad,) = torch.autograd.grad(-values.sum(), coefficients)
                optimizer.step()
        if progress and step < settings.steps:
            progress(step + 1, pictures)
        if cancel and step < settings.steps and cancel():
            raise Cancelled(f"stopped after {step + 1} of {settings.steps} steps")
    curve = torch.stack(curves, 1).cpu().numpy()  # (N, steps + 1)
    return [Maximization(u, settings, image, c) for u, image, c in zip(units, pictures(), curve, strict=True)]


def picture(coefficients: Tensor, size: int) -> Tensor:
    """Turn Fourier coefficients (N, 3, size, size // 2 + 1, 2) into RGB in [0, 1], (N, 3, size, size)."""
    frequency = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None, :])
    weight = 1 / frequency.clamp(min=1 / size)
    spectrum = torch.view_as_complex(coefficients) * weight.to(coefficients.device)
    independent = torch.fft.irfft2(spectrum, s=(size, size), norm="ortho") / 4  # (N, 3, size, size)
    matrix = torch.tensor(COLOUR_MATRIX, device=coefficients.device)
    return torch.einsum("ij,njhw->nihw", matrix, independent).sigmoid()


def transform(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, scale and rotate pictures (N, 3, H, W) a little, all by the same amount; mirrored at the edges."""
    shift_x, shift_y, zoom, turn = (torch.rand(4, generator=generator) * 2 - 1).tolist()
    scale = (_SCALES[0] + _SCALES[1]) / 2 + zoom * (_SCALES[1] - _SCALES[0]) / 2
    angle = turn * _ROTATION_DEGREES * np.pi / 180
    size = x.shape[-1]
    affine = torch.tensor(
        [
            [np.cos(angle) / scale, -np.sin(angle) / scale, 2 * _JITTER_PIXELS * shift_x / size],
            [np.sin(angle) / scale, np.cos(angle) / scale, 2 * _JITTER_PIXELS * shift_y / size],
        ],
        dtype=x.dtype,
        device=x.device,
    )
    grid = F.affine_grid(affine.expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def objective(model: ZFNet, x: Tensor, units: Sequence[Unit]) -> Tensor:
    """Return the value before ReLU of each unit on its own picture: (N, 3, H, W) -> (N,)."""
    layer = units[0].layer
    values = model.trace(x, until=layer).outputs[layer]
    own = values[torch.arange(len(units)), [unit.channel for unit in units]]  # (N, H, W) or (N,)
    if own.ndim == 1:
        return own
    return torch.stack([cells[u.position] if u.position else cells.mean() for u, cells in zip(units, own, strict=True)])

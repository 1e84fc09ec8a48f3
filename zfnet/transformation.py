"""Small random changes of a picture before the network sees it, so that only patterns that survive them are kept.

One resampling does all: a shift (jitter) by up to so many pixels, a scale and a rotation, each drawn evenly from its
range. ``padding`` is a margin of picture around what the network sees, so that a shift brings in picture and not edge;
what lies beyond it is mirrored.

Reference: Olah, Mordvintsev & Schubert 2017, "Feature Visualization", Distill, "transformation robustness".

Differences from it: the margin belongs to the picture instead of being grey, and one resampling instead of four.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Transformation:
    """How far pictures are moved: ``jitter`` and ``padding`` in pixels, ``scale`` a share, ``rotation`` in degrees."""

    jitter: float = 8.0
    scale: float = 0.1
    rotation: float = 10.0
    padding: int = 8

    @property
    def moves(self) -> bool:
        """Return whether anything is moved at all."""
        return bool(self.jitter or self.scale or self.rotation)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return pictures (N, 3, H, W) without their margin, moved, all by the same amount."""
        height, width = x.shape[2] - 2 * self.padding, x.shape[3] - 2 * self.padding
        if not self.moves:
            return self.cropped(x)
        right, down, zoom, turn = (torch.rand(4, generator=generator) * 2 - 1).tolist()
        scale, angle = 1 + zoom * self.scale, math.radians(turn * self.rotation)
        cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
        # In the units of the sampling grid a picture reaches from -1 to 1, whatever its sides.
        affine = torch.tensor(
            [
                [cosine * width / x.shape[3], -sine * height / x.shape[3], 2 * self.jitter * right / x.shape[3]],
                [sine * width / x.shape[2], cosine * height / x.shape[2], 2 * self.jitter * down / x.shape[2]],
            ],
            dtype=x.dtype,
            device=x.device,
        )
        grid = F.affine_grid(affine.expand(len(x), 2, 3), [len(x), 3, height, width], align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)

    def cropped(self, x: Tensor) -> Tensor:
        """Return pictures without their margin."""
        edge = self.padding
        return x[:, :, edge : x.shape[2] - edge, edge : x.shape[3] - edge]

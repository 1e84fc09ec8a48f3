"""What pictures are held back by while they are optimised: penalties R(x) of RGB pictures x in [0, 1], n pixels each.

    l2                 mean (x - 1/2)²                        Simonyan et al. 2014, Yosinski et al. 2015
    total_variation    mean √(∂x/∂row² + ∂x/∂column² + ε)      Rudin et al. 1992; Mahendran & Vedaldi 2015
    blur               mean (x - G ∗ x)², G a Gaussian          Yosinski et al. 2015

References: "Deep Inside Convolutional Networks"; "Understanding Neural Networks Through Deep Visualization"; "Nonlinear
total variation based noise removal algorithms"; "Understanding Deep Image Representations by Inverting Them".

Differences from the papers: Yosinski et al. shrink and blur the picture itself now and then; as penalties both have
a gradient, and a strength that can be told.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_EPSILON = 1e-8
_BLUR_SIGMA, _BLUR_SIDE = 1.0, 5


def _l2(x: Tensor) -> Tensor:
    return (x - 0.5).square().mean((1, 2, 3))


def _total_variation(x: Tensor) -> Tensor:
    down, right = x[:, :, 1:, :-1] - x[:, :, :-1, :-1], x[:, :, :-1, 1:] - x[:, :, :-1, :-1]
    return (down.square() + right.square() + _EPSILON).sqrt().mean((1, 2, 3))


def _blur(x: Tensor) -> Tensor:
    offsets = torch.arange(_BLUR_SIDE, dtype=x.dtype, device=x.device) - _BLUR_SIDE // 2
    line = (-offsets.square() / (2 * _BLUR_SIGMA**2)).exp()
    kernel = torch.outer(line, line) / line.sum() ** 2
    edge = _BLUR_SIDE // 2
    padded = F.pad(x, (edge,) * 4, mode="replicate")
    return (x - F.conv2d(padded, kernel.expand(3, 1, -1, -1), groups=3)).square().mean((1, 2, 3))


# Pictures (N, 3, H, W) to penalties (N,).
REGULARISERS: dict[str, Callable[[Tensor], Tensor]] = {
    "l2": _l2,
    "total_variation": _total_variation,
    "blur": _blur,
}

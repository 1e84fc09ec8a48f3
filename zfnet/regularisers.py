"""What pictures are held back by while they are optimised: penalties R(x) of RGB pictures x in [0, 1], n pixels each.

    l2                 mean (x - 1/2)²                        Simonyan et al. 2014, Yosinski et al. 2015
    total_variation    mean √(∂x/∂row² + ∂x/∂column² + ε)      Rudin et al. 1992; Mahendran & Vedaldi 2015
    blur               mean (x - G ∗ x)², G a Gaussian          Yosinski et al. 2015

and of several pictures how alike they are, by the cosine of the Gram matrices of what a layer reads of them (Olah et
al. 2017, "Feature Visualization", Distill, "diversity").

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


def likeness(reads: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Return how alike each picture is to the others that it is paired with, the sum of cosines, (N,).

    Args:
        reads: what a layer reads of N pictures, (N, C, ...).
        pairs: the numbers of the pictures to be told apart, (P,) and (P,).
    """
    flat = reads.flatten(2) if reads.ndim > 2 else reads[:, :, None]
    # Of vectors the Gram matrix would say no more than they do themselves.
    features = torch.einsum("nca,nda->ncd", flat, flat) if flat.shape[2] > 1 else flat
    unit = F.normalize(features.flatten(1), dim=1)
    first, second = pairs
    cosines = (unit[first] * unit[second]).sum(1)
    none = cosines.new_zeros(len(reads))
    return none.index_add(0, first, cosines).index_add(0, second, cosines)

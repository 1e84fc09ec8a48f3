"""How a picture that is optimised is written in numbers: as the waves it consists of, or pixel by pixel.

    fourier    x = sigmoid(M · irfft2(s(f) · z) / 4),  s(f) = 1 / max(f, 1/n)
    pixels     x = 1/2 + z

z is what the optimiser moves. For Fourier coefficients s(f) gives every spatial frequency f (cycles per pixel, n the
longer side) the weight it has in photographs, and M mixes three independent colours into RGB with the covariance of
photographs; without both, steps of equal size make noise first. Pixels are unbounded and clipped where they are shown.

Reference: Olah, Mordvintsev & Schubert 2017, "Feature Visualization", Distill, "preconditioning and parameterization".

Differences from it: the colours' covariance is that of the embedded sample photographs, not of ImageNet.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# A square root of the covariance of RGB in [0, 1] over the views of the sample photographs: eigenvectors times roots of
# eigenvalues (rows: R, G, B; columns: brightness and two colour differences). A test derives it anew.
COLOUR_MATRIX = (
    (0.223, 0.123, 0.029),
    (0.245, 0.010, -0.056),
    (0.263, -0.114, 0.027),
)
# So that a standard deviation of 1 in z makes pictures of an ordinary contrast.
_CONTRAST = 4
# Colours at the ends of the range have no finite logit.
_ENDS = 1 / 512

Size = tuple[int, int]


class Parametrisation(NamedTuple):
    """Three functions; pictures are (N, 3, H, W), RGB in [0, 1]."""

    encode: Callable[[Tensor], Tensor]  # pictures to numbers
    decode: Callable[[Tensor, Size], Tensor]  # numbers to pictures of a size
    enlarge: Callable[[Tensor, Size, Size], Tensor]  # numbers of pictures of one size to those of a larger one


def _fourier_encode(x: Tensor) -> Tensor:
    size = (x.shape[2], x.shape[3])
    matrix = torch.tensor(COLOUR_MATRIX, dtype=x.dtype, device=x.device).inverse()
    independent = torch.einsum("ij,njhw->nihw", matrix, x.clamp(_ENDS, 1 - _ENDS).logit())
    spectrum = torch.fft.rfft2(independent, norm="ortho") * _CONTRAST / _weights(size).to(x)
    return torch.view_as_real(spectrum)


def _fourier_decode(z: Tensor, size: Size) -> Tensor:
    spectrum = torch.view_as_complex(z) * _weights(size).to(z)
    independent = torch.fft.irfft2(spectrum, s=size, norm="ortho") / _CONTRAST  # (N, 3, H, W)
    matrix = torch.tensor(COLOUR_MATRIX, dtype=z.dtype, device=z.device)
    return torch.einsum("ij,njhw->nihw", matrix, independent).sigmoid()


def _fourier_enlarge(z: Tensor, size: Size, larger: Size) -> Tensor:
    """Keep every wave: as many cycles over the larger picture as over the smaller one, equally strong."""
    spectrum = torch.view_as_complex(z) * _weights(size).to(z)
    rows, half = size[0] // 2, size[1] // 2
    wide = spectrum.new_zeros(*z.shape[:2], larger[0], larger[1] // 2 + 1)
    # The highest frequency of an even size stands for two waves that a larger size tells apart; it is left out.
    up, across = (size[0] + 1) // 2, half + size[1] % 2
    wide[:, :, :up, :across] = spectrum[:, :, :up, :across]
    down = size[0] - rows - 1 if size[0] % 2 == 0 else rows
    if down:
        wide[:, :, -down:, :across] = spectrum[:, :, -down:, :across]
    # The inverse divides by the root of the number of pixels.
    wide *= (larger[0] * larger[1] / (size[0] * size[1])) ** 0.5
    return torch.view_as_real((wide / _weights(larger).to(z)).contiguous())


def _weights(size: Size) -> Tensor:
    """Return s(f), (H, W // 2 + 1)."""
    frequency = torch.hypot(torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])[None, :])
    return 1 / frequency.clamp(min=1 / max(size))


PARAMETRISATIONS = {
    "fourier": Parametrisation(_fourier_encode, _fourier_decode, _fourier_enlarge),
    "pixels": Parametrisation(
        encode=lambda x: x - 0.5,
        decode=lambda z, _: z + 0.5,
        enlarge=lambda z, _, larger: F.interpolate(z, larger, mode="bicubic", align_corners=False),
    ),
}

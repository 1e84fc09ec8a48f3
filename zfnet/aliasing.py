"""Gratings, and the frequencies that a map shows when it holds an answer for every s-th pixel only.

Samples that lie s pixels apart can tell frequencies up to the Nyquist limit 1/(2 s) cycles per pixel, along rows and
along columns. What lies above it is not lost: it folds back, on each axis, to

    f_apparent = f - round(f s) / s

and looks like a coarser pattern that is not there: aliasing.

Reference: Oppenheim & Schafer, "Discrete-Time Signal Processing", the chapter on sampling.

Differences from the paper (Zeiler & Fergus 2013, section 4.1): it speaks of aliasing, and measures none.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from zfnet.errors import SelectionError
from zfnet.images import VIEW_SIDE

# Of the gratings, around the middle of [0, 1].
_AMPLITUDE = 0.45


@dataclass(frozen=True, slots=True)
class Apparent:
    """The strongest frequency of a map, in cycles per pixel of the picture, and its contrast.

    ``vertical`` counts along a column, ``horizontal`` along a row, at least zero. ``contrast`` is the amplitude of a
    sinusoid with the map's standard deviation; a flat map has contrast and frequency 0.
    """

    vertical: float
    horizontal: float
    contrast: float

    @property
    def frequency(self) -> float:
        """Return the cycles per pixel across the stripes."""
        return math.hypot(self.vertical, self.horizontal)

    @property
    def period(self) -> float:
        """Return the pixels from crest to crest, infinite for a flat map."""
        return 1 / self.frequency if self.frequency else math.inf


def wave(period: float, orientation: float) -> tuple[float, float]:
    """Return a grating's frequency along columns and along rows, in cycles per pixel.

    Args:
        period: pixels from crest to crest.
        orientation: of the direction across the stripes, in degrees: 0 for upright stripes, 90 for level ones, turning
            clockwise.
    """
    angle = math.radians(orientation)
    return math.sin(angle) / period, math.cos(angle) / period


def grating(period: float, orientation: float, phase: float = 0.0, size: int = VIEW_SIDE) -> Image.Image:
    """Draw a grey sinusoidal grating, RGB of ``size`` × ``size`` pixels, around the middle grey.

    Args:
        period: pixels from crest to crest, at least 2.
        orientation: see :func:`wave`.
        phase: at the first pixel, in radians.
        size: side in pixels.

    Raises:
        SelectionError: for a period that pixels cannot show.
    """
    if not period >= 2:
        raise SelectionError(f"pixels show periods of 2 pixels and more, got {period}")
    return Image.fromarray((ripple(period, orientation, phase, size) * 255).round().astype(np.uint8)).convert("RGB")


def ripple(period: float, orientation: float, phase: float, size: int) -> np.ndarray:
    """Return the brightness of a grating in [0, 1], (size, size)."""
    vertical, horizontal = wave(period, orientation)
    rows, columns = np.ogrid[:size, :size]
    return np.asarray(0.5 + _AMPLITUDE * np.sin(2 * np.pi * (vertical * rows + horizontal * columns) + phase))


def fold(frequency: float | np.ndarray, stride: int) -> np.ndarray:
    """Return as what a frequency along one axis appears: f - round(f s) / s, in cycles per pixel."""
    return np.asarray(frequency - np.round(np.multiply(frequency, stride)) / stride)


def apparent_frequency(values: np.ndarray, stride: int) -> Apparent:
    """Measure the strongest frequency of a map: the peak of its Fourier transform under a Hann window, less its mean.

    Two sinusoids nearer to each other than two cycles over the map cannot be told apart; so a frequency below that is
    uncertain by as much as one cycle over the map.

    Args:
        values: (H, W).
        stride: pixels of the picture between neighbouring values.
    """
    tapered, contrast = _taper(values)
    if not contrast > 1e-6 * float(np.abs(values).max()):
        return Apparent(0.0, 0.0, 0.0)
    spectrum = np.abs(np.fft.fft2(tapered))
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    vertical = _refined(spectrum[:, column], int(row))
    horizontal = _refined(spectrum[row], int(column))
    vertical, horizontal = float(fold(vertical, 1)), float(fold(horizontal, 1))
    sign = -1 if (horizontal, vertical) < (0, 0) else 1
    return Apparent(sign * vertical / stride, sign * horizontal / stride, contrast)


def share_above_nyquist(values: np.ndarray, stride: int) -> float:
    """Return which share of a map's energy a stride folds onto wrong frequencies, in [0, 1].

    The energy is that of the map less its mean, under a Hann window, which keeps its edges from counting as structure:
    the sum of its squared Fourier coefficients, of those above 1/(2 s) along rows or along columns over all.

    Args:
        values: the answers at stride 1, (H, W).
        stride: with which they would be sampled.
    """
    energy = np.abs(np.fft.fft2(_taper(values)[0])) ** 2
    down, across = (np.abs(np.fft.fftfreq(side)) > 1 / (2 * stride) for side in values.shape)
    total = float(energy.sum())
    return float(energy[down[:, None] | across[None]].sum()) / total if total else 0.0


def _taper(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a map less its mean under a Hann window, float64 (H, W), and its contrast there."""
    window = np.outer(*(np.hanning(side + 1)[:-1] for side in values.shape))
    centred = values - np.average(values, weights=window)
    return centred * window, math.sqrt(2 * float(np.average(centred**2, weights=window)))


def _refined(magnitudes: np.ndarray, peak: int) -> float:
    """Return the frequency of a peak between bins, in cycles per cell.

    Under a Hann window, a neighbouring bin that is r times as high as the highest one, 1/2 <= r <= 1, says that the
    sinusoid lies (2 r - 1)/(r + 1) bins from that towards it.
    """
    count = len(magnitudes)
    below, above = magnitudes[peak - 1], magnitudes[(peak + 1) % count]
    ratio = max(below, above) / magnitudes[peak]
    return (peak + math.copysign(max(0.0, (2 * ratio - 1) / (ratio + 1)), above - below)) / count

"""Pictures that follow one another: on one sheet to be scrubbed through, or as a film."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from zfnet import render

# Below, compression without loss takes less than with it, and every pixel counts.
_SMALL = 64
_QUALITY = 90


def sheet(frames: Sequence[np.ndarray], columns: int) -> bytes:
    """Lay frames, uint8 (H, W, 3), in rows of ``columns`` on one WebP, each as large as the last one."""
    height, width = frames[-1].shape[:2]
    whole = Image.fromarray(render.mosaic([np.asarray(one) for one in _fitted(frames)], columns, gap=0))
    return _encode(whole, lossless=max(height, width) < _SMALL)


def animation(frames: Sequence[np.ndarray], milliseconds: int = 120) -> bytes:
    """Return frames, uint8 (H, W, 3), as an animated WebP that repeats, each as large as the last one.

    Args:
        frames: in their order.
        milliseconds: how long each one is seen; the last one ten times as long.
    """
    first, *others = _fitted(frames)
    durations = [milliseconds] * len(others) + [10 * milliseconds]
    return _encode(first, save_all=True, append_images=others, duration=durations, loop=0)


def _fitted(frames: Sequence[np.ndarray]) -> list[Image.Image]:
    height, width = frames[-1].shape[:2]
    return [Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC) for frame in frames]


def _encode(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY, **options)
    return buffer.getvalue()

"""ZFNet Explorer's backend: a ZFNet whose every activation can be seen, projected, attributed and maximised.

    from zfnet import InferenceSession, crop, decode_image

    session = InferenceSession.load()
    view = crop(decode_image(path.read_bytes()))
    session.classify(view).classes
    session.deconvnet(view, ["conv5:17"])

Conventions. Inside, pictures are float32 tensors (N, 3, 224, 224), normalised as the checkpoint says. Outside, a
picture is a
``PIL.Image`` in RGB, an array of pixels uint8 (H, W, 3), a heat map float32 (H, W). Rows come before columns, and count
from 0.
"""

from zfnet import geometry
from zfnet.decoding import decode_image
from zfnet.errors import (
    Cancelled,
    InvalidCheckpointError,
    InvalidImageError,
    QueueFullError,
    SelectionError,
    ZFNetError,
)
from zfnet.images import crop
from zfnet.maximization_settings import MaximizationSettings
from zfnet.session import InferenceSession
from zfnet.unit import Unit

__version__ = "0.1.0"
__all__ = [
    "Cancelled",
    "InferenceSession",
    "InvalidCheckpointError",
    "InvalidImageError",
    "MaximizationSettings",
    "QueueFullError",
    "SelectionError",
    "Unit",
    "ZFNetError",
    "crop",
    "decode_image",
    "geometry",
]

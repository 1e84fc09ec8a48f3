"""Pictures to the 224x224 view that the network sees, to the tensor that goes in, and back.

    picture -> crop -> view -> to_tensor -> (1, 3, 224, 224) -> to_pixels -> (H, W, 3)

Pixels become tensors here and nowhere else.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from zfnet.decoding import on_white
from zfnet.errors import SelectionError

VIEW_SIDE = 224
CROP_MODES = ("centre", "fit", "move")
PAD_COLOUR = (124, 116, 104)  # round(255 * mean) of ImageNet, (0.485, 0.456, 0.406): nearly 0 once normalised


def crop(picture: Image.Image, mode: str = "centre", *, offset: float = 0.5) -> Image.Image:
    """Makes the 224x224 RGB view that the network sees, resampled once: bilinear, antialiased, torchvision's default.

    Args:
        picture: Any size; a mode other than RGB is converted, on white where it is transparent.
        mode: ``"centre"``: shorter side to 224, middle square. ``"fit"``: the whole picture, the rest ``PAD_COLOUR``.
            ``"move"``: the square of ``"centre"``, moved along the longer side.
        offset: Place of the square for ``"move"``, in [0, 1]: 0 left or top, 1 right or bottom.

    Raises:
        SelectionError: Unknown mode, or an offset outside of [0, 1].
    """
    box = crop_box(picture.size, mode, offset)
    picture = on_white(picture)
    if mode != "fit":
        return picture.resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BILINEAR, box=box)
    size, (left, top) = _placement(picture.size, mode, offset)
    view = Image.new("RGB", (VIEW_SIDE, VIEW_SIDE), PAD_COLOUR)
    view.paste(picture.resize(size, Image.Resampling.BILINEAR), (-left, -top))
    return view


def crop_box(size: tuple[int, int], mode: str = "centre", offset: float = 0.5) -> tuple[float, float, float, float]:
    """What the view shows: (left, top, right, bottom) in pixels of a picture of ``size`` (width, height).

    For ``"fit"`` it reaches beyond the picture by the padding. Arguments and errors are those of ``crop``.
    """
    if mode not in CROP_MODES:
        raise SelectionError(f"crop modes are {', '.join(CROP_MODES)}, got {mode!r}; choose one of them")
    if not 0 <= offset <= 1:
        raise SelectionError(f"a crop offset is 0 (left, top) to 1 (right, bottom), got {offset}; choose one between")
    (width, height), (left, top) = _placement(size, mode, offset)
    right, bottom = left + VIEW_SIDE, top + VIEW_SIDE
    # Multiplied first: a quotient of the sides, once rounded, could put the edge just outside of the picture.
    return left * size[0] / width, top * size[1] / height, right * size[0] / width, bottom * size[1] / height


def as_view(picture: Image.Image) -> Image.Image:
    """Returns a 224x224 RGB picture as it is, and the centre crop of any other."""
    is_view = picture.mode == "RGB" and picture.size == (VIEW_SIDE, VIEW_SIDE)
    return picture if is_view else crop(picture)


def to_tensor(view: Image.Image, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Makes the network's input, float32 (1, 3, 224, 224): ``(pixel / 255 - mean) / std`` in each channel.

    Args:
        view: A 224x224 RGB picture; anything else is centre-cropped.
        mean: Red, green and blue, in units of [0, 1].
        std: The same, above 0.
    """
    pixels = torch.from_numpy(np.array(as_view(view))).permute(2, 0, 1).contiguous()  # (3, 224, 224)
    return pixels.float().div(255).sub(_channels(mean)).div(_channels(std)).unsqueeze(0)


def to_pixels(tensor: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> npt.NDArray[np.uint8]:
    """The inverse of ``to_tensor``: (1, 3, H, W) or (3, H, W), normalised, to uint8 (H, W, 3), rounded and clipped."""
    values = tensor.detach().cpu().float().reshape(3, *tensor.shape[-2:])
    pixels = values.mul(_channels(std)).add(_channels(mean)).mul(255).round().clamp(0, 255)  # (3, H, W)
    return np.ascontiguousarray(pixels.byte().permute(1, 2, 0).numpy())


def digest(picture: Image.Image) -> str:
    """SHA-256 over size and RGB pixels, in hexadecimal: the key under which everything about a picture is cached."""
    return hashlib.sha256(b"%d x %d: " % picture.size + on_white(picture).tobytes()).hexdigest()


def _placement(size: tuple[int, int], mode: str, offset: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Size of the resized picture and the view's corner in it, in whole pixels as torchvision rounds them."""
    shorter, longer = min(size), max(size)
    if mode == "fit":
        width, height = (max(1, round(VIEW_SIDE * side / longer)) for side in size)
        return (width, height), (-((VIEW_SIDE - width) // 2), -((VIEW_SIDE - height) // 2))
    width, height = (VIEW_SIDE * side // shorter for side in size)
    place = offset if mode == "move" else 0.5
    return (width, height), (round(place * (width - VIEW_SIDE)), round(place * (height - VIEW_SIDE)))


def _channels(values: Sequence[float]) -> torch.Tensor:
    return torch.tensor(list(values), dtype=torch.float32).reshape(3, 1, 1)

"""Score-CAM: a map weighs as much as the class's probability rises when the picture is seen through it.

    w_k = p(X · H_k) - p(X · 0)        H_k = s(Up(A_k)),  s(M) = (M - min M) / (max M - min M)

X is the normalised picture, Up enlarges a map to its size (bilinear, pixels taken as squares), p is the probability of
the class after softmax, and X · 0 the baseline: a picture of the mean colour. One forward pass for every map that says
anything; a silent one adds nothing to the sum whatever it weighs. A map that is the same everywhere has no s(M): it is
taken as zero, and weighs nothing. Softmax does not see what all logits have in common, so that centring the score makes
no difference.

Reference: Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks".

Differences from the paper: its algorithm ends with a softmax of the weights over the channels, so that they add up
to 1. Of probabilities, that leaves weights that hardly differ; of logits, the weight of very few maps. Here they stay
what the paper defines as channel-wise increase of confidence, and may be below zero. (grad-cam and torchcam pass logits
through that softmax; the one takes pixels as points, the other scales a map before it enlarges it.)
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet import ablation
from zfnet.classification import head_layer
from zfnet.errors import Cancelled
from zfnet.model import Trace, ZFNet

# Pictures in one step: more are no faster, and others' calls go in between.
_BATCH = 8


def scorecam(
    model: ZFNet,
    trace: Trace,
    classes: Sequence[int],
    *,
    layer: str,
    head: str,
    centred: bool,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Tensor:
    """Return what the maps of a layer weigh for each class, (K, C); silent ones nothing. All classes share the passes.

    The arguments are those of ``zfnet.cam.class_activation``, which has checked them; ``centred`` changes nothing.

    Raises:
        Cancelled: when ``cancel`` says so.
    """
    answer, maps, x = model.get_submodule(head_layer(trace, head)), trace.activation(layer)[0], trace.input

    def probabilities(pictures: Tensor) -> Tensor:
        # Channels last: a fifth less time for the convolutions of a CPU.
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        left = ablation.read(model, "input", pictures, head=head)
        return answer(left).softmax(1)[:, list(classes)].T  # type: ignore[no-any-return]  # (K, pictures)

    with slot():
        live, baseline = ablation.live(trace, layer), probabilities(torch.zeros_like(x))
    weights = x.new_zeros(len(classes), len(maps))
    for start in range(0, len(live), _BATCH):
        if cancel and cancel():
            raise Cancelled(f"stopped after {start} of {len(live)} maps")
        batch = live[start : start + _BATCH]
        with slot():
            weights[:, batch] = probabilities(x * masks(maps[batch], (x.shape[2], x.shape[3]))) - baseline
        if progress:
            progress(start + len(batch), len(live))
    return weights


def masks(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (K, H, W) enlarged to a size and then scaled to [0, 1], (K, 1, *size); zero where one is flat."""
    large = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    # Asked of the map itself: enlarging rounds, and a flat one would become noise from 0 to 1.
    flat = (maps.amin((1, 2)) == maps.amax((1, 2)))[:, None, None, None]
    return ((large - low) / (high - low)).where(~flat, 0)

"""Ablation-CAM: a map weighs as much as the class's score falls without it.

    w_k = (S - S_k) / |S|        S_k: the score with map k set to zero

In conv5 and pool5 every S_k comes from one product (``zfnet.ablation``); in other layers the layers above run anew.

Reference: Ramaswamy & Desai 2020, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free
Localization".

Differences from the paper: it divides by S, which turns all signs around where S is below zero; here a map always
weighs more than nothing when the score falls without it. Where S is zero, falls are not divided. With ``centred``, S is
the class's logit less the mean of all.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor

from zfnet import ablation
from zfnet.classification import class_seeds, head_layer
from zfnet.errors import Cancelled
from zfnet.model import Trace, ZFNet


def ablationcam(
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
    """Return what the maps of a layer weigh for each class, (K, C); silent ones nothing.

    The arguments are those of ``zfnet.cam.class_activation``, which has checked them.

    Raises:
        Cancelled: when ``cancel`` says so.
    """
    logits = head_layer(trace, head)
    with slot():
        live, without = ablation.live(trace, layer), ablation.without(model, trace, layer, head)
        seeds = class_seeds(trace, classes, head, centred=centred)
        directions = model.get_submodule(logits).transpose(seeds)  # type: ignore[operator]  # (K, features)
        whole = trace.activation("fc7") if head == "fc" else trace.activation("conv5").mean((2, 3))
        scores = (seeds * trace.outputs[logits]).sum(1, keepdim=True).abs()  # (K, 1)
    falls = seeds.new_zeros(len(classes), trace.outputs[layer].shape[1])
    done = 0
    for batch in ablation.batches(layer, live):
        if cancel and cancel():
            raise Cancelled(f"stopped after {done} of {len(live)} maps")
        with slot():
            falls[:, batch] = directions @ (whole - without([], batch)).T
        done += len(batch)
        if progress:
            progress(done, len(live))
    return falls / scores.where(scores > 0, 1)

"""The class-activation family: where in a layer the evidence for a class lies.

Every method is one sum over the maps A of a layer, L = ReLU(Σ_k w_k A_k), and differs only in the weights w, which it
makes from the maps and from g = ∂(class logit)/∂A:

    cam         w_k = Σ over cells of g_k, which is the head's own weight for map k      Zhou et al. 2016
    gradcam     w_k = mean over cells of g_k                                            Selvaraju et al. 2017, eq. 1, 2
    gradcam++   w_k = Σ over cells of α_k max(g_k, 0), with α_k = 1 / (2 + g_k Σ A_k)   Chattopadhay et al. 2018, eq. 19
                where g_k > 0, and 0 elsewhere
    hirescam    w_k = g_k, cell by cell                                                 Draelos & Carin 2020
    layercam    w_k = max(g_k, 0), cell by cell                                         Jiang et al. 2021

References: "Learning Deep Features for Discriminative Localization"; "Grad-CAM"; "Grad-CAM++"; "Use HiResCAM instead of
Grad-CAM for faithful explanations of convolutional neural networks"; "LayerCAM: Exploring Hierarchical Class Activation
Maps for Localization".

Differences from the papers: equation 19 is g² / (2 g² + g³ Σ A); divided by g² it has no cells of 0 / 0, and where g
is not positive its max(g, 0) is zero anyway. CAM and HiResCAM have no last ReLU in their papers: ``rectified=False``
leaves it out. The map is returned raw, in the layer's own size.

The score can be centred: the class's logit less the mean of all logits. Softmax does not see what all logits have in
common, but g does, and where that part is large, as in the embedded checkpoint, it drowns the class's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.classification import head_layer
from zfnet.errors import SelectionError
from zfnet.geometry import SPATIAL
from zfnet.model import Trace, ZFNet

# At conv1 the gradients hold 5 MB a class.
_BATCH = 16


def _gradcam_plus_plus(maps: Tensor, gradients: Tensor) -> Tensor:
    positive = gradients.clamp(min=0)
    return (positive / (2 + positive * maps.sum((1, 2))[:, None, None])).sum((2, 3), keepdim=True)


# Maps (C, H, W) and gradients (K, C, H, W) to weights that broadcast to (K, C, H, W).
METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cam": lambda maps, gradients: gradients.sum((2, 3), keepdim=True),
    "gradcam": lambda maps, gradients: gradients.mean((2, 3), keepdim=True),
    "gradcam++": _gradcam_plus_plus,
    "hirescam": lambda maps, gradients: gradients,
    "layercam": lambda maps, gradients: gradients.clamp(min=0),
}


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Evidence for one class, float32 (H, W) in the layer's own size, raw: neither scaled nor enlarged."""

    method: str
    class_index: int
    layer: str
    head: str
    values: np.ndarray = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChannelEvidence:
    """The Grad-CAM of one class in its parts: L = ReLU(Σ_k w_k A_k).

    ``weights`` float32 (C,) are w; ``maps`` float32 (C, H, W) are A.
    """

    class_index: int
    layer: str
    head: str
    weights: np.ndarray = field(repr=False)
    maps: np.ndarray = field(repr=False)

    @property
    def parts(self) -> np.ndarray:
        """Return what each channel adds to the mean of the sum before ReLU, w_k · mean(A_k), (C,)."""
        return np.asarray(self.weights * self.maps.mean((1, 2)))

    def ranked(self) -> np.ndarray:
        """Return the channels by falling magnitude of their parts, int (C,)."""
        return np.argsort(-np.abs(self.parts), kind="stable")

    def partial(self, count: int) -> np.ndarray:
        """Return the sum before ReLU of the first ``count`` channels, (H, W); all of them give the whole Grad-CAM."""
        chosen = self.ranked()[:count]
        return np.asarray(np.tensordot(self.weights[chosen], self.maps[chosen], 1))

    def share(self, count: int) -> float:
        """Return which share of the parts' magnitudes the first ``count`` channels have; 0 where there are none."""
        sizes = np.sort(np.abs(self.parts))[::-1]
        return float(sizes[:count].sum() / sizes.sum()) if sizes.any() else 0.0


def class_activation(
    model: ZFNet,
    trace: Trace,
    classes: Sequence[int],
    *,
    methods: Sequence[str] = ("gradcam",),
    layer: str = "conv5",
    head: str = "fc",
    rectified: bool = True,
    centred: bool = False,
) -> tuple[ClassMap, ...]:
    """Return a map for every class and method, class by class.

    Args:
        model: the network of the trace.
        trace: of one picture.
        classes: class indices. They go down from the logits together; there is no second forward pass.
        methods: names from ``METHODS``.
        layer: conv1 ... pool5. Away from conv5 the maps are less reliable.
        head: whose logit counts, "fc" or "gap". CAM is defined at conv5 for "gap" alone, which reads nothing but the
            maps' averages.
        rectified: after the final ReLU; False for the signed sum.
        centred: take the logit less the mean of all logits, instead of the logit itself.

    Raises:
        SelectionError: for a class, method, layer or head that does not exist.
    """
    for method in methods:
        if method not in METHODS:
            raise SelectionError(f"the methods are {', '.join(METHODS)}, got {method!r}")
    if "cam" in methods and (head, layer) != ("gap", "conv5"):
        raise SelectionError(f"cam needs the head 'gap' and the layer conv5, got the head {head!r} and {layer}")
    results: list[ClassMap] = []
    for start in range(0, len(classes), _BATCH):
        batch = classes[start : start + _BATCH]
        maps, gradients = _maps_and_gradients(model, trace, batch, layer=layer, head=head, centred=centred)
        sums = {method: (METHODS[method](maps, gradients) * maps).sum(1) for method in methods}  # each (K, H, W)
        results += (
            ClassMap(method, index, layer, head, (values[k].relu() if rectified else values[k]).cpu().numpy())
            for k, index in enumerate(batch)
            for method, values in sums.items()
        )
    return tuple(results)


def channel_evidence(
    model: ZFNet,
    trace: Trace,
    class_index: int,
    *,
    layer: str = "conv5",
    head: str = "fc",
    centred: bool = False,
) -> ChannelEvidence:
    """Take the Grad-CAM of one class apart into the maps that it adds up; the arguments are ``class_activation``'s."""
    maps, gradients = _maps_and_gradients(model, trace, [class_index], layer=layer, head=head, centred=centred)
    weights = METHODS["gradcam"](maps, gradients)[0, :, 0, 0]
    return ChannelEvidence(class_index, layer, head, weights.cpu().numpy(), maps.cpu().numpy().copy())


def _maps_and_gradients(
    model: ZFNet, trace: Trace, classes: Sequence[int], *, layer: str, head: str, centred: bool
) -> tuple[Tensor, Tensor]:
    """Return the layer's maps, (C, H, W), and there the gradient of each class's score, (K, C, H, W)."""
    logits, count = head_layer(trace, head), model.config.num_classes
    for index in classes:
        if not 0 <= index < count:
            raise SelectionError(f"there are {count} classes (0-{count - 1}), got {index}")
    allowed = SPATIAL[: SPATIAL.index("conv5") + 1] if head == "gap" else SPATIAL
    if layer not in allowed:
        raise SelectionError(f"class maps of the head {head!r} are made at {', '.join(allowed)}, got {layer!r}")
    maps = trace.activation(layer)[0]
    return maps, model.pullback(trace, logits, class_seeds(trace, classes, head, centred=centred), until=layer)


def class_seeds(trace: Trace, classes: Sequence[int], head: str, *, centred: bool) -> Tensor:
    """Return the gradient of each class's score with respect to the logits, (K, classes)."""
    logits = trace.outputs[head_layer(trace, head)]
    seeds = F.one_hot(torch.tensor(list(classes), device=logits.device), logits.shape[1]).to(logits.dtype)
    return seeds - 1 / logits.shape[1] if centred else seeds

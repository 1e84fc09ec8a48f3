"""The class-activation family: where in a layer the evidence for a class lies.

Every method is one sum over the maps A of a layer, L = ReLU(Σ_k w_k A_k), and differs only in the weights w. Six make
them from the maps and from g = ∂(class logit)/∂A, two by asking the network again, map by map:

    cam         w_k = Σ over cells of g_k, which is the head's own weight for map k      Zhou et al. 2016
    gradcam     w_k = mean over cells of g_k                                            Selvaraju et al. 2017, eq. 1, 2
    gradcam++   w_k = Σ over cells of α_k max(g_k, 0), with α_k = 1 / (2 + g_k Σ A_k)   Chattopadhay et al. 2018, eq. 19
                where g_k > 0, and 0 elsewhere
    hirescam    w_k = g_k, cell by cell                                                 Draelos & Carin 2020
    layercam    w_k = max(g_k, 0), cell by cell                                         Jiang et al. 2021
    eigencam    w = the first right singular vector of A, written cells × channels      Muhammad & Yeasin 2020
    ablationcam w_k = how far the score falls without A_k (``zfnet.ablationcam``)       Ramaswamy & Desai 2020
    scorecam    w_k = how far the probability rises through A_k (``zfnet.scorecam``)    Wang et al. 2020

Eigen-CAM is the projection of every cell on the first principal component, not centred, as in its paper. It asks for no
class: its map is the same for each. A singular vector has no sign of its own; it is taken with Σ w_k ≥ 0. As no map is
below zero after ReLU, neither is any weight then (Perron and Frobenius); a power iteration that starts with ones finds
just this one.

References: "Learning Deep Features for Discriminative Localization"; "Grad-CAM"; "Grad-CAM++"; "Use HiResCAM instead of
Grad-CAM for faithful explanations of convolutional neural networks"; "LayerCAM: Exploring Hierarchical Class Activation
Maps for Localization"; "Eigen-CAM: Class Activation Map using Principal Components".

Differences from the papers: equation 19 is g² / (2 g² + g³ Σ A); divided by g² it has no cells of 0 / 0, and where g
is not positive its max(g, 0) is zero anyway. CAM and HiResCAM have no last ReLU in their papers: ``rectified=False``
leaves it out. The map is returned raw, in the layer's own size.

The score can be centred: the class's logit less the mean of all logits. Softmax does not see what all logits have in
common, but g does, and where that part is large, as in the embedded checkpoint, it drowns the class's own. Eigen-CAM
and Score-CAM are the same for both.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.ablation import BY_PARTS
from zfnet.ablationcam import ablationcam
from zfnet.classification import class_seeds, head_layer
from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import SPATIAL
from zfnet.model import Trace, ZFNet
from zfnet.scorecam import scorecam

# At conv1 the gradients hold 5 MB a class.
_BATCH = 16
# Of Eigen-CAM: a few dozen are enough unless two components are nearly as large as each other.
_ITERATIONS, _CONVERGED = 10_000, 1e-15


def _gradcam_plus_plus(maps: Tensor, gradients: Tensor) -> Tensor:
    positive = gradients.clamp(min=0)
    return (positive / (2 + positive * maps.sum((1, 2))[:, None, None])).sum((2, 3), keepdim=True)


def _principal(maps: Tensor, gradients: Tensor) -> Tensor:
    a = maps.flatten(1).double()  # (C, cells); squared below, where float32 would lose half its digits
    a = a if a.shape[0] <= a.shape[1] else a.T
    square, vector = a @ a.T, torch.ones_like(a[:, 0])
    # Power iteration: a decomposition works in so many small steps that on a busy machine it takes a second.
    for _ in range(_ITERATIONS):
        vector, before = F.normalize(square @ vector, dim=0), vector
        if (vector - before).abs().max() < _CONVERGED:
            break
    vector = vector if len(vector) == len(maps) else F.normalize(a.T @ vector, dim=0)
    return vector.to(maps.dtype)[:, None, None].expand(len(gradients), -1, 1, 1)


# Maps (C, H, W) and gradients (K, C, H, W) to weights that broadcast to (K, C, H, W).
WEIGHTINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cam": lambda maps, gradients: gradients.sum((2, 3), keepdim=True),
    "gradcam": lambda maps, gradients: gradients.mean((2, 3), keepdim=True),
    "gradcam++": _gradcam_plus_plus,
    "hirescam": lambda maps, gradients: gradients,
    "layercam": lambda maps, gradients: gradients.clamp(min=0),
    "eigencam": _principal,
}
# What asks the network again returns a weight for every class and map, (K, C).
ASKING: dict[str, Callable[..., Tensor]] = {"ablationcam": ablationcam, "scorecam": scorecam}
METHODS = (*WEIGHTINGS, *ASKING)
# Centring the score makes no difference to these.
INDIFFERENT = ("eigencam", "scorecam")


def quick(head: str, layer: str) -> tuple[str, ...]:
    """Return the methods that are defined for a head at a layer and ask for no further pass through convolutions."""
    left_out = {
        "cam": (head, layer) != ("gap", "conv5"),
        "ablationcam": layer not in BY_PARTS,
        "scorecam": True,
    }
    return tuple(method for method in METHODS if not left_out.get(method))


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
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[ClassMap, ...]:
    """Return a map for every class and method, class by class.

    Args:
        model: the network of the trace.
        trace: of one picture.
        classes: class indices. They go down from the logits together; there is no second forward pass, but for
            Score-CAM, which has one for every map, and for Ablation-CAM away from conv5 and pool5.
        methods: names from ``METHODS``.
        layer: conv1 ... pool5. Away from conv5 the maps are less reliable.
        head: whose logit counts, "fc" or "gap". CAM is defined at conv5 for "gap" alone, which reads nothing but the
            maps' averages.
        rectified: after the final ReLU; False for the signed sum.
        centred: take the logit less the mean of all logits, instead of the logit itself.
        slot: entered for every step, so that others' work can go in between.
        progress: called by methods that ask the network again, with the number of maps done and of all.
        cancel: asked before every step.

    Raises:
        SelectionError: for a class, method, layer or head that does not exist.
        Cancelled: when ``cancel`` says so.
    """
    _check(model, trace, classes, methods=methods, layer=layer, head=head)
    asked = {
        method: ASKING[method](
            model, trace, classes, layer=layer, head=head, centred=centred, slot=slot, progress=progress, cancel=cancel
        )
        for method in methods
        if method in ASKING and classes
    }
    results: list[ClassMap] = []
    for start in range(0, len(classes), _BATCH):
        if cancel and cancel():
            raise Cancelled(f"stopped after {start} of {len(classes)} classes")
        batch = classes[start : start + _BATCH]
        with slot():
            maps, gradients = _maps_and_gradients(model, trace, batch, layer=layer, head=head, centred=centred)
            found = {m: weights[start : start + _BATCH, :, None, None] for m, weights in asked.items()}
            found |= {m: WEIGHTINGS[m](maps, gradients) for m in methods if m in WEIGHTINGS}
            sums = {method: (found[method] * maps).sum(1) for method in methods}  # each (K, H, W)
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
    _check(model, trace, [class_index], methods=["gradcam"], layer=layer, head=head)
    maps, gradients = _maps_and_gradients(model, trace, [class_index], layer=layer, head=head, centred=centred)
    weights = WEIGHTINGS["gradcam"](maps, gradients)[0, :, 0, 0]
    return ChannelEvidence(class_index, layer, head, weights.cpu().numpy(), maps.cpu().numpy().copy())


def _maps_and_gradients(
    model: ZFNet, trace: Trace, classes: Sequence[int], *, layer: str, head: str, centred: bool
) -> tuple[Tensor, Tensor]:
    """Return the layer's maps, (C, H, W), and there the gradient of each class's score, (K, C, H, W)."""
    seeds = class_seeds(trace, classes, head, centred=centred)
    return trace.activation(layer)[0], model.pullback(trace, head_layer(trace, head), seeds, until=layer)


def _check(
    model: ZFNet, trace: Trace, classes: Sequence[int], *, methods: Sequence[str], layer: str, head: str
) -> None:
    for method in methods:
        if method not in METHODS:
            raise SelectionError(f"the methods are {', '.join(METHODS)}, got {method!r}")
    if "cam" in methods and (head, layer) != ("gap", "conv5"):
        raise SelectionError(f"cam needs the head 'gap' and the layer conv5, got the head {head!r} and {layer}")
    head_layer(trace, head)
    count = model.config.num_classes
    for index in classes:
        if not 0 <= index < count:
            raise SelectionError(f"there are {count} classes (0-{count - 1}), got {index}")
    allowed = SPATIAL[: SPATIAL.index("conv5") + 1] if head == "gap" else SPATIAL
    if layer not in allowed:
        raise SelectionError(f"class maps of the head {head!r} are made at {', '.join(allowed)}, got {layer!r}")

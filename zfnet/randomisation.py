"""Cascading randomisation: the same network with the weights of some layers shuffled, from the top downwards.

A method that explains what a network has learnt should draw another picture when what was learnt is gone. The weights
of a layer are permuted: every value stays, its place is drawn anew, in the weight and in the bias each for itself (of a
layer that is stored as two factors, in each factor). The permutation of a layer depends on the seed and the layer only,
so that a cascade changes one layer more at every step.

Reference: Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3.

Differences from the paper: it draws new weights for the cascade; permuting them keeps each layer's distribution.
"""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from zfnet.errors import SelectionError
from zfnet.geometry import BELOW, POOLINGS
from zfnet.model import ZFNet

# Returns what is held under a key, else makes it.
Hold = Callable[[str, Callable[[], Tensor]], Tensor]


@dataclass(frozen=True, slots=True)
class Randomisation:
    """Which layers are permuted, from the highest to the lowest, and by which seed."""

    layers: tuple[str, ...]
    seed: int

    def __str__(self) -> str:
        return f"permuted:{self.layers[0]}-{self.layers[-1]}:{self.seed}"


def cascade(layer: str, until: str = "conv1") -> tuple[str, ...]:
    """Return the layers with weights from ``layer`` down to ``until``, in the order in which they are permuted.

    Args:
        layer: where the cascade starts: conv1 ... fc8 or gap; below a pooling it starts with the next layer that has
            weights.
        until: the lowest layer, conv1 ... fc8 or gap.

    Raises:
        SelectionError: for a layer that does not exist or has no weights, or when ``until`` does not lie below.
    """
    passed, name = [], layer
    while name in BELOW:
        passed.append(name)
        name = BELOW[name]
    learned = tuple(name for name in passed if name not in POOLINGS)
    if until not in learned:
        raise SelectionError(
            f"weights are permuted from {layer!r} down to one of {', '.join(learned)}, got {until!r}"
            if learned
            else f"weights are permuted from one of the layers {', '.join(BELOW)}, got {layer!r}"
        )
    return learned[: learned.index(until) + 1]


def randomised(model: ZFNet, randomisation: Randomisation, *, hold: Hold = lambda key, permuted: permuted()) -> ZFNet:
    """Return a network whose weights are permuted in some layers, and in all others those of ``model`` themselves.

    Args:
        model: stays as it is.
        randomisation: layers and seed.
        hold: keeps permuted tensors for the next call.

    Raises:
        SelectionError: for the averaging head of a network that has none.
    """
    if "gap" in randomisation.layers and model.gap is None:
        raise SelectionError("this network has no averaging head (gap) to permute")
    seed = randomisation.seed
    changed = {
        name: hold(f"{name} {seed}", partial(permuted, tensor, name, seed))
        for name, tensor in model.state_dict().items()
        if name.partition(".")[0] in randomisation.layers
    }
    # What deepcopy believes to have copied already it takes as it is: the twin has modules of its own, but no weights.
    twin = deepcopy(model, {id(parameter): parameter for parameter in model.parameters()})
    twin.load_state_dict(changed, strict=False, assign=True)
    return twin


def permuted(tensor: Tensor, name: str, seed: int) -> Tensor:
    """Return the values of a tensor in places that depend on its name and the seed alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
    return tensor.flatten()[order].view_as(tensor)

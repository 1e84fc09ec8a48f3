"""The filters of a convolution: the weights themselves, which do not depend on any picture."""

import numpy as np

from zfnet.errors import SelectionError
from zfnet.geometry import CONVOLUTIONS
from zfnet.model import ZFNet


def filters(model: ZFNet, layer: str) -> np.ndarray:
    """Return the weights of a convolution, float32 (filters, channels, kernel, kernel).

    Raises:
        SelectionError: for a layer that is not a convolution.
    """
    if layer not in CONVOLUTIONS:
        raise SelectionError(f"only {CONVOLUTIONS[0]} to {CONVOLUTIONS[-1]} have filters, got {layer!r}")
    # A copy, for the network is shared: nobody may write into it.
    return model.get_submodule(layer).get_parameter("weight").detach().float().cpu().numpy().copy()

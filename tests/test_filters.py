"""The filters of a convolution: the weights as they are, in a copy."""

import numpy as np
import pytest

from tests.oracle import unchanged
from zfnet import InferenceSession, SelectionError
from zfnet.filters import filters
from zfnet.geometry import CONVOLUTIONS
from zfnet.model import Trace, ZFNet


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_filters_are_the_weights(network: ZFNet, layer: str) -> None:
    found = filters(network, layer)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.state_dict()[f"{layer}.weight"].numpy(), rtol=1e-6)


def test_the_filters_of_conv1_look_at_three_colours(session: InferenceSession, embedded: ZFNet) -> None:
    found = session.filters("conv1")
    assert found.shape == (96, 3, 7, 7)
    np.testing.assert_array_equal(found, embedded.conv1.weight.numpy())


def test_filters_are_a_copy(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        filters(network, "conv1")[:] = 0


@pytest.mark.parametrize("layer", ["pool1", "fc6", "gap", "input"])
def test_a_layer_without_filters_is_refused(network: ZFNet, trace: Trace, layer: str) -> None:
    with (
        unchanged(network, trace),
        pytest.raises(SelectionError, match=f"only conv1 to conv5 have filters, got '{layer}'"),
    ):
        filters(network, layer)

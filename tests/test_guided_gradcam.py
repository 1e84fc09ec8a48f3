"""Guided Grad-CAM: the product of its two parts, each by captum."""

import numpy as np
import pytest
from captum.attr import GuidedBackprop, LayerGradCam

from tests.oracle import HEADS, sequential, unchanged
from zfnet.errors import SelectionError
from zfnet.geometry import receptive_field
from zfnet.guided_gradcam import guided_gradcam
from zfnet.model import Trace, ZFNet
from zfnet.render import place
from zfnet.unit import Unit


@pytest.mark.parametrize("head", HEADS)
def test_it_is_captums_guided_backpropagation_times_captums_map(network: ZFNet, trace: Trace, head: str) -> None:
    chain = sequential(network, head)
    conv5 = chain.get_submodule("conv5")
    for index in range(9):
        x = trace.input.clone().requires_grad_()
        lines = GuidedBackprop(chain).attribute(x, target=index)[0].permute(1, 2, 0).detach().numpy()
        coarse = LayerGradCam(chain, conv5).attribute(x, index, relu_attributions=True)[0, 0].detach().numpy()
        found = guided_gradcam(network, trace, index, head=head)
        assert found.unit == Unit(HEADS[head], index)
        placed = place(coarse, receptive_field(network.config, "conv5")).astype(np.float64)
        expected = lines * (placed / placed.max() if placed.max() > 0 else 0 * placed)[..., None]
        np.testing.assert_allclose(found.pixels, expected, rtol=0, atol=1e-6 * max(np.abs(lines).max(), 1e-30))


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        guided_gradcam(network, trace, 3)
        with pytest.raises(SelectionError):
            guided_gradcam(network, trace, 9)

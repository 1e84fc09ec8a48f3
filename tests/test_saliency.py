"""Saliency: against captum, against autograd, and against small changes of the picture."""

import numpy as np
import pytest
import torch
from captum.attr import GuidedBackprop, NeuronGradient, NeuronGuidedBackprop, Saliency
from PIL import Image
from torch import Tensor, nn

from tests.oracle import difference, sequential, unchanged
from zfnet import InferenceSession
from zfnet.errors import SelectionError
from zfnet.geometry import SPATIAL
from zfnet.model import Trace, ZFNet
from zfnet.saliency import METHODS, saliency
from zfnet.unit import Unit

CAPTUM = {"gradient": NeuronGradient, "guided": NeuronGuidedBackprop}


def pixels(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).permute(2, 0, 1)[None]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", SPATIAL)
def test_a_cell_equals_captum(network: ZFNet, trace: Trace, layer: str, method: str) -> None:
    chain = sequential(network)
    found = saliency(network, trace, Unit(layer, 1), method=method)
    explained = CAPTUM[method](chain, chain.get_submodule(layer))
    expected = explained.attribute(trace.input.clone().requires_grad_(), (1, *found.unit.position))
    assert difference(pixels(found.pixels), expected.detach()) < 1e-11


@pytest.mark.parametrize(("head", "layer"), [("fc", "fc8"), ("gap", "gap")])
def test_a_class_equals_captum(network: ZFNet, trace: Trace, head: str, layer: str) -> None:
    chain = sequential(network, head)
    x = trace.input.clone().requires_grad_()
    expected = {
        "gradient": Saliency(chain).attribute(x, target=4, abs=False),
        "guided": GuidedBackprop(chain).attribute(x, target=4),
    }
    for method in METHODS:
        found = saliency(network, trace, Unit(layer, 4), method=method)
        assert found.unit == Unit(layer, 4)
        assert difference(pixels(found.pixels), expected[method].detach()) < 1e-11, method


def test_the_gradient_foretells_what_a_small_change_does(network: ZFNet, trace: Trace) -> None:
    unit = saliency(network, trace, Unit("conv4", 2)).unit
    step = 1e-6 * torch.randn(trace.input.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cell = (0, unit.channel, *unit.position)
    change = network.trace(trace.input + step).outputs["conv4"][cell] - trace.outputs["conv4"][cell]
    foretold = (pixels(saliency(network, trace, unit).pixels) * step).sum()
    assert abs(change - foretold) < 1e-3 * abs(change)


def test_the_embedded_network_equals_captum(
    session: InferenceSession, chains: dict[str, nn.Sequential], sample: Image.Image
) -> None:
    x = session.prepare(sample).requires_grad_()
    found = session.saliency(sample, "gap:207", method="guided")
    assert (found.pixels.dtype, found.pixels.shape, found.method) == (np.float32, (224, 224, 3), "guided")
    assert difference(pixels(found.pixels), GuidedBackprop(chains["gap"]).attribute(x, target=207).detach()) < 1e-4


def test_a_silent_cell_gives_nothing_and_a_silent_unit_no_position(network: ZFNet, trace: Trace) -> None:
    channel, row, column = (int(i) for i in (trace.activation("conv5")[0] == 0).nonzero()[0])
    for method in METHODS:
        assert not saliency(network, trace, Unit("conv5", channel, (row, column)), method=method).pixels.any()
    dark = network.trace(torch.zeros_like(trace.input) - 50)
    for channel, values in enumerate(dark.activation("conv1")[0]):
        found = saliency(network, dark, Unit("conv1", channel))
        assert (found.unit.position is None) == (not values.any())
        assert found.pixels.any() == bool(values.any())


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        saliency(network, trace, Unit("fc8", 1), method="guided")
        with pytest.raises(SelectionError):
            saliency(network, trace, Unit("conv5", 99))


@pytest.mark.parametrize(
    ("unit", "method", "message"),
    [
        ("conv5:3", "deconvnet", "the methods are gradient, guided, got 'deconvnet'"),
        ("conv6:3", "gradient", "fc8, gap, got 'conv6'"),
        ("fc8:1000", "gradient", "fc8 has 1000 channels (0-999), got 1000"),
    ],
)
def test_what_does_not_exist_is_refused(
    session: InferenceSession, sample: Image.Image, unit: str, method: str, message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        session.saliency(sample, unit, method=method)
    assert message in str(caught.value)


@pytest.mark.parametrize("layer", ["fc8", "gap"])
def test_a_centred_gradient_is_that_of_the_logit_less_the_mean_of_all(network: ZFNet, trace: Trace, layer: str) -> None:
    one = saliency(network, trace, Unit(layer, 4), centred=True).pixels
    every = np.mean([saliency(network, trace, Unit(layer, i)).pixels for i in range(9)], axis=0)
    np.testing.assert_allclose(one, saliency(network, trace, Unit(layer, 4)).pixels - every, rtol=0, atol=1e-13)


def test_only_a_class_can_be_centred(network: ZFNet, trace: Trace) -> None:
    with pytest.raises(SelectionError, match=r"only a class's logit can be centred \(fc8, gap\), got 'fc7'"):
        saliency(network, trace, Unit("fc7", 1), centred=True)

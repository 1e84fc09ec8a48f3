"""The way down made visible: every operation in its order, each as autograd and the projection have it."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.oracle import differentiable, unchanged
from zfnet.deconvnet import deconvnet
from zfnet.descent import descent
from zfnet.errors import SelectionError
from zfnet.geometry import BELOW, LAYERS, POOLINGS, RECTIFIED, SPATIAL, shapes
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit


def strength(signal: Tensor) -> np.ndarray:
    """Return the root mean square over the channels of (1, C, H, W)."""
    return (signal[0].numpy() ** 2).mean(0) ** 0.5


@pytest.mark.parametrize("layer", SPATIAL)
def test_the_operations_come_in_the_order_of_the_paper(network: ZFNet, trace: Trace, layer: str) -> None:
    expected = []
    for name in reversed(LAYERS[: LAYERS.index(layer) + 1]):
        expected += [("rectify", name, name)] if name in RECTIFIED else []
        expected += [("unpool" if name in POOLINGS else "filter", name, BELOW[name])]
    found = descent(network, trace, Unit(layer, 1))
    assert [(stage.operation, stage.layer, stage.at) for stage in found.stages] == expected
    for stage in found.stages:
        channels, *size = shapes(network.config)[stage.at]
        assert (stage.channels, list(stage.strength.shape)) == (channels, size)
    assert [s.layer for s in found.switches] == [
        name for name in reversed(POOLINGS) if name in dict.fromkeys(stage.layer for stage in found.stages)
    ]


@pytest.mark.parametrize("layer", ["conv1", "conv2", "pool2", "conv5", "pool5"])
def test_what_every_operation_leaves_is_what_autograd_carries(network: ZFNet, trace: Trace, layer: str) -> None:
    """Autograd with the rule at its ReLUs arrives at the same values, before and after each of them."""
    found = descent(network, trace, Unit(layer, 2))
    values = differentiable(network, trace.input, "deconvnet")
    seed = torch.zeros_like(values[layer])
    seed[(0, 2, *found.unit.position)] = found.seed
    for stage in found.stages:
        if stage.operation == "rectify":  # what arrives after the ReLU, without what is below zero
            arrived = (
                seed
                if stage.at == layer
                else torch.autograd.grad(values[layer], values[stage.at], seed, retain_graph=True)[0]
            )
            expected = arrived.clamp(min=0)
        else:
            (expected,) = torch.autograd.grad(values[layer], values[stage.at], seed, retain_graph=True)
        np.testing.assert_allclose(stage.strength, strength(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", SPATIAL)
def test_the_last_stage_is_the_projection(network: ZFNet, trace: Trace, layer: str) -> None:
    unit = Unit(layer, 3)
    found, (projection,) = descent(network, trace, unit), deconvnet(network, trace, [unit])
    assert (found.unit, found.seed) == (projection.unit, projection.activation)
    expected = (projection.pixels**2).mean(-1) ** 0.5
    np.testing.assert_allclose(found.stages[-1].strength, expected, rtol=0, atol=1e-12)


def test_switches_are_those_of_the_trace_in_the_channel_that_carries_most(network: ZFNet, trace: Trace) -> None:
    found = descent(network, trace, Unit("pool5", 1))
    for switches in found.switches:
        below = trace.activation(BELOW[switches.layer])[0, switches.channel].numpy()
        np.testing.assert_array_equal(switches.below, below)
        rows, columns = switches.cells[..., 0], switches.cells[..., 1]
        np.testing.assert_array_equal(below[rows, columns], switches.pooled)
        assert switches.signal.shape == switches.pooled.shape == rows.shape
        assert switches.signal.any()
    assert found.switches[0].channel == 1  # at the unit's own layer there is no other


def test_a_silent_unit_has_no_way_down(network: ZFNet, x: Tensor) -> None:
    muted = deepcopy(network)
    muted.conv3.bias[2] = -1e6
    trace = muted.trace(x)
    found = descent(muted, trace, Unit("conv3", 2))
    assert (found.unit, found.seed, found.stages, found.switches) == (Unit("conv3", 2), 0, (), ())
    quiet = tuple((trace.activation("conv5")[0, 1] == 0).nonzero()[0].tolist())
    assert descent(muted, trace, Unit("conv5", 1, quiet)).stages == ()


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        found = descent(network, trace, Unit("pool5", 1))
        for switches in found.switches:
            switches.below.fill(7)
            switches.pooled.fill(7)
            switches.signal.fill(7)
        with pytest.raises(SelectionError, match="this works on the layers conv1, "):
            descent(network, trace, Unit("fc6", 1))

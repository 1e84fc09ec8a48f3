"""The arithmetic of a value: against sums written out cell by cell, and it adds up."""

import math
from copy import deepcopy

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from tests.oracle import run, sequential, unchanged
from zfnet import InferenceSession
from zfnet.contributions import Contributions, contributions
from zfnet.errors import SelectionError
from zfnet.geometry import BELOW, CONVOLUTIONS, FULLY_CONNECTED, LAYERS, POOLINGS, RECTIFIED, SPATIAL, shapes
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit

ALL = 10_000


def cells(network: ZFNet, layer: str) -> list[Unit]:
    """Return units in all corners, which see padding, in the middle, and at their strongest cell."""
    channels, height, width = shapes(network.config)[layer]
    if layer in FULLY_CONNECTED:
        return [Unit(layer, 0), Unit(layer, channels - 1)]
    places = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 3), None]
    return [Unit(layer, i % channels, place) for i, place in enumerate(places)]


def written_out(network: ZFNet, values: dict[str, Tensor], unit: Unit) -> dict[int, float]:
    """Return what each channel below gives to a convolution's value, by the definition of a convolution."""
    layer, below = getattr(network.config, unit.layer), values[BELOW[unit.layer]][0]
    weight = network.state_dict()[f"{unit.layer}.weight"][unit.channel]
    group = unit.channel // (layer.filters // layer.groups)
    row, column = unit.position
    sums = {}
    for i, kernel in enumerate(weight):
        total, channel = 0.0, group * len(weight) + i
        for u in range(layer.kernel):
            for v in range(layer.kernel):
                y, x = row * layer.stride - layer.padding + u, column * layer.stride - layer.padding + v
                if 0 <= y < below.shape[1] and 0 <= x < below.shape[2]:
                    total += float(kernel[u, v]) * float(below[channel, y, x])
        sums[channel] = total
    return sums


def adds_up(found: Contributions, terms: float) -> bool:
    return math.isclose(terms + found.rest + found.bias, found.before, abs_tol=1e-12)


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_the_parts_of_a_convolution_are_the_sums_written_out(network: ZFNet, trace: Trace, layer: str) -> None:
    values = run(sequential(network), trace.input)
    for unit in cells(network, layer):
        found = contributions(network, trace, unit, top=ALL)
        expected = written_out(network, values, found.unit)
        assert {term.channel for term in found.terms} == expected.keys()
        for term in found.terms:
            assert math.isclose(term.value, expected[term.channel], abs_tol=1e-11), (unit, term)
            assert math.isclose(float((term.patch * term.kernel).sum()), term.value, abs_tol=1e-12)
        assert abs(found.rest) < 1e-11
        bias = float(network.state_dict()[f"{layer}.bias"][unit.channel])
        assert math.isclose(sum(expected.values()) + bias, found.before, abs_tol=1e-11)


@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_shown_adds_up_to_the_value_of_the_trace(network: ZFNet, trace: Trace, layer: str) -> None:
    for unit in cells(network, layer):
        found = contributions(network, trace, unit, top=2)
        place = found.unit.position or ()
        assert found.before == float(trace.outputs[layer][(0, unit.channel, *place)])
        assert found.after == float(trace.activation(layer)[(0, unit.channel, *place)])
        assert adds_up(found, sum(term.value for term in found.terms))
        sizes = [abs(term.value) for term in found.terms]
        assert sizes == sorted(sizes, reverse=True)
        everything = contributions(network, trace, unit, top=ALL)
        assert [term.channel for term in everything.terms[: len(sizes)]] == [term.channel for term in found.terms]
        assert len(everything.terms) == len(found.terms) + found.others
        assert all(abs(term.value) <= sizes[-1] + 1e-12 for term in everything.terms[len(found.terms) :])
        assert found.below == BELOW[layer]


@pytest.mark.parametrize("layer", SPATIAL)
def test_what_lies_beyond_the_border_is_told(network: ZFNet, trace: Trace, layer: str) -> None:
    below = trace.activation(BELOW[layer]).shape[2:]
    window = getattr(network.config, layer)
    for unit in cells(network, layer):
        found = contributions(network, trace, unit)
        row, column = found.unit.position
        for (u, v), outside in np.ndenumerate(found.padding):
            y, x = row * window.stride - window.padding + u, column * window.stride - window.padding + v
            assert outside == (not (0 <= y < below[0] and 0 <= x < below[1]))
        assert not any(term.patch[found.padding].any() for term in found.terms)


@pytest.mark.parametrize("layer", FULLY_CONNECTED)
def test_a_fully_connected_unit_reads_whole_maps(network: ZFNet, trace: Trace, layer: str) -> None:
    channels, height, width = shapes(network.config)[BELOW[layer]]
    found = contributions(network, trace, Unit(layer, 1), top=ALL)
    assert found.unit.position is None
    assert len(found.terms) == channels
    assert {term.patch.shape for term in found.terms} == {(height, width)}
    assert not found.padding.any()
    maps = trace.activation(BELOW[layer])[0].reshape(channels, height, width)
    for term in found.terms:
        np.testing.assert_array_equal(term.patch, maps[term.channel])
    # The value is that of torch's own linear layer, made of the multiplied-out weights.
    values = run(sequential(network), trace.input)
    expected = values[f"{layer}_before" if layer in RECTIFIED else layer][0, 1]
    assert math.isclose(sum(term.value for term in found.terms) + found.bias, float(expected), abs_tol=1e-10)


@pytest.mark.parametrize("layer", POOLINGS)
def test_a_pooling_has_one_term_whose_kernel_is_its_switch(network: ZFNet, trace: Trace, layer: str) -> None:
    for unit in cells(network, layer):
        found = contributions(network, trace, unit)
        (term,) = found.terms
        assert (term.channel, found.bias, found.others) == (unit.channel, 0, 0)
        assert sorted(term.kernel.ravel().tolist()) == [0.0] * (term.kernel.size - 1) + [1.0]
        assert term.value == found.before == found.after == term.patch.max()
        assert abs(found.rest) < 1e-12


def test_a_silent_unit_shows_the_cell_that_comes_nearest_to_answering(network: ZFNet, x: Tensor) -> None:
    muted = deepcopy(network)
    muted.conv3.bias[2] = -1e3
    trace = muted.trace(x)
    found = contributions(muted, trace, Unit("conv3", 2))
    assert found.before == float(trace.outputs["conv3"][0, 2].max()) < 0
    assert found.after == 0
    assert adds_up(found, sum(term.value for term in found.terms))


def test_the_embedded_network_adds_up_in_float32(session: InferenceSession, sample: Image.Image) -> None:
    for layer in LAYERS:
        found = session.contributions(sample, f"{layer}:7")
        everything = session.contributions(sample, found.unit, top=ALL)
        assert len(found.terms) == min(3, len(everything.terms))
        total = sum(term.value for term in everything.terms) + everything.bias
        assert math.isclose(total, found.before, rel_tol=1e-4, abs_tol=1e-4), layer


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        for layer in LAYERS:
            for term in contributions(network, trace, Unit(layer, 1)).terms:
                term.patch.fill(7)
                term.kernel.fill(7)
        with pytest.raises(SelectionError):
            contributions(network, trace, Unit("conv5", 99))


@pytest.mark.parametrize("unit", ["gap:3", "input:0", "conv1:96", "fc7:4096", "conv5:3@14,0"])
def test_a_unit_that_does_not_exist_is_refused(session: InferenceSession, sample: Image.Image, unit: str) -> None:
    with pytest.raises(SelectionError):
        session.contributions(sample, unit)

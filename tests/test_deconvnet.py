"""DeconvNet: against captum, by its properties, and against the mistakes that are often taken for it."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import NeuronDeconvolution
from PIL import Image
from torch import Tensor, nn

from tests.oracle import difference, differentiable, sequential, unchanged
from zfnet import InferenceSession, model, window
from zfnet.deconvnet import Projection, deconvnet
from zfnet.errors import SelectionError
from zfnet.geometry import POOLINGS, SPATIAL, receptive_field, shapes
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit


def by_captum(chain: nn.Sequential, x: Tensor, projection: Projection) -> Tensor:
    """Return captum's DeconvNet of the unit times its activation, (1, 3, 224, 224)."""
    unit = projection.unit
    explained = NeuronDeconvolution(chain, chain.get_submodule(unit.layer))
    neuron = (unit.channel, *unit.position)
    return explained.attribute(x.clone().requires_grad_(), neuron).detach() * projection.activation


def pixels(projection: Projection) -> Tensor:
    return torch.from_numpy(projection.pixels).permute(2, 0, 1)[None]


def strongest(trace: Trace, layer: str) -> Unit:
    """Return the unit of a layer's largest activation."""
    values = trace.activation(layer)[0]
    channel, row, column = np.unravel_index(int(values.argmax()), values.shape)
    return Unit(layer, int(channel), (int(row), int(column)))


def units(network: ZFNet, layer: str) -> list[Unit]:
    """Return two units at their strongest cell, and one in the last corner."""
    channels, height, width = shapes(network.config)[layer]
    return [Unit(layer, 0), Unit(layer, channels - 1), Unit(layer, channels // 2, (height - 1, width - 1))]


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_projection_equals_captum_times_the_activation(network: ZFNet, trace: Trace, layer: str) -> None:
    chain = sequential(network)
    projections = [p for p in deconvnet(network, trace, units(network, layer)) if p.activation > 0]
    assert projections
    for projection in projections:
        assert difference(pixels(projection), by_captum(chain, trace.input, projection)) < 1e-11, projection.unit


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_projection_of_the_embedded_network_equals_captum(
    session: InferenceSession, chains: dict[str, nn.Sequential], sample: Image.Image, layer: str
) -> None:
    x = session.prepare(sample)
    unit = strongest(session.trace(sample), layer)
    (projection,) = session.deconvnet(sample, [f"{layer}:{unit.channel}"])
    assert projection.unit == unit
    assert projection.pixels.dtype == np.float32
    assert projection.pixels.shape == (224, 224, 3)
    assert difference(pixels(projection), by_captum(chains["fc"], x, projection)) < 1e-5


@pytest.mark.parametrize("layer", SPATIAL)
def test_without_a_position_the_strongest_cell_is_projected(network: ZFNet, trace: Trace, layer: str) -> None:
    for channel, values in enumerate(trace.activation(layer)[0]):
        (projection,) = deconvnet(network, trace, [Unit(layer, channel)])
        row, column = projection.position
        assert projection.activation == values[row, column] == values.max() > 0
        assert projection.unit == Unit(layer, channel, (row, column))


def test_a_given_position_is_projected(network: ZFNet, trace: Trace) -> None:
    channel, row, column = (int(i) for i in trace.activation("conv4")[0].nonzero()[-1])
    (projection,) = deconvnet(network, trace, [Unit("conv4", channel, (row, column))])
    assert projection.position == (row, column)
    assert projection.activation == trace.activation("conv4")[0, channel, row, column]
    assert projection.box == receptive_field(network.config, "conv4").box(row, column)


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_projection_stays_within_the_receptive_field(network: ZFNet, trace: Trace, layer: str) -> None:
    for projection in deconvnet(network, trace, units(network, layer)):
        top, left, bottom, right = projection.box
        outside = projection.pixels.copy()
        outside[top:bottom, left:right] = 0
        assert not outside.any(), projection.unit
        assert projection.pixels.any() == (projection.activation > 0)


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_projection_is_signed(network: ZFNet, trace: Trace, layer: str) -> None:
    """Nothing is rectified after the last filter."""
    (projection,) = deconvnet(network, trace, [strongest(trace, layer)])
    assert projection.pixels.min() < 0 < projection.pixels.max()


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_projection_grows_with_its_seed_and_has_no_other_source(network: ZFNet, trace: Trace, layer: str) -> None:
    (projection,) = deconvnet(network, trace, [strongest(trace, layer)])
    seed = torch.zeros_like(trace.outputs[layer])
    seed[0, projection.unit.channel, *projection.position] = 1
    one, five = (network.pullback(trace, layer, scale * seed, rule="deconvnet") for scale in (1, 5))
    assert difference(five, 5 * one) < 1e-13
    assert difference(pixels(projection), projection.activation * one) < 1e-13
    assert not network.pullback(trace, layer, 0 * seed, rule="deconvnet").any()


def test_a_silent_unit_has_no_position_and_a_blank_projection(network: ZFNet, x: Tensor) -> None:
    muted = deepcopy(network)
    muted.conv3.bias[2] = -1e6
    silent, live = deconvnet(muted, muted.trace(x), [Unit("conv3", 2), Unit("conv3", 3)])
    assert (silent.unit, silent.position, silent.activation) == (Unit("conv3", 2), None, 0)
    assert silent.box == (0, 0, 0, 0)
    assert silent.pixels.shape == (224, 224, 3)
    assert not silent.pixels.any()
    assert live.pixels.any()


def test_a_silent_cell_keeps_its_position_and_has_a_blank_projection(network: ZFNet, trace: Trace) -> None:
    channel, row, column = (int(i) for i in (trace.activation("conv5")[0] == 0).nonzero()[0])
    (projection,) = deconvnet(network, trace, [Unit("conv5", channel, (row, column))])
    assert (projection.position, projection.activation) == ((row, column), 0)
    assert projection.box == receptive_field(network.config, "conv5").box(row, column)
    assert not projection.pixels.any()


def test_projections_come_in_the_order_asked_for(network: ZFNet, trace: Trace) -> None:
    """More of one layer than one walk takes, between other layers, and one unit twice."""
    many = [Unit("conv5", i % 5, (i // 5 + 4, 6)) for i in range(20)]
    asked = [Unit("conv1", 1), Unit("pool2", 3), Unit("conv1", 0), *many, Unit("pool5", 2), Unit("conv1", 1)]
    together = deconvnet(network, trace, asked)
    assert [(p.unit.layer, p.unit.channel) for p in together] == [(unit.layer, unit.channel) for unit in asked]
    for unit, projection in zip(asked, together, strict=True):
        (alone,) = deconvnet(network, trace, [unit])
        assert projection.unit == alone.unit
        np.testing.assert_allclose(projection.pixels, alone.pixels, rtol=0, atol=1e-12)
    assert deconvnet(network, trace, []) == ()


def overwriting(c: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    """Unpool as ``torch.nn.MaxUnpool2d`` does: where windows chose the same cell, one of them wins."""
    return F.max_unpool2d(c, switches.expand_as(c), 3, 2, output_size=size)


# What is often taken for a DeconvNet: a patch of what the windows unpool and rectify with.
MISTAKES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "unpooling overwrites": lambda patch: patch.setattr(window, "unpool", overwriting),
    "no rectification": lambda patch: patch.setitem(model.RULES, "deconvnet", lambda c, z: c),
    "true gradient": lambda patch: patch.setitem(model.RULES, "deconvnet", model.RULES["gradient"]),
    "guided": lambda patch: patch.setitem(model.RULES, "deconvnet", model.RULES["guided"]),
}


@pytest.mark.parametrize("layer", ["conv2", "pool2", "conv4", "pool5"])
def test_what_is_often_taken_for_it_gives_another_picture(
    network: ZFNet, trace: Trace, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Unit(layer, channel) for channel in range(5)]
    right = deconvnet(network, trace, asked)
    for mistake, patch in MISTAKES.items():
        with monkeypatch.context() as patched:
            patch(patched)
            wrong = deconvnet(network, trace, asked)
        for one, other in zip(right, wrong, strict=True):
            assert difference(pixels(other), pixels(one)) > 0.1, (mistake, one.unit)


@pytest.mark.parametrize("layer", POOLINGS)
def test_an_unpooling_that_overwrites_loses_whole_units(
    network: ZFNet, trace: Trace, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On whole maps, a neighbouring window that chose the same cell writes its zero over the seed."""
    projections = deconvnet(network, trace, [Unit(layer, channel) for channel in range(5)])
    assert all(projection.pixels.any() for projection in projections)
    seeds = torch.zeros_like(trace.outputs[layer]).repeat(5, 1, 1, 1)
    for seed, projection in zip(seeds, projections, strict=True):
        seed[projection.unit.channel, *projection.position] = projection.activation
    for picture, projection in zip(network.pullback(trace, layer, seeds, rule="deconvnet"), projections, strict=True):
        assert difference(pixels(projection), picture[None]) < 1e-12
    monkeypatch.setattr(model, "unpool", overwriting)
    assert not all(picture.any() for picture in network.pullback(trace, layer, seeds, rule="deconvnet"))


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        deconvnet(network, trace, [Unit("conv5", 1), Unit("pool1", 0)])
        with pytest.raises(SelectionError):
            deconvnet(network, trace, [Unit("conv5", 1), Unit("conv5", 99)])


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (
            "fc6:3",
            "this works on the layers conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5, got 'fc6'",
        ),
        ("conv5:300", "conv5 has 256 channels (0-255), got 300"),
        (
            "conv5:3@14,0",
            "the maps of conv5 have 14 rows and 14 columns (counted from 0), got row 14, column 0",
        ),
        ("conv5", "a unit is written conv5:17 or conv5:17@6,9 (row, column), got 'conv5'"),
    ],
)
def test_a_unit_that_cannot_be_projected_is_refused(
    session: InferenceSession, sample: Image.Image, unit: str, message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        session.deconvnet(sample, [unit])
    assert str(caught.value) == message


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_whole_map_is_projected_as_autograd_carries_all_its_cells(network: ZFNet, trace: Trace, layer: str) -> None:
    (found,) = deconvnet(network, trace, [Unit(layer, 1, (0, 0))], whole_map=True)
    values = differentiable(network, trace.input, "deconvnet")
    seed = torch.zeros_like(values[layer])
    seed[:, 1] = trace.activation(layer)[:, 1]
    # One graph for the whole map: projections of single cells do not add up.
    (expected,) = torch.autograd.grad(values[layer], values["input"], seed)
    assert difference(pixels(found), expected) < 1e-11
    assert (found.unit, found.position, found.box) == (Unit(layer, 1), None, (0, 0, 224, 224))
    assert found.activation == float(seed.sum())

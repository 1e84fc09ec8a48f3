"""Unpooling that overwrites: against writing window after window, where it changes nothing, and what it loses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from tests.oracle import difference, narrow, random_network, unchanged
from tests.test_deconvnet import pixels, units
from zfnet import InferenceSession, model
from zfnet.deconvnet import deconvnet
from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import POOLINGS, SPATIAL, TABLE, Pooling, shapes
from zfnet.model import Trace, ZFNet
from zfnet.overwriting import Lost, last_to_choose, lost, overwriting
from zfnet.unit import Unit


def writing(c: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    """Unpool slowly: each window writes its value, one after another in row order, over what is there."""
    below = c.new_zeros(*c.shape[:2], size[0] * size[1])
    values, places = c.flatten(2), switches.expand_as(c).flatten(2)
    for window in range(values.shape[2]):
        below.scatter_(2, places[..., window, None], values[..., window, None])
    return below.view(*c.shape[:2], *size)


def channels(network: ZFNet, layer: str) -> list[Unit]:
    return [Unit(layer, channel) for channel in range(shapes(network.config)[layer][0])]


@pytest.mark.parametrize("layer", SPATIAL)
def test_it_is_the_way_down_of_whole_maps_that_writes_window_after_window(
    network: ZFNet, trace: Trace, layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "unpool", writing)
    for found in overwriting(network, trace, [*units(network, layer), *channels(network, layer)]):
        seed = torch.zeros_like(trace.outputs[layer])
        seed[0, found.unit.channel, *(found.position or (0, 0))] = found.activation
        expected = network.pullback(trace, layer, seed, rule="deconvnet")
        assert (pixels(found) - expected).abs().max() <= 1e-12 * (expected.abs().max() + 1)


@pytest.mark.parametrize("layer", SPATIAL)
def test_what_is_told_besides_the_pixels_is_that_of_the_right_projection(
    network: ZFNet, trace: Trace, layer: str
) -> None:
    asked = units(network, layer)
    for right, wrong in zip(deconvnet(network, trace, asked), overwriting(network, trace, asked), strict=True):
        assert (wrong.unit, wrong.activation, wrong.box) == (right.unit, right.activation, right.box)


def test_where_windows_do_not_overlap_it_is_the_same(x: Tensor) -> None:
    pooling = Pooling(kernel=2, stride=2)
    network = random_network(replace(narrow(TABLE), pool1=pooling, pool2=pooling, pool5=pooling))
    trace = network.trace(x)
    for layer in SPATIAL:
        asked = channels(network, layer)
        for right, wrong in zip(deconvnet(network, trace, asked), overwriting(network, trace, asked), strict=True):
            assert torch.equal(pixels(right), pixels(wrong))
        assert lost(network, trace, layer).blank == 0


def test_the_last_window_in_row_order_wins() -> None:
    """A peak that four windows share, and one that only the first of them sees."""
    maps = torch.zeros(1, 2, 6, 6)
    maps[0, 0, 2, 2] = maps[0, 1, 0, 0] = 1
    _, switches = F.max_pool2d(maps, 3, 2, ceil_mode=True, return_indices=True)
    assert (switches[0, 0] == 14).tolist() == [[True, True, False], [True, True, False], [False, False, False]]
    kept = last_to_choose(switches)
    assert (kept[0, 0] & (switches[0, 0] == 14)).nonzero().tolist() == [[1, 1]]
    assert kept[0, 1, 0, 0]


@pytest.mark.parametrize("layer", POOLINGS)
def test_of_the_windows_that_chose_a_cell_one_gives_its_signal_back(trace: Trace, layer: str) -> None:
    switches = trace.switches[layer]
    kept = last_to_choose(switches)
    below = torch.zeros(*switches.shape[:2], int(switches.max()) + 1, dtype=torch.long)
    chosen, given = (below.scatter_add(2, switches.flatten(2), n.long().flatten(2)) for n in (kept | True, kept))
    assert torch.equal(given, chosen.clamp(max=1))
    assert chosen.max() > 1


@pytest.mark.parametrize("layer", SPATIAL)
def test_lost_are_the_live_channels_whose_projection_is_blank(network: ZFNet, trace: Trace, layer: str) -> None:
    found = [p for p in overwriting(network, trace, channels(network, layer)) if p.activation > 0]
    blank = sum(not p.pixels.any() for p in found)
    assert lost(network, trace, layer) == Lost(layer, len(found), blank)
    assert layer != "conv1" or blank == 0
    assert all(p.pixels.any() for p in deconvnet(network, trace, [p.unit for p in found]))


def test_a_share_is_that_of_the_live_channels() -> None:
    assert Lost("pool5", 200, 50).share == 0.25
    assert Lost("pool5", 0, 0).share == 0


def test_of_the_embedded_network_poolings_lose_many_and_convolutions_none(
    session: InferenceSession, sample: Image.Image
) -> None:
    for layer in (*POOLINGS, "conv2", "conv3"):
        counted = session.lost(sample, layer)
        assert counted.live == (~session.feature_maps(sample, layer).silent).sum()
        assert (counted.share > 0.2) == (layer in POOLINGS)
    right, wrong = (method(sample, ["conv3:5"])[0] for method in (session.deconvnet, session.overwriting))
    assert difference(pixels(wrong), pixels(right)) > 0.1


def test_counting_holds_a_slot_for_a_few_channels_and_stops_when_told(
    session: InferenceSession, sample: Image.Image
) -> None:
    held, asked = 0, 0

    @contextmanager
    def slot() -> Iterator[None]:
        nonlocal held
        held += 1
        yield

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    network, trace = session._model, session.trace(sample)
    with pytest.raises(Cancelled, match=r"stopped after 32 of \d+ channels"):
        lost(network, trace, "conv2", slot=slot, cancel=cancel)
    assert (held, asked) == (2, 3)


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        overwriting(network, trace, [Unit("conv5", 1), Unit("pool1", 0)])
        lost(network, trace, "pool2")
        with pytest.raises(SelectionError, match="conv5 has 5 channels"):
            overwriting(network, trace, [Unit("conv5", 99)])
        with pytest.raises(SelectionError, match=r"this works on the layers conv1, .*, pool5, got 'fc6'"):
            lost(network, trace, "fc6")

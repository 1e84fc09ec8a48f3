"""The way down inside windows: against the way down of whole maps, which the model's tests hold against autograd."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.oracle import PADDED, difference, narrow, random_network, unchanged
from zfnet.errors import SelectionError
from zfnet.geometry import CONVOLUTIONS, POOLINGS, SPATIAL, WIDE, ZFNetConfig, receptive_field
from zfnet.model import RULES, Trace, ZFNet
from zfnet.window import Window, pullback_cells

Cells = list[tuple[int, int, int]]


def places(trace: Trace, layer: str) -> Cells:
    """Return corners, borders and the middle of a layer, each in the channel that is strongest there."""
    values = trace.activation(layer)[0]
    _, height, width = values.shape
    around = [(row, column) for row in (0, height // 2, height - 1) for column in (0, width // 2, width - 1)]
    return [(int(values[:, row, column].argmax()), row, column) for row, column in around]


def whole(network: ZFNet, trace: Trace, layer: str, cells: Cells, *, seeds: Tensor, rule: str) -> Tensor:
    """Return what ``pullback`` makes of the same seeds on otherwise blank maps, (K, 3, H, W)."""
    cotangent = torch.zeros_like(trace.outputs[layer]).repeat(len(cells), 1, 1, 1)
    for signal, cell, seed in zip(cotangent, cells, seeds, strict=True):
        signal[cell] = seed
    return network.pullback(trace, layer, cotangent, rule=rule)


def placed(windows: list[Window], picture: Tensor) -> Tensor:
    """Return the windows on blank pictures, (K, 3, H, W)."""
    pictures = torch.zeros_like(picture).repeat(len(windows), 1, 1, 1)
    for window, blank in zip(windows, pictures, strict=True):
        window.view(blank).copy_(window.values)
    return pictures


def seeds_for(cells: Cells) -> Tensor:
    """Return positive seeds of different sizes, and a negative one in the middle."""
    seeds = torch.arange(1.0, len(cells) + 1, dtype=torch.float64)
    seeds[len(cells) // 2] *= -1
    return seeds


def assert_equal_to_whole_maps(network: ZFNet, trace: Trace, layer: str, rule: str) -> None:
    cells = places(trace, layer)
    options = {"seeds": seeds_for(cells), "rule": rule}
    expected = whole(network, trace, layer, cells, **options)
    found = placed(pullback_cells(network, trace, layer, cells, **options), trace.input)
    assert sum(bool(picture.any()) for picture in expected) > len(cells) // 2
    assert difference(found, expected) < 1e-12


@pytest.mark.parametrize("layer", SPATIAL)
@pytest.mark.parametrize("rule", RULES)
def test_windows_hold_what_the_whole_maps_hold(network: ZFNet, trace: Trace, layer: str, rule: str) -> None:
    assert_equal_to_whole_maps(network, trace, layer, rule)


def grouped() -> ZFNetConfig:
    """Return a geometry whose convolutions are all in groups, as if the network lay on several GPUs."""
    config = narrow(PADDED)
    conv1, conv2 = replace(config.conv1, groups=3), replace(config.conv2, groups=2)
    conv3, conv4 = (replace(layer, filters=6, groups=2) for layer in (config.conv3, config.conv4))
    return replace(config, conv1=conv1, conv2=conv2, conv3=conv3, conv4=conv4, conv5=replace(conv4, groups=3))


@pytest.mark.parametrize("layer", SPATIAL)
@pytest.mark.parametrize("config", [grouped(), narrow(WIDE)], ids=["grouped", "wide"])
def test_windows_know_groups_and_the_wide_variant(config: ZFNetConfig, x: Tensor, layer: str) -> None:
    network = random_network(config, seed=3)
    trace = network.trace(x, "pool5")
    for rule in RULES:
        assert_equal_to_whole_maps(network, trace, layer, rule)


@pytest.mark.parametrize("layer", ["pool1", "conv3", "conv5"])
def test_windows_know_pictures_of_any_size(network: ZFNet, x: Tensor, layer: str) -> None:
    """On the small one most windows are cut on all sides."""
    for height, width in ((90, 120), (224, 111)):
        trace = network.trace(x[:, :, :height, :width], "conv5")
        assert_equal_to_whole_maps(network, trace, layer, "guided")


@pytest.mark.parametrize("layer", SPATIAL)
def test_a_window_is_its_cells_receptive_field(network: ZFNet, trace: Trace, layer: str) -> None:
    for cell in places(trace, layer):
        (window,) = pullback_cells(network, trace, layer, [cell], seeds=torch.ones(1).double(), rule="gradient")
        height, width = window.values.shape[1:]
        found = (window.top, window.left, window.top + height, window.left + width)
        top, left, bottom, right = receptive_field(network.config, layer).box(*cell[1:])
        if layer in POOLINGS:  # that of the one cell below that was chosen
            assert top <= found[0] < found[2] <= bottom
            assert left <= found[1] < found[3] <= right
        else:
            assert found == (top, left, bottom, right)


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_the_last_row_and_column_of_pixels_have_their_signal(network: ZFNet, trace: Trace, layer: str) -> None:
    corner = places(trace, layer)[-1]
    (window,) = pullback_cells(network, trace, layer, [corner], seeds=torch.ones(1).double(), rule="gradient")
    picture = placed([window], trace.input)
    reached = receptive_field(network.config, layer).box(*corner[1:])[2:] == (224, 224)
    assert bool(picture[..., -1, :].any()) == bool(picture[..., :, -1].any()) == reached
    assert reached or layer != "conv1"


def test_each_signal_goes_down_on_its_own(network: ZFNet, trace: Trace) -> None:
    """Neighbours in a batch, even in the same cell, do not meet."""
    cells = [*places(trace, "conv4"), places(trace, "conv4")[0]]
    seeds = seeds_for(cells)
    together = placed(pullback_cells(network, trace, "conv4", cells, seeds=seeds, rule="deconvnet"), trace.input)
    for cell, seed, picture in zip(cells, seeds, together, strict=True):
        alone = pullback_cells(network, trace, "conv4", [cell], seeds=seed[None], rule="deconvnet")
        torch.testing.assert_close(placed(alone, trace.input)[0], picture, rtol=0, atol=1e-12)


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        for layer in SPATIAL:
            cells = places(trace, layer)
            before, seeds = list(cells), seeds_for(cells)
            for rule in RULES:
                windows = pullback_cells(network, trace, layer, cells, seeds=seeds, rule=rule)
                assert not any(window.values.requires_grad for window in windows)
            assert cells == before
            assert torch.equal(seeds, seeds_for(cells))


@pytest.mark.parametrize(
    ("layer", "rule", "message"),
    [
        ("conv3", "relu", "the rules at a ReLU are gradient, deconvnet, guided, got 'relu'"),
        ("fc6", "guided", "windows start in cells of conv1, pool1, conv2, .*, pool5, got 'fc6'"),
    ],
)
def test_what_has_no_window_is_refused(network: ZFNet, trace: Trace, layer: str, rule: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        pullback_cells(network, trace, layer, [(0, 0, 0)], seeds=torch.ones(1), rule=rule)


@pytest.mark.parametrize("layer", SPATIAL)
def test_windows_can_end_above_the_pixels_and_leave_windows_out(network: ZFNet, trace: Trace, layer: str) -> None:
    cells = places(trace, layer)
    kept = {name: switches[0] % 3 > 0 for name, switches in trace.switches.items()}
    for until in SPATIAL[: SPATIAL.index(layer)]:
        options = {"seeds": seeds_for(cells), "rule": "guided"}
        cotangent = torch.zeros_like(trace.outputs[layer]).repeat(len(cells), 1, 1, 1)
        for signal, cell, seed in zip(cotangent, cells, options["seeds"], strict=True):
            signal[cell] = seed
        for step in reversed(SPATIAL[SPATIAL.index(until) + 1 : SPATIAL.index(layer) + 1]):
            below = SPATIAL[SPATIAL.index(step) - 1]
            cotangent = network.pullback(trace, step, cotangent * kept.get(step, 1), rule="guided", until=below)
        found = pullback_cells(network, trace, layer, cells, **options, until=until, kept=kept)
        torch.testing.assert_close(placed(found, trace.outputs[until]), cotangent, rtol=0, atol=1e-10)
    with pytest.raises(SelectionError, match=f"there is no way down from '{layer}' to '{layer}'"):
        pullback_cells(network, trace, layer, cells, seeds=seeds_for(cells), rule="guided", until=layer)

"""What a changed patch can reach: the same values as from the whole changed picture, and nothing changes elsewhere."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.oracle import narrow, random_network, unchanged
from zfnet.geometry import ALEXNET, SPATIAL, WIDE, ZFNetConfig
from zfnet.model import Trace, ZFNet
from zfnet.reach import Patches, climb

# Corners, borders and the middle; most begin within a stride.
PLACES = [(0, 0), (0, 201), (201, 0), (201, 201), (97, 60), (33, 198), (1, 115)]


def patches(x: Tensor, size: int = 23) -> Patches:
    noise = torch.randn(len(PLACES), 3, size, size, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
    return Patches(3 * noise, PLACES)


def changed(x: Tensor, patch: Tensor, place: tuple[int, int]) -> Tensor:
    picture, (top, left) = x.clone(), place
    picture[:, :, top : top + patch.shape[1], left : left + patch.shape[2]] = patch
    return picture


def check(network: ZFNet, trace: Trace, given: Patches) -> None:
    reached = climb(network, trace, given)
    assert tuple(reached) == SPATIAL
    for i, place in enumerate(given.starts):
        whole = network.trace(changed(trace.input, given.values[i], place), "pool5")
        for layer, found in reached.items():
            expected, before = whole.activation(layer)[0], trace.activation(layer)[0]
            (top, left), (height, width) = found.starts[i], found.values.shape[2:]
            there = (slice(None), slice(top, top + height), slice(left, left + width))
            torch.testing.assert_close(found.values[i], expected[there], rtol=0, atol=1e-11)
            # Put back into the trace, they are the changed picture's maps: nothing else has changed.
            restored = before.clone()
            restored[there] = found.values[i]
            torch.testing.assert_close(restored, expected, rtol=0, atol=1e-11)


def test_a_patch_reaches_what_changes_with_it(network: ZFNet, trace: Trace) -> None:
    check(network, trace, patches(trace.input))


# Widths that two groups divide.
GROUPED = replace(narrow(ALEXNET), conv3=replace(ALEXNET.conv3, filters=8), conv5=replace(ALEXNET.conv5, filters=4))


@pytest.mark.parametrize("config", [narrow(WIDE), GROUPED], ids=lambda config: config.geometry)
def test_groups_and_large_strides_are_known(config: ZFNetConfig, x: Tensor) -> None:
    network = random_network(config)
    check(network, network.trace(x), patches(x))


@pytest.mark.parametrize("size", [1, 2, 64, 223])
def test_a_patch_has_any_size(network: ZFNet, trace: Trace, size: int) -> None:
    values = torch.ones(2, 3, size, size, dtype=torch.float64)
    check(network, trace, Patches(values, [(0, 0), (224 - size, 224 - size)]))


def test_a_small_patch_reaches_little(network: ZFNet, trace: Trace) -> None:
    reached = climb(network, trace, patches(trace.input))
    sizes = [found.values.shape[2] / trace.outputs[layer].shape[2] for layer, found in reached.items()]
    assert sizes[0] < 0.15
    assert sizes[2] < 0.4  # conv2
    assert all(size <= 1 for size in sizes)


def test_a_patch_that_changes_nothing_reaches_what_was_there(network: ZFNet, trace: Trace) -> None:
    same = trace.input[0, :, 40:72, 90:122]
    for layer, found in climb(network, trace, Patches(same[None], [(40, 90)]), "conv5").items():
        (top, left), (height, width) = found.starts[0], found.values.shape[2:]
        there = trace.activation(layer)[0, :, top : top + height, left : left + width]
        torch.testing.assert_close(found.values[0], there, rtol=0, atol=1e-12)


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    given = patches(trace.input)
    before = given.values.clone()
    with unchanged(network, trace):
        for found in climb(network, trace, given).values():
            found.values.fill_(7)
    assert torch.equal(given.values, before)

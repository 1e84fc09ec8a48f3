"""Integrated gradients: against captum, and that the pixels add up to what the picture changes."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, NeuronIntegratedGradients
from PIL import Image
from torch import Tensor, nn

from pages.shared.pictures import sample_picture
from tests.oracle import HEADS, difference, sequential, unchanged
from zfnet import InferenceSession, SelectionError, Unit, crop
from zfnet.errors import Cancelled
from zfnet.integrated_gradients import integrated_gradients
from zfnet.model import Trace, ZFNet


def pixels(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).permute(2, 0, 1)[None]


@pytest.mark.parametrize("steps", [2, 11])
@pytest.mark.parametrize("head", HEADS)
def test_a_class_equals_captum(network: ZFNet, trace: Trace, head: str, steps: int) -> None:
    chain = sequential(network, head)
    options = {"baselines": 0, "target": 4, "n_steps": steps, "method": "riemann_middle"}
    expected = IntegratedGradients(chain).attribute(trace.input, **options)
    found = integrated_gradients(network, trace, Unit(HEADS[head], 4), steps=steps)
    assert difference(pixels(found.pixels), expected.detach()) < 1e-7  # captum's steps are float32
    values = chain(trace.input)[0, 4], chain(torch.zeros_like(trace.input))[0, 4]
    assert found.change == pytest.approx(float(values[0] - values[1]), abs=1e-12)


@pytest.mark.parametrize("layer", ["conv2", "pool5", "fc6"])
def test_a_cell_equals_captum(network: ZFNet, trace: Trace, layer: str) -> None:
    chain, values = sequential(network), trace.activation(layer)[0]
    channel = int(values.reshape(len(values), -1).amax(1).argmax())
    found = integrated_gradients(network, trace, Unit(layer, channel), steps=5)
    cell = (channel, *(found.unit.position or ()))
    explained = NeuronIntegratedGradients(chain, chain.get_submodule(layer))
    expected = explained.attribute(trace.input, cell, baselines=0, n_steps=5, method="riemann_middle")
    assert difference(pixels(found.pixels), expected.detach()) < 1e-7  # captum's steps are float32


@pytest.mark.parametrize("head", HEADS)
def test_the_embedded_network_equals_captum(
    session: InferenceSession, chains: dict[str, nn.Sequential], sample: Image.Image, head: str
) -> None:
    x = session.prepare(sample)
    options = {"baselines": 0, "target": 207, "n_steps": 9, "method": "riemann_middle", "internal_batch_size": 3}
    expected = IntegratedGradients(chains[head]).attribute(x, **options)
    found = session.integrated_gradients(sample, f"{HEADS[head]}:207", steps=9)
    assert (found.pixels.dtype, found.pixels.shape, found.method) == (np.float32, (224, 224, 3), "integrated")
    assert difference(pixels(found.pixels), expected.detach().float()) < 1e-5


@pytest.mark.parametrize(("unit", "steps"), [("fc8:4", 64), ("gap:2", 64), ("conv3:1", 16)])
def test_the_pixels_add_up_to_the_change(network: ZFNet, trace: Trace, unit: str, steps: int) -> None:
    assert integrated_gradients(network, trace, Unit.parse(unit), steps=steps).explained == pytest.approx(1, abs=0.03)


def test_in_the_embedded_network_the_pixels_add_up_to_the_change(session: InferenceSession) -> None:
    view = crop(sample_picture("golden_retriever"))
    found = session.integrated_gradients(view, "fc8:207", centred=True)
    assert found.steps == 32
    assert found.explained == pytest.approx(1, abs=0.03)


def test_a_centred_class_is_the_logit_less_the_mean_of_all(network: ZFNet, trace: Trace) -> None:
    one = integrated_gradients(network, trace, Unit("fc8", 4), steps=3, centred=True)
    every = [integrated_gradients(network, trace, Unit("fc8", k), steps=3) for k in range(9)]
    expected = every[4].pixels - np.mean([found.pixels for found in every], axis=0)
    np.testing.assert_allclose(one.pixels, expected, rtol=0, atol=1e-12)
    assert one.change == pytest.approx(every[4].change - np.mean([found.change for found in every]), abs=1e-12)


def test_the_blank_picture_has_nothing_to_explain(network: ZFNet, trace: Trace) -> None:
    found = integrated_gradients(network, network.trace(torch.zeros_like(trace.input)), Unit("fc8", 1), steps=2)
    assert not found.pixels.any()
    assert (found.change, found.explained) == (0, 1)


def test_a_silent_unit_has_no_position_and_no_pixels(network: ZFNet, trace: Trace) -> None:
    dark = network.trace(torch.zeros_like(trace.input) - 50)
    (channel, *_) = (int(k) for k in (dark.activation("conv1")[0].amax((1, 2)) == 0).nonzero())
    found = integrated_gradients(network, dark, Unit("conv1", channel), steps=2)
    assert found.unit.position is None
    assert not found.pixels.any()
    assert found.explained == 1


def test_the_steps_can_be_followed_and_stopped(network: ZFNet, trace: Trace) -> None:
    told: list[tuple[int, int]] = []
    integrated_gradients(network, trace, Unit("fc8", 1), steps=11, progress=lambda done, of: told.append((done, of)))
    assert told == [(8, 11), (11, 11)]
    with pytest.raises(Cancelled, match="stopped after 8 of 11 steps"):
        integrated_gradients(
            network,
            trace,
            Unit("fc8", 1),
            steps=11,
            progress=lambda done, of: told.append((done, of)),
            cancel=lambda: len(told) > 2,
        )


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        integrated_gradients(network, trace, Unit("fc8", 1), steps=2)
        with pytest.raises(SelectionError):
            integrated_gradients(network, trace, Unit("conv5", 99))


@pytest.mark.parametrize(
    ("unit", "options", "message"),
    [
        ("conv6:3", {}, "fc8, gap, got 'conv6'"),
        ("fc8:1000", {}, "fc8 has 1000 channels (0-999), got 1000"),
        ("fc8:1", {"steps": 0}, "steps are counted from 1 on, got 0"),
        ("fc7:1", {"centred": True}, "only a class's logit can be centred (fc8, gap), got 'fc7'"),
    ],
)
def test_what_does_not_exist_is_refused(
    session: InferenceSession, sample: Image.Image, unit: str, options: dict[str, int], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        session.integrated_gradients(sample, unit, **options)
    assert message in str(caught.value)

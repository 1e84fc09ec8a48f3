"""Feature maps: what the trace holds, in the shapes and the order that people look at."""

import numpy as np
import pytest
from PIL import Image

from tests.oracle import run, sequential
from zfnet import InferenceSession
from zfnet.errors import SelectionError
from zfnet.feature_maps import FeatureMaps, feature_maps
from zfnet.geometry import LAYERS, RECTIFIED, TABLE, shapes
from zfnet.model import Trace, ZFNet


@pytest.mark.parametrize("layer", LAYERS)
def test_maps_are_those_of_a_chain_of_modules(network: ZFNet, trace: Trace, layer: str) -> None:
    expected = run(sequential(network), trace.input)
    after, before = (feature_maps(trace, layer, rectified=rectified) for rectified in (True, False))
    assert after.values.shape == before.values.shape == shapes(network.config)[layer]
    np.testing.assert_allclose(after.values, expected[layer][0].view(after.values.shape), rtol=0, atol=1e-12)
    if layer in RECTIFIED:
        signed = expected[f"{layer}_before"][0].view(before.values.shape)
        np.testing.assert_allclose(before.values, signed, rtol=0, atol=1e-12)
        assert before.values.min() < 0 == after.values.min()
    else:
        np.testing.assert_array_equal(before.values, after.values)
    assert (after.layer, after.rectified, before.rectified) == (layer, layer in RECTIFIED, False)


def test_the_embedded_network_gives_float32(session: InferenceSession, sample: Image.Image) -> None:
    for layer in LAYERS:
        values = session.feature_maps(sample, layer).values
        assert (values.dtype, values.shape) == (np.float32, shapes(TABLE)[layer])


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("rectified", [True, False])
def test_whoever_changes_the_maps_does_not_change_the_trace(
    network: ZFNet, trace: Trace, layer: str, rectified: bool
) -> None:
    before = trace.outputs[layer].clone()
    feature_maps(trace, layer, rectified=rectified).values.fill(7)
    assert (trace.outputs[layer] == before).all()


def test_channels_are_ranked_by_their_maximum_and_ties_by_number() -> None:
    values = np.zeros((5, 2, 2), np.float32)
    values[1, 0, 1], values[3, 1, 1], values[4] = 2, 5, 2
    assert FeatureMaps("conv1", True, values).ranked().tolist() == [3, 1, 4, 0, 2]


def test_channels_that_nowhere_answer_are_silent() -> None:
    values = np.full((4, 2, 2), -1, np.float32)
    values[1], values[3, 1, 0] = 0, 0.5
    assert FeatureMaps("conv1", False, values).silent.tolist() == [True, True, True, False]


def test_silence_and_rank_of_convolutions_do_not_depend_on_the_relu(trace: Trace) -> None:
    for layer in ("conv1", "conv5", "fc6"):
        after, before = (feature_maps(trace, layer, rectified=rectified) for rectified in (True, False))
        np.testing.assert_array_equal(after.silent, before.silent)
        live = int((~after.silent).sum())
        np.testing.assert_array_equal(after.ranked()[:live], before.ranked()[:live])


@pytest.mark.parametrize("layer", ["conv6", "gap", "input", ""])
def test_a_layer_that_does_not_exist_is_refused(trace: Trace, layer: str) -> None:
    with pytest.raises(SelectionError) as caught:
        feature_maps(trace, layer)
    assert str(caught.value) == f"the layers are {', '.join(LAYERS)}, got {layer!r}"

"""Feature maps: what the trace holds, in the shapes and the order that people look at."""

import numpy as np
import pytest
from PIL import Image

from tests.oracle import run, sequential
from zfnet import InferenceSession
from zfnet.errors import SelectionError
from zfnet.feature_maps import FIXED_QUANTILE, ORDERS, FeatureMaps, feature_maps, layer_statistics
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


def some_maps() -> FeatureMaps:
    """Five channels of 2×2 cells: two silent ones, one steady, one with a peak, one in between."""
    values = np.zeros((5, 2, 2), np.float32)
    values[1] = 2
    values[2, 0, 1] = 5
    values[4] = [[3, 0], [0, 0.5]]
    return FeatureMaps("conv1", True, values)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("index", [0, 1, 2, 3, 4]),
        ("maximum", [2, 4, 1, 0, 3]),
        ("mean", [1, 2, 4, 0, 3]),
        ("sparsity", [2, 4, 1, 0, 3]),
    ],
)
def test_channels_stand_in_the_order_asked_for_and_silent_ones_last(order: str, expected: list[int]) -> None:
    assert some_maps().ranked(order).tolist() == expected


def test_every_order_is_tested_and_another_is_refused() -> None:
    assert list(ORDERS) == ["index", "maximum", "mean", "sparsity"]
    with pytest.raises(SelectionError) as caught:
        some_maps().ranked("beauty")
    assert str(caught.value) == "the orders are index, maximum, mean, sparsity, got 'beauty'"


def test_a_logit_below_zero_is_not_silent() -> None:
    assert not FeatureMaps("fc8", False, np.full((3, 1, 1), -2.0)).silent.any()
    assert FeatureMaps("fc7", False, np.full((3, 1, 1), -2.0)).silent.all()


def test_statistics_are_those_of_the_values_after_relu(network: ZFNet, trace: Trace) -> None:
    expected = run(sequential(network), trace.input)
    lines = layer_statistics(trace)
    assert [line.layer for line in lines] == list(LAYERS)
    for line in lines:
        values = expected[line.layer][0].flatten(1) if expected[line.layer].ndim > 2 else expected[line.layer].T
        assert line.channels == len(values)
        if line.layer != "fc8":
            assert line.silent == int((values.amax(1) <= 0).sum())
            assert line.sparsity == pytest.approx(float((values == 0).double().mean()), abs=1e-12)
        assert line.mean == pytest.approx(float(values.mean()), abs=1e-12)
        assert line.maximum == pytest.approx(float(values.max()), abs=1e-12)


def test_the_fixed_scale_ends_where_one_cell_in_a_thousand_lies_beyond(session: InferenceSession) -> None:
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (224, 224, 3), np.uint8)).resize((224, 224)) for _ in range(3)]
    for layer in ("conv1", "pool2", "conv5", "fc7"):
        values = np.concatenate([session.feature_maps(picture, layer).values.ravel() for picture in pictures])
        limit = session.fixed_limit(pictures, layer)
        assert limit in values
        assert limit == pytest.approx(np.quantile(values, FIXED_QUANTILE, method="higher"), rel=1e-6) or (
            (values > limit).mean() <= 1 - FIXED_QUANTILE < (values >= limit).mean()
        )


def test_the_fixed_scale_keeps_no_traces(session: InferenceSession, sample: Image.Image) -> None:
    fresh = Image.fromarray(255 - np.asarray(sample))
    before = len(session._traces._held)
    session.fixed_limit([fresh], "conv3")
    assert len(session._traces._held) == before

"""Permuted weights: what is permuted and what is shared, and a session of their own that is never mixed up."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from tests.oracle import narrow, random_network, unchanged
from zfnet import InferenceSession, SelectionError, host
from zfnet.checkpoint import EMBEDDED, read_checkpoint
from zfnet.geometry import LAYERS, TABLE
from zfnet.model import Trace, ZFNet
from zfnet.randomisation import Randomisation, cascade, randomised

CPU = torch.device("cpu")


@pytest.fixture
def fresh() -> InferenceSession:
    return InferenceSession(read_checkpoint(EMBEDDED), CPU)


def twin(network: ZFNet, *layers: str, seed: int = 0) -> ZFNet:
    return randomised(network, Randomisation(layers, seed))


@pytest.mark.parametrize(
    ("layer", "until", "layers"),
    [
        ("conv3", "conv1", "conv3 conv2 conv1"),
        ("pool5", "conv4", "conv5 conv4"),
        ("pool1", "conv1", "conv1"),
        ("fc8", "conv5", "fc8 fc7 fc6 conv5"),
        ("gap", "conv4", "gap conv5 conv4"),
        ("fc8", "fc8", "fc8"),
    ],
)
def test_a_cascade_goes_down_over_the_layers_that_have_weights(layer: str, until: str, layers: str) -> None:
    assert cascade(layer, until) == tuple(layers.split())


@pytest.mark.parametrize(
    ("layer", "until", "message"),
    [
        ("conv3", "conv4", "weights are permuted from 'conv3' down to one of conv3, conv2, conv1, got 'conv4'"),
        ("conv3", "pool1", "down to one of conv3, conv2, conv1, got 'pool1'"),
        ("gap", "fc6", "from 'gap' down to one of gap, conv5, conv4, conv3, conv2, conv1, got 'fc6'"),
        ("conv9", "conv1", "weights are permuted from one of the layers conv1, .*, gap, got 'conv9'"),
    ],
)
def test_a_cascade_that_does_not_exist_is_refused(layer: str, until: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        cascade(layer, until)


@pytest.mark.parametrize("layer", [layer for layer in [*LAYERS, "gap"] if "pool" not in layer])
def test_every_value_stays_in_its_layer_and_all_other_weights_are_the_very_same(network: ZFNet, layer: str) -> None:
    before, after = network.state_dict(), twin(network, layer).state_dict()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if name.startswith(f"{layer}."):
            assert not torch.equal(after[name], tensor), name
            assert torch.equal(after[name].flatten().sort().values, tensor.flatten().sort().values)
            assert after[name].shape == tensor.shape
        else:
            assert after[name].data_ptr() == tensor.data_ptr()


def test_a_layers_permutation_follows_from_the_seed_alone(network: ZFNet) -> None:
    one, deep, again, other = (
        twin(network, *layers, seed=seed).conv3.weight
        for layers, seed in ((("conv3",), 4), (("fc8", "conv3", "conv1"), 4), (("conv3",), 4), (("conv3",), 5))
    )
    assert torch.equal(one, deep)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_twin_is_frozen_and_the_network_unchanged(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        other = twin(network, "fc6", "conv5", "conv1")
        values = other.trace(trace.input)
    assert not other.training
    assert not any(parameter.requires_grad for parameter in other.parameters())
    assert not torch.equal(values.outputs["conv1"], trace.outputs["conv1"])
    assert torch.equal(network.trace(trace.input).outputs["fc8"], trace.outputs["fc8"])
    above = twin(network, "conv5").trace(trace.input)
    assert torch.equal(above.outputs["conv4"], trace.outputs["conv4"])
    assert not torch.equal(above.outputs["conv5"], trace.outputs["conv5"])


def test_a_head_that_is_not_there_cannot_be_permuted() -> None:
    with pytest.raises(SelectionError, match="this network has no averaging head"):
        twin(random_network(narrow(TABLE), gap=False), "gap")


# A session on permuted weights


def test_a_weight_set_has_an_id_of_its_own_that_says_what_it_is(fresh: InferenceSession) -> None:
    real = fresh.info

    def info(until: str, seed: int) -> host.SessionInfo:
        return fresh.randomised(until, from_layer="conv5", seed=seed).info

    ids = {info(until, seed).checkpoint_id for until in ("conv5", "conv4", "conv1") for seed in (0, 1)}
    assert len(ids | {real.checkpoint_id}) == 7
    assert info("conv4", 1).checkpoint_id == f"{real.checkpoint_id}+permuted:conv5-conv4:1" in ids
    assert info("conv4", 1).randomised == (Randomisation(("conv5", "conv4"), 1),)
    assert not info("conv4", 1).evaluation
    assert fresh.info is real
    assert real.randomised == ()
    deeper = fresh.randomised("conv5", from_layer="conv5").randomised("conv5", from_layer="conv5")
    assert len(deeper.info.randomised) == 2
    once = fresh.randomised("conv5", from_layer="conv5")
    assert not torch.equal(deeper._model.conv5.weight, once._model.conv5.weight)


def test_a_twin_shares_places_and_unpermuted_weights_and_computes_a_permutation_once(
    fresh: InferenceSession,
) -> None:
    one, two = (fresh.randomised(until, from_layer="conv5") for until in ("conv4", "conv3"))
    assert one._places is two._places is fresh._places
    assert one._model.conv4.weight.data_ptr() == two._model.conv4.weight.data_ptr()
    assert one._model.fc6.left is fresh._model.fc6.left
    assert one._model.conv5.weight is not fresh._model.conv5.weight


def test_what_is_kept_of_permuted_weights_is_bounded(fresh: InferenceSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_PERMUTED_MEBIBYTES", 8)
    bounded = InferenceSession(read_checkpoint(EMBEDDED), CPU)
    for seed in range(4):
        bounded.randomised("conv4", from_layer="conv5", seed=seed)
        assert sum(tensor.nbytes for tensor in bounded._permuted._held.values()) <= 8 * 2**20
    assert not fresh._permuted._held


def test_traces_of_both_weight_sets_are_kept_apart(fresh: InferenceSession, sample: Image.Image) -> None:
    shuffled = fresh.randomised("conv5", from_layer="conv5")
    real, other = fresh.trace(sample), shuffled.trace(sample)
    assert fresh.trace(sample) is real
    assert shuffled.trace(sample) is other
    # A twin keeps its newest trace only, and none with those of the real weights.
    shuffled.trace(Image.fromarray(255 - np.asarray(sample)))
    assert (len(shuffled._traces._held), len(fresh._traces._held)) == (1, 1)
    assert torch.equal(real.outputs["conv4"], other.outputs["conv4"])
    assert not torch.equal(real.outputs["conv5"], other.outputs["conv5"])


def test_two_threads_with_different_weights_get_their_own_answers(fresh: InferenceSession, sample: Image.Image) -> None:
    def answer(seed: int | None) -> np.ndarray:
        start.wait(20)
        used = fresh if seed is None else fresh.randomised("conv1", from_layer="fc8", seed=seed)
        return used.classify(sample).probabilities

    seeds = [None, 0, 1, None, 0, 1]
    start = threading.Barrier(1)
    expected = {seed: answer(seed) for seed in seeds}
    fresh._traces._held.clear()
    start = threading.Barrier(len(seeds))
    with ThreadPoolExecutor(len(seeds)) as pool:
        together = list(pool.map(partial(answer), seeds, timeout=60))
    for seed, found in zip(seeds, together, strict=True):
        np.testing.assert_allclose(found, expected[seed], rtol=0, atol=1e-6)
    assert not np.allclose(expected[0], expected[1], atol=1e-6)


def test_a_cell_that_is_silent_with_permuted_weights_can_still_be_projected(
    fresh: InferenceSession, sample: Image.Image
) -> None:
    shuffled = fresh.randomised("conv5", from_layer="conv5")
    values = shuffled.feature_maps(sample, "conv5").values
    channel, row, column = (int(i) for i in np.argwhere(values == 0)[0])
    unit = f"conv5:{channel}@{row},{column}"
    (blank,) = shuffled.deconvnet(sample, [unit])
    one, three = (shuffled.deconvnet(sample, [unit], activation=a)[0] for a in (1.0, 3.0))
    assert not blank.pixels.any()
    assert (one.activation, three.activation) == (1, 3)
    assert one.pixels.any()
    np.testing.assert_allclose(three.pixels, 3 * one.pixels, rtol=1e-4, atol=1e-6 * np.abs(three.pixels).max())
    with pytest.raises(SelectionError, match="a whole map starts with its own values"):
        shuffled.deconvnet(sample, [unit], activation=1.0, whole_map=True)

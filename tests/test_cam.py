"""Class activation maps: every method against its oracle, and what holds for all of them."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from PIL import Image
from torch import Tensor, nn
from torchcam.methods import CAM, GradCAM, LayerCAM

from tests.oracle import HEADS, difference, narrow, random_network, run, sequential, unchanged
from zfnet import InferenceSession
from zfnet.cam import ASKING, METHODS, WEIGHTINGS, ChannelEvidence, ClassMap, channel_evidence, class_activation
from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import TABLE
from zfnet.model import Trace, ZFNet
from zfnet.scorecam import masks, scorecam


def grad_cam(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
    """Return captum's Grad-CAM, (H, W)."""
    explained = LayerGradCam(chain, chain.get_submodule(layer))
    return explained.attribute(x.clone().requires_grad_(), class_index, relu_attributions=True).detach()[0, 0]


def by_torchcam(method: type[Any]) -> Callable[[nn.Sequential, Tensor, str, int], Tensor]:
    """Return a map of torchcam's, not normalised; its CAM has no last ReLU."""

    def made(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
        options = {"fc_layer": "gap"} if method is CAM else {}
        with method(chain, layer, **options) as extractor:
            scores = chain(x.clone().requires_grad_())
            (found,) = extractor(class_index, scores, normalized=False)
        return found.detach()[0].relu()

    return made


def maps_and_gradients(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> tuple[Tensor, Tensor]:
    """Return the layer's maps and the gradient of the class's logit there, (C, H, W) each, by autograd."""
    values = run(chain, x.clone().requires_grad_())
    logit = values[next(reversed(values))][0, class_index]
    (gradients,) = torch.autograd.grad(logit, values[layer])
    return values[layer][0].detach().double(), gradients[0].double()


def equation_19(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
    """Return Grad-CAM++ as its paper writes it, map by map, in float64."""
    total = 0
    for a, g in zip(*maps_and_gradients(chain, x, layer, class_index), strict=True):
        alpha = torch.where(g == 0, 0, g**2 / (2 * g**2 + a.sum() * g**3).where(g != 0, 1))
        total = total + (alpha * g.relu()).sum() * a
    return total.relu()


def hires_cam(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
    maps, gradients = maps_and_gradients(chain, x, layer, class_index)
    return (maps * gradients).sum(0).relu()


def first_component(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
    """Return every cell's projection on the first right singular vector, by numpy in float64; no sum below zero."""
    maps = maps_and_gradients(chain, x, layer, class_index)[0]
    right = np.linalg.svd(maps.flatten(1).numpy().T, full_matrices=False)[2][0]
    return torch.einsum("k,khw->hw", torch.from_numpy(right * np.sign(right.sum())), maps).relu()


def emptied(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
    """Return Ablation-CAM: each map emptied in a copy of its own, and the modules above the layer run on the copies."""
    below, names = run(chain, x), [name for name, _ in chain.named_children()]
    maps = below[layer][0]
    copies = maps.repeat(len(maps), 1, 1, 1)
    copies[range(len(maps)), range(len(maps))] = 0
    score = below[names[-1]][0, class_index]
    fallen = score - chain[names.index(layer) + 1 :](copies)[:, class_index]
    return torch.einsum("k,khw->hw", fallen / score.abs(), maps).relu()


def seen_through(chain: nn.Sequential, x: Tensor, layer: str, class_index: int) -> Tensor:
    """Return Score-CAM: a whole forward pass for every map, and one for the blank picture."""
    maps = run(chain, x)[layer][0]
    blank = chain(torch.zeros_like(x)).softmax(1)[0, class_index]
    total = torch.zeros_like(maps[0])
    for a in maps:
        mask = F.interpolate(a[None, None], x.shape[2:], mode="bilinear", align_corners=False)
        if mask.max() > mask.min():
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            total += (chain(x * mask).softmax(1)[0, class_index] - blank) * a
    return total.relu()


# The oracle of each method: (chain of modules, picture, layer, class) to the map after ReLU, (H, W).
ORACLES: dict[str, Callable[[nn.Sequential, Tensor, str, int], Tensor]] = {
    "cam": by_torchcam(CAM),
    "gradcam": grad_cam,
    "gradcam++": equation_19,
    "hirescam": hires_cam,
    "layercam": by_torchcam(LayerCAM),
    "eigencam": first_component,
    "ablationcam": emptied,
    "scorecam": seen_through,
}
# CAM is made at conv5 for the averaging head alone.
ANYWHERE = [method for method in METHODS if method != "cam"]
GRADIENT = [method for method in WEIGHTINGS if method != "cam"]


def some(method: str) -> Sequence[int]:
    """Return the classes to be compared: fewer where an oracle takes long."""
    return (8, 0, 4) if method in ASKING else range(9)


def values(class_map: ClassMap) -> Tensor:
    return torch.from_numpy(class_map.values)


def test_every_method_has_an_oracle() -> None:
    assert set(METHODS) == ORACLES.keys()


@pytest.mark.parametrize("method", ANYWHERE)
@pytest.mark.parametrize("layer", ["conv2", "pool2", "conv5", "pool5"])
def test_a_map_equals_its_oracle(network: ZFNet, trace: Trace, layer: str, method: str) -> None:
    chain = sequential(network)
    for class_map in class_activation(network, trace, some(method), methods=[method], layer=layer):
        expected = ORACLES[method](chain, trace.input, layer, class_map.class_index)
        torch.testing.assert_close(values(class_map), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_of_the_averaging_head_equals_its_oracle(network: ZFNet, trace: Trace, method: str) -> None:
    chain = sequential(network, "gap")
    for layer in ("conv3", "conv5") if method in ANYWHERE else ("conv5",):
        for class_map in class_activation(network, trace, some(method), methods=[method], layer=layer, head="gap"):
            expected = ORACLES[method](chain, trace.input, layer, class_map.class_index)
            torch.testing.assert_close(values(class_map), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("method", "head", "layer"),
    [
        *itertools.product(GRADIENT, HEADS, ["conv3", "conv5"]),
        *itertools.product(["ablationcam"], HEADS, ["conv5"]),
        ("cam", "gap", "conv5"),
    ],
)
def test_a_map_of_the_embedded_network_equals_its_oracle(
    session: InferenceSession,
    chains: dict[str, nn.Sequential],
    sample: Image.Image,
    layer: str,
    head: str,
    method: str,
) -> None:
    classes = [score.index for score in session.classify(sample, top=2, head=head).classes]
    maps = session.class_activation(sample, classes, methods=[method], layer=layer, head=head)
    for class_map in maps:
        assert class_map.values.dtype == np.float32
        expected = ORACLES[method](chains[head], session.prepare(sample), layer, class_map.class_index)
        # In float32 a logit far below the others leaves nothing to compare but noise, and so do the falls of a score,
        # which are small differences, where they add up to nearly nothing.
        limit = 1e-3 if method == "ablationcam" else 1e-5
        assert difference(values(class_map), expected.to(values(class_map).dtype)) < limit


def test_maps_come_class_by_class_and_method_by_method(network: ZFNet, trace: Trace) -> None:
    methods = ANYWHERE
    maps = class_activation(network, trace, [3, 1, 3], methods=methods, layer="conv4")
    assert [(m.class_index, m.method) for m in maps] == [(c, method) for c in (3, 1, 3) for method in methods]
    assert {(m.layer, m.head) for m in maps} == {("conv4", "fc")}


@pytest.mark.parametrize("head", HEADS)
def test_many_classes_at_once_equal_one_at_a_time(network: ZFNet, trace: Trace, head: str) -> None:
    methods = list(METHODS) if head == "gap" else ANYWHERE
    for together in class_activation(network, trace, [8, 0, 4], methods=methods, head=head, rectified=False):
        (alone,) = class_activation(
            network, trace, [together.class_index], methods=[together.method], head=head, rectified=False
        )
        torch.testing.assert_close(values(together), values(alone), rtol=0, atol=1e-12)


def test_no_classes_and_no_methods_give_no_maps(network: ZFNet, trace: Trace) -> None:
    assert class_activation(network, trace, []) == ()
    assert class_activation(network, trace, [1], methods=[]) == ()


@pytest.mark.parametrize("method", METHODS)
def test_the_signed_sum_comes_before_the_last_relu(network: ZFNet, trace: Trace, method: str) -> None:
    rectified = class_activation(network, trace, range(9), methods=[method], head="gap")
    signed = class_activation(network, trace, range(9), methods=[method], head="gap", rectified=False)
    # Nothing that these two add up is below zero.
    assert (min(m.values.min() for m in signed) < 0) == (method not in ("gradcam++", "layercam", "eigencam"))
    for after, before in zip(rectified, signed, strict=True):
        np.testing.assert_array_equal(after.values, np.maximum(before.values, 0))


def test_grad_cam_of_the_averaging_head_is_cam_divided_by_the_area(network: ZFNet, trace: Trace) -> None:
    """CAM (Zhou et al. 2016) is the sum of the maps, weighted as the head weights their averages."""
    maps = trace.activation("conv5")[0]
    for class_map in class_activation(network, trace, range(9), layer="conv5", head="gap", rectified=False):
        cam = torch.einsum("k,khw->hw", network.gap.weight[class_map.class_index], maps)
        assert difference(values(class_map) * maps[0].numel(), cam) < 1e-12
        mean = cam.mean() + network.gap.bias[class_map.class_index]
        torch.testing.assert_close(mean, trace.outputs["gap"][0, class_map.class_index])


def test_cam_is_the_sum_of_the_maps_weighted_as_the_head_weights_their_averages(network: ZFNet, trace: Trace) -> None:
    maps = trace.activation("conv5")[0]
    for found in class_activation(network, trace, range(9), methods=["cam"], head="gap", rectified=False):
        expected = torch.einsum("k,khw->hw", network.gap.weight[found.class_index], maps)
        torch.testing.assert_close(values(found), expected, rtol=0, atol=1e-12)


def test_grad_cam_equals_torchcam_too(network: ZFNet, trace: Trace) -> None:
    made = by_torchcam(GradCAM)
    for found in class_activation(network, trace, range(9)):
        expected = made(sequential(network), trace.input, "conv5", found.class_index)
        torch.testing.assert_close(values(found), expected, rtol=0, atol=1e-11)


def test_where_the_map_is_averaged_hires_cam_is_grad_cam(network: ZFNet, trace: Trace) -> None:
    """Below an average, a gradient is the same in every cell."""
    gradcam, hirescam = (
        class_activation(network, trace, [4], methods=[method], head="gap", rectified=False)[0].values
        for method in ("gradcam", "hirescam")
    )
    np.testing.assert_allclose(gradcam, hirescam, rtol=0, atol=1e-12)


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        class_activation(network, trace, [0, 5], methods=ANYWHERE, layer="conv3")
        with pytest.raises(SelectionError):
            class_activation(network, trace, [0, 9])


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        ([9], {}, "there are 9 classes (0-8), got 9"),
        ([0, -1], {}, "there are 9 classes (0-8), got -1"),
        ([0], {"methods": ["gradcam", "scam"]}, f"the methods are {', '.join(METHODS)}, got 'scam'"),
        ([0], {"layer": "fc6"}, "conv5, pool5, got 'fc6'"),
        ([0], {"methods": ["cam"]}, "cam needs the head 'gap' and the layer conv5, got the head 'fc' and conv5"),
        ([0], {"methods": ["cam"], "head": "gap", "layer": "conv4"}, "got the head 'gap' and conv4"),
        ([0], {"head": "svm"}, "this network's heads are fc, gap, got 'svm'"),
        ([0], {"head": "gap", "layer": "pool5"}, "conv4, conv5, got 'pool5'"),
    ],
)
def test_what_does_not_exist_is_refused(
    network: ZFNet, trace: Trace, classes: list[int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        class_activation(network, trace, classes, **options)
    assert message in str(caught.value)


def test_a_network_without_averaging_head_says_so(x: Tensor) -> None:
    model = random_network(narrow(TABLE), gap=False)
    with pytest.raises(SelectionError, match="this network's heads are fc, got 'gap'"):
        class_activation(model, model.trace(x), [0], head="gap")


@pytest.mark.parametrize("head", HEADS)
def test_a_centred_score_is_the_logit_less_the_mean_of_all(network: ZFNet, trace: Trace, head: str) -> None:
    values = run(sequential(network, head), trace.input.clone().requires_grad_())
    logits = values[HEADS[head]][0]
    for found in class_activation(network, trace, [0, 7], layer="conv4", head=head, centred=True, rectified=False):
        score = logits[found.class_index] - logits.mean()
        (gradients,) = torch.autograd.grad(score, values["conv4"], retain_graph=True)
        expected = (gradients[0].mean((1, 2), keepdim=True) * values["conv4"][0].detach()).sum(0)
        torch.testing.assert_close(torch.from_numpy(found.values), expected, rtol=0, atol=1e-12)


def test_a_centred_map_does_not_see_what_all_logits_have_in_common(network: ZFNet, trace: Trace) -> None:
    """Nor does softmax: the probabilities stay as they are."""
    common = deepcopy(network)
    common.fc8.weight += torch.randn(24, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    moved = common.trace(trace.input)
    torch.testing.assert_close(moved.outputs["fc8"].softmax(1), trace.outputs["fc8"].softmax(1))
    plain, centred = (
        [
            class_activation(model, t, [3], centred=c, rectified=False)[0].values
            for model, t in ((network, trace), (common, moved))
        ]
        for c in (False, True)
    )
    assert np.abs(plain[0] - plain[1]).max() > 0.1 * np.abs(plain[0]).max()
    np.testing.assert_allclose(centred[0], centred[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_the_parts_of_a_grad_cam_add_up_to_it(network: ZFNet, trace: Trace, head: str, centred: bool) -> None:
    parts = channel_evidence(network, trace, 4, head=head, centred=centred)
    (whole,) = class_activation(network, trace, [4], head=head, centred=centred, rectified=False)
    np.testing.assert_allclose(parts.partial(len(parts.weights)), whole.values, rtol=0, atol=1e-12)
    assert parts.parts.sum() == pytest.approx(whole.values.mean(), abs=1e-12)
    sizes = np.abs(parts.parts[parts.ranked()])
    assert (np.diff(sizes) <= 0).all()
    assert not parts.partial(0).any()
    strongest = parts.ranked()[0]
    np.testing.assert_allclose(parts.partial(1), parts.weights[strongest] * parts.maps[strongest])
    assert [parts.share(n) for n in (0, 1, 99)] == pytest.approx([0, sizes[0] / sizes.sum(), 1])


def test_the_parts_of_the_embedded_networks_map_add_up_in_float32(
    session: InferenceSession, sample: Image.Image
) -> None:
    parts = session.channel_evidence(sample, 281, centred=True)
    (whole,) = session.class_activation(sample, [281], centred=True, rectified=False)
    np.testing.assert_allclose(parts.partial(256), whole.values, rtol=0, atol=1e-6)


def test_what_has_no_evidence_has_no_shares() -> None:
    nothing = ChannelEvidence(0, "conv5", "fc", np.zeros(3, np.float32), np.ones((3, 2, 2), np.float32))
    assert nothing.share(2) == 0


@pytest.mark.parametrize("method", ["eigencam", "scorecam"])
def test_what_softmax_does_not_see_changes_nothing(network: ZFNet, trace: Trace, method: str) -> None:
    plain, centred = (class_activation(network, trace, [4], methods=[method], centred=c)[0].values for c in (0, 1))
    np.testing.assert_array_equal(plain, centred)


def test_eigen_cam_asks_for_no_class_and_is_nowhere_below_zero(network: ZFNet, trace: Trace) -> None:
    for layer in ("conv1", "conv5"):  # more cells than channels at conv1
        first, *others = class_activation(network, trace, range(9), methods=["eigencam"], layer=layer, rectified=False)
        assert first.values.max() > 0
        assert first.values.min() >= -1e-12
        for other in others:
            np.testing.assert_array_equal(first.values, other.values)


def test_of_a_layer_that_says_nothing_every_map_is_zero(network: ZFNet, x: Tensor) -> None:
    silent = deepcopy(network)
    silent.conv5.bias -= 1e6
    for found in class_activation(silent, silent.trace(x), [1, 2], methods=ANYWHERE):
        assert not found.values.any()


@pytest.mark.parametrize("head", HEADS)
def test_a_centred_ablation_is_about_the_logit_less_the_mean_of_all(network: ZFNet, trace: Trace, head: str) -> None:
    chain, maps = sequential(network, head), trace.activation("conv5")[0]
    above = chain[[name for name, _ in chain.named_children()].index("conv5") + 1 :]

    def scores(maps: Tensor) -> Tensor:
        logits = above(maps[None])[0]
        return logits - logits.mean()

    whole, total = scores(maps), torch.zeros(9, *maps.shape[1:], dtype=maps.dtype)
    for channel, a in enumerate(maps):
        left = maps.clone()
        left[channel] = 0
        total += ((whole - scores(left)) / whole.abs())[:, None, None] * a
    options: dict[str, Any] = {"methods": ["ablationcam"], "head": head, "centred": True, "rectified": False}
    for found in class_activation(network, trace, range(9), **options):
        torch.testing.assert_close(values(found), total[found.class_index], rtol=0, atol=1e-11)


def test_a_map_without_which_the_score_falls_weighs_more_than_nothing(network: ZFNet, trace: Trace) -> None:
    """Also where the score is below zero, and where it is zero."""
    shifted = deepcopy(network)
    found = []
    for bias in (0.0, -1e3):
        shifted.fc8.bias = nn.Parameter(network.fc8.bias + bias, requires_grad=False)
        moved = shifted.trace(trace.input)
        (one,) = class_activation(shifted, moved, [3], methods=["ablationcam"], rectified=False)
        found.append(one.values * abs(float(moved.outputs["fc8"][0, 3])))
    np.testing.assert_allclose(*found, rtol=0, atol=1e-9)
    shifted.fc8.bias = nn.Parameter(network.fc8.bias - trace.outputs["fc8"][0], requires_grad=False)
    exact = Trace(trace.input, {**trace.outputs, "fc8": torch.zeros_like(trace.outputs["fc8"])}, trace.switches)
    (one,) = class_activation(shifted, exact, [3], methods=["ablationcam"], rectified=False)
    np.testing.assert_allclose(one.values, found[0], rtol=0, atol=1e-9)


def test_a_mask_fills_the_picture_from_zero_to_one_unless_the_map_is_flat() -> None:
    maps = torch.stack([torch.arange(6.0).view(2, 3) + 7, torch.full((2, 3), 5.0)])
    ramp, flat = masks(maps, (8, 9))
    assert ramp.shape == (1, 8, 9)
    assert (ramp.min(), ramp.max()) == (0, 1)
    assert not flat.any()


def test_a_few_maps_of_the_embedded_network_weigh_what_a_pass_through_each_says(
    session: InferenceSession,
    embedded: ZFNet,
    chains: dict[str, nn.Sequential],
    sample: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zfnet.ablation.live", lambda trace, layer: [3, 250])
    trace, chain = session.trace(sample), chains["fc"]
    index = session.classify(sample, top=1).classes[0].index
    (found,) = scorecam(embedded, trace, [index], layer="conv5", head="fc", centred=False)
    blank = chain(torch.zeros_like(trace.input)).softmax(1)[0, index]
    for channel in (3, 250):
        mask = F.interpolate(trace.activation("conv5")[:, [channel]], 224, mode="bilinear", align_corners=False)
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        expected = chain(trace.input * mask).softmax(1)[0, index] - blank
        assert float(found[channel]) == pytest.approx(float(expected), rel=1e-4, abs=1e-8)
    assert int(found.count_nonzero()) == 2


@pytest.mark.parametrize("method", ASKING)
def test_asking_is_done_in_steps_that_can_be_followed_and_stopped(network: ZFNet, trace: Trace, method: str) -> None:
    entered, told = [], []

    @contextmanager
    def slot() -> Iterator[None]:
        entered.append(True)
        yield

    options: dict[str, Any] = {"methods": [method], "layer": "conv2", "slot": slot}
    live = int((trace.activation("conv2")[0].amax((1, 2)) > 0).sum())
    class_activation(network, trace, [1], **options, progress=lambda done, of: told.append((done, of)))
    assert told == [(live, live)]
    assert len(entered) == 3  # to prepare, one batch, the sum
    with pytest.raises(Cancelled, match=f"stopped after 0 of {live} maps"):
        class_activation(network, trace, [1], **options, cancel=lambda: True)


def test_a_step_of_many_classes_can_be_stopped(network: ZFNet, trace: Trace) -> None:
    with pytest.raises(Cancelled, match="stopped after 0 of 2 classes"):
        class_activation(network, trace, [1, 2], cancel=lambda: True)

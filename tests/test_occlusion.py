"""Occlusion: against the whole network on covered pictures, against captum, and the ways it can be asked for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from PIL import Image
from torch import Tensor, nn

from tests.oracle import HEADS, unchanged
from zfnet import InferenceSession, Unit
from zfnet.errors import Cancelled, SelectionError
from zfnet.model import Trace, ZFNet
from zfnet.occlusion import FILLS, OcclusionMaps, Square, occlusion
from zfnet.occlusion import covered as cover_up

# Few squares, the last of them flush with the edge.
COARSE = Square(size=60, stride=70)


def identity(x: Tensor) -> Tensor:
    return x


def covered(trace: Trace, found: OcclusionMaps, cover: Tensor) -> Tensor:
    """Return a picture for every place of the square, in row order."""
    size = found.square.size
    pictures = trace.input.repeat(len(found.offsets) ** 2, 1, 1, 1)
    places = [(top, left) for top in found.offsets for left in found.offsets]
    for picture, (top, left) in zip(pictures, places, strict=True):
        picture[:, top : top + size, left : left + size] = cover[0, :, top : top + size, left : left + size]
    return pictures


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("fill", FILLS)
def test_the_maps_are_what_the_whole_network_says_of_covered_pictures(
    network: ZFNet, trace: Trace, head: str, fill: str
) -> None:
    square = Square(size=60, stride=70, fill=fill, seed=4)
    found = occlusion(network, trace, 5, identity, square=square, head=head)
    assert found.offsets == (0, 70, 140, 164)
    whole = network.trace(covered(trace, found, FILLS[fill](trace.input, square, identity)))
    logits = whole.outputs[HEADS[head]]
    sums = whole.activation("conv5")[:, found.unit.channel].sum((1, 2))
    shape = (4, 4)
    np.testing.assert_allclose(found.probability, logits.softmax(1)[:, 5].reshape(shape), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.activation, sums.reshape(shape), rtol=1e-6)
    np.testing.assert_array_equal(found.label, logits.argmax(1).reshape(shape))


@pytest.mark.parametrize("head", HEADS)
def test_the_whole_picture_is_told_beside_the_maps(network: ZFNet, trace: Trace, head: str) -> None:
    found = occlusion(network, trace, 2, identity, square=COARSE, head=head)
    logits, conv5 = trace.outputs[HEADS[head]][0], trace.activation("conv5")[0]
    assert found.unit.channel == int(conv5.amax((1, 2)).argmax())
    assert found.whole == (float(logits.softmax(0)[2]), float(conv5[found.unit.channel].sum()), int(logits.argmax()))


def test_the_loss_of_probability_equals_captum(
    session: InferenceSession, chains: dict[str, nn.Sequential], sample: Image.Image
) -> None:
    """Without overlap, captum's value of a pixel is what its square loses."""
    index = session.classify(sample, top=1).classes[0].index
    found = session.occlusion(sample, index, square=Square(size=56, stride=56, fill="mean"))
    x = session.prepare(sample)
    explained = Occlusion(lambda x: chains["fc"](x).softmax(1))
    lost = explained.attribute(x, (3, 56, 56), strides=(3, 56, 56), target=index, baselines=0)[0, 0, ::56, ::56]
    np.testing.assert_allclose(found.whole[0] - found.probability, lost, rtol=0, atol=1e-5)


def test_grey_is_pixel_value_128_and_mean_is_zero(session: InferenceSession, sample: Image.Image) -> None:
    grey = session.prepare(Image.new("RGB", (224, 224), (128, 128, 128)))
    x = session.prepare(sample)
    torch.testing.assert_close(FILLS["grey"](x, Square(), session._normalise), grey, rtol=0, atol=1e-6)
    assert not FILLS["mean"](x, Square(), session._normalise).any()


def test_noise_is_that_of_its_seed(trace: Trace) -> None:
    one, same, other = (FILLS["noise"](trace.input, Square(seed=seed), identity) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert 0 <= one.min() < 0.01
    assert 0.99 < one.max() <= 1


@pytest.mark.parametrize("fill", FILLS)
def test_a_covered_picture_is_what_the_network_was_asked_about(trace: Trace, fill: str) -> None:
    square = Square(size=60, stride=70, fill=fill, seed=4)
    one = cover_up(trace, square, (70, 164), identity)
    inside = torch.zeros(224, 224, dtype=torch.bool)
    inside[70:130, 164:] = True
    assert torch.equal(one[..., ~inside], trace.input[..., ~inside])
    assert torch.equal(one[..., inside], FILLS[fill](trace.input, square, identity)[..., inside])


def test_a_covered_picture_has_the_papers_grey(session: InferenceSession, sample: Image.Image) -> None:
    seen = session.covered(sample, (10, 50), square=Square(size=20))
    expected = np.array(sample)
    expected[10:30, 50:70] = 128
    np.testing.assert_array_equal(seen, expected)


def test_a_square_visits_every_stride_and_the_far_edge() -> None:
    assert Square(32, 16).offsets() == tuple(range(0, 193, 16))
    assert Square(60, 70).offsets() == (0, 70, 140, 164)
    assert Square(100, 300).offsets(101) == (0, 1)


def made(probability: list[list[float]], label: list[list[int]], answer: int = 7) -> OcclusionMaps:
    """Return maps for a square of 60 pixels at 0 and 164, as if they had been computed."""
    values = np.array(probability, np.float32)
    whole = np.zeros(9, np.float32)
    whole[[0, answer]] = 0.25, 0.5
    of_one = values[..., None]
    return OcclusionMaps(
        0, "fc", Unit("conv5", 0), Square(60, 164), (0, 164), of_one, values, np.array(label), whole, 1.0
    )


def test_the_place_that_costs_most_is_told_while_the_maps_grow() -> None:
    maps = made([[np.nan, 0.2], [0.1, np.nan]], [[-1, 7], [7, -1]])
    assert maps.lowest == (1, 0)
    assert maps.box(*maps.lowest) == (164, 0, 224, 60)
    assert [maps.span(1), maps.centre(1)] == [(164, 223), 193.5]


def test_labels_begin_with_the_whole_pictures_and_go_by_their_number() -> None:
    assert made([[0, 0], [0, 0]], [[3, 7], [9, 9]]).labels == ((7, 1), (9, 2), (3, 1))
    assert made([[0, 0], [0, 0]], [[3, 2], [9, 9]]).labels == ((7, 0), (9, 2), (2, 1), (3, 1))


def test_a_growing_part_of_the_maps_is_shown_meanwhile(network: ZFNet, trace: Trace) -> None:
    seen: list[tuple[int, int, int]] = []

    def look(done: int, of: int, maps: Callable[[], OcclusionMaps]) -> None:
        visited = int(np.isfinite(maps().probability).sum())
        assert visited == int((maps().label >= 0).sum()) == int(np.isfinite(maps().activation).sum())
        seen.append((done, of, visited))

    occlusion(network, trace, 0, identity, square=Square(size=40, stride=40), progress=look)
    assert seen == [(16, 36, 16), (32, 36, 32), (36, 36, 36)]


def test_it_can_be_stopped_between_steps(network: ZFNet, trace: Trace) -> None:
    asked: list[int] = []

    def cancel() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled, match="stopped after 32 of 36 places"):
        occlusion(network, trace, 0, identity, square=Square(size=40, stride=40), cancel=cancel)


def stopped(network: ZFNet, trace: Trace, steps: int, **options: object) -> OcclusionMaps:
    """Return what a run has handed out when it is stopped after some steps."""
    handed: list[OcclusionMaps] = []
    with pytest.raises(Cancelled):
        occlusion(
            network,
            trace,
            5,
            identity,
            square=FINE,
            progress=lambda done, of, maps: handed.append(maps()),
            cancel=lambda: len(handed) == steps,
            **options,
        )
    return handed[-1]


FINE = Square(size=40, stride=40)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("steps", [1, 2])
def test_a_stopped_run_goes_on_to_the_very_maps_of_one_that_was_not(
    network: ZFNet, trace: Trace, steps: int, head: str
) -> None:
    whole = occlusion(network, trace, 5, identity, square=FINE, head=head)
    part = stopped(network, trace, steps, head=head)
    assert part.visited == 16 * steps
    seen: list[int] = []
    found = occlusion(
        network,
        trace,
        5,
        identity,
        square=FINE,
        head=head,
        resume=part,
        progress=lambda done, of, maps: seen.append(done),
    )
    assert seen == [32, 36][steps - 1 :]
    for name in ("probability", "activation", "label"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert (found.whole, found.unit, found.visited) == (whole.whole, whole.unit, 36)
    assert part.visited == 16 * steps  # what it went on with is as it was


def test_a_run_can_be_stopped_twice_and_a_finished_one_has_nothing_left_to_do(network: ZFNet, trace: Trace) -> None:
    whole = occlusion(network, trace, 5, identity, square=FINE)
    twice = stopped(network, trace, 1, resume=stopped(network, trace, 1))
    assert twice.visited == 32
    for part in (twice, whole):
        found = occlusion(network, trace, 5, identity, square=FINE, resume=part)
        np.testing.assert_array_equal(found.probability, whole.probability)
    occlusion(network, trace, 5, identity, square=FINE, resume=whole, cancel=lambda: True)


def test_half_a_step_is_done_again(network: ZFNet, trace: Trace) -> None:
    whole = occlusion(network, trace, 5, identity, square=FINE)
    label = whole.label.copy()
    label.flat[21:] = -1
    seen: list[tuple[int, int]] = []
    found = occlusion(
        network,
        trace,
        5,
        identity,
        square=FINE,
        resume=replace(whole, label=label),
        progress=lambda done, of, maps: seen.append((done, maps().visited)),
    )
    assert seen == [(32, 32), (36, 36)]
    np.testing.assert_array_equal(found.activation, whole.activation)


@pytest.mark.parametrize(
    "change",
    [
        {"head": "gap"},
        {"square": Square(size=40, stride=40, fill="mean")},
        {"unit": Unit("conv5", 99)},
        {"whole_activation": 0.5},
    ],
    ids=str,
)
def test_maps_of_another_question_are_not_gone_on_with(network: ZFNet, trace: Trace, change: dict[str, object]) -> None:
    part = replace(stopped(network, trace, 1), **change)
    with pytest.raises(SelectionError, match="these maps are of another picture, head or square"):
        occlusion(network, trace, 5, identity, square=FINE, resume=part)


def test_maps_with_gaps_are_refused(network: ZFNet, trace: Trace) -> None:
    part = stopped(network, trace, 1)
    part.label[0, 3] = -1
    with unchanged(network, trace), pytest.raises(SelectionError, match="these maps have gaps"):
        occlusion(network, trace, 5, identity, square=FINE, resume=part)


def test_a_place_is_held_for_one_step_only(session: InferenceSession, sample: Image.Image) -> None:
    free: list[int] = []
    session.occlusion(
        sample, 3, square=Square(size=40, stride=40), progress=lambda *_: free.append(session._places._free)
    )
    assert free == [session.slots] * 3


def test_one_run_holds_the_maps_of_every_class(network: ZFNet, trace: Trace) -> None:
    one, other = (occlusion(network, trace, index, identity, square=COARSE) for index in (1, 2))
    assert (one.probability != other.probability).any()
    assert one.of(2).whole == other.whole
    for name in ("probability", "activation", "label"):
        np.testing.assert_array_equal(getattr(one.of(2), name), getattr(other, name))
    np.testing.assert_allclose(one.probabilities.sum(2), 1, rtol=1e-6)


def test_a_run_that_was_stopped_for_one_class_goes_on_for_another(network: ZFNet, trace: Trace) -> None:
    whole = occlusion(network, trace, 2, identity, square=FINE)
    found = occlusion(network, trace, 2, identity, square=FINE, resume=stopped(network, trace, 1))
    np.testing.assert_array_equal(found.probability, whole.probability)


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        occlusion(network, trace, 1, identity, square=COARSE)
        with pytest.raises(SelectionError):
            occlusion(network, trace, 9, identity, square=COARSE)


@pytest.mark.parametrize(
    ("index", "options", "message"),
    [
        (9, {}, "there are 9 classes (0-8), got 9"),
        (0, {"square": Square(size=0)}, "the square has 1 to 223 pixels a side, got 0"),
        (0, {"square": Square(size=224)}, "the square has 1 to 223 pixels a side, got 224"),
        (0, {"square": Square(stride=0)}, "the square moves by at least 1 pixel, got 0"),
        (0, {"square": Square(fill="black")}, "the fills are grey, mean, blur, noise, got 'black'"),
        (0, {"head": "svm"}, "this network's heads are fc, gap, got 'svm'"),
    ],
)
def test_what_does_not_exist_is_refused(
    network: ZFNet, trace: Trace, index: int, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        occlusion(network, trace, index, identity, **options)
    assert str(caught.value) == message

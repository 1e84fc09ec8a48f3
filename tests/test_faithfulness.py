"""Insertion and deletion: against the whole network on pictures masked by hand, and what a good order does."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.oracle import HEADS, unchanged
from zfnet import InferenceSession
from zfnet.errors import Cancelled, SelectionError
from zfnet.faithfulness import Curves, edge_map, insertion_deletion, random_map
from zfnet.model import Trace, ZFNet
from zfnet.occlusion import FILLS, Square


def identity(x: torch.Tensor) -> torch.Tensor:
    return x


def by_hand(network: ZFNet, trace: Trace, importance: np.ndarray, fill: str, head: str) -> tuple[list, list]:
    """Return both curves of class 3 in 7 steps, square by square."""
    cover = FILLS[fill](trace.input, Square(), identity)
    squares = [(r, c) for r in range(0, 224, 8) for c in range(0, 224, 8)]
    means = [importance[r : r + 8, c : c + 8].astype(np.float64).mean() for r, c in squares]
    order = sorted(range(len(squares)), key=lambda i: -means[i])
    curves: tuple[list, list] = ([], [])
    for step in range(8):
        deleted, inserted = trace.input.clone(), cover.clone()
        for i in order[: step * len(squares) // 7]:
            r, c = squares[i]
            deleted[..., r : r + 8, c : c + 8] = cover[..., r : r + 8, c : c + 8]
            inserted[..., r : r + 8, c : c + 8] = trace.input[..., r : r + 8, c : c + 8]
        for curve, picture in zip(curves, (deleted, inserted), strict=True):
            curve.append(float(network.trace(picture).outputs[HEADS[head]].softmax(1)[0, 3]))
    return curves


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("fill", FILLS)
def test_the_curves_are_those_of_pictures_masked_by_hand(network: ZFNet, trace: Trace, fill: str, head: str) -> None:
    importance = random_map((224, 224), seed=5)
    found = insertion_deletion(network, trace, importance, 3, normalise=identity, steps=7, fill=fill, head=head)
    deletion, insertion = by_hand(network, trace, importance, fill, head)
    np.testing.assert_allclose(found.deletion, deletion, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.insertion, insertion, rtol=0, atol=1e-6)


def test_both_curves_run_between_the_same_two_pictures(session: InferenceSession, sample: Image.Image) -> None:
    index = session.classify(sample, top=1).classes[0].index
    found = session.insertion_deletion(sample, random_map((224, 224)), index, steps=4)
    whole = session.classify(sample).probabilities[index]
    assert found.deletion[0] == pytest.approx(whole, abs=1e-5)
    assert found.insertion[-1] == pytest.approx(whole, abs=1e-5)
    assert found.deletion[-1] == pytest.approx(found.insertion[0], abs=1e-6)
    assert len(found.deletion) == len(found.insertion) == 5


def test_an_area_is_the_mean_of_the_curve_by_trapezoids() -> None:
    curves = Curves(0, "fc", "blur", np.array([1.0, 0.5, 0.0]), np.array([0.0, 0.0, 1.0]))
    assert curves.areas == (0.5, 0.25)


def test_the_opposite_order_turns_the_curves_around(network: ZFNet, trace: Trace) -> None:
    """What goes last in the one comes back first in the other."""
    importance = random_map((224, 224), seed=2)
    one = insertion_deletion(network, trace, importance, 0, normalise=identity, steps=8)
    other = insertion_deletion(network, trace, -importance, 0, normalise=identity, steps=8)
    np.testing.assert_allclose(one.deletion, other.insertion[::-1], rtol=0, atol=1e-6)


def test_edges_are_where_neighbours_differ(network: ZFNet, trace: Trace) -> None:
    flat = network.trace(torch.ones_like(trace.input))
    assert not edge_map(flat).any()
    half = torch.zeros_like(trace.input)
    half[..., 100:] = 1
    found = edge_map(network.trace(half))
    assert found.shape == (224, 224)
    assert set(np.flatnonzero(found.any(0))) == {99, 100}


def test_a_random_map_is_that_of_its_seed() -> None:
    np.testing.assert_array_equal(random_map((5, 6), 1), random_map((5, 6), 1))
    assert (random_map((5, 6), 1) != random_map((5, 6), 2)).any()


def test_it_can_be_stopped_and_leaves_nothing_behind(network: ZFNet, trace: Trace) -> None:
    importance = random_map((224, 224))
    with unchanged(network, trace), pytest.raises(Cancelled):
        insertion_deletion(network, trace, importance, 0, normalise=identity, cancel=lambda: True)
    with unchanged(network, trace):
        insertion_deletion(network, trace, importance, 0, normalise=identity, steps=2)


@pytest.mark.parametrize(
    ("index", "size", "options", "message"),
    [
        (9, 224, {}, "there are 9 classes (0-8), got 9"),
        (0, 14, {}, "the map needs the picture's size (224, 224), got (14, 14)"),
        (0, 224, {"steps": 0}, "there are 1 to 784 steps, got 0"),
        (0, 224, {"fill": "black"}, "the fills are grey, mean, blur, noise, got 'black'"),
        (0, 224, {"head": "svm"}, "this network's heads are fc, gap, got 'svm'"),
    ],
)
def test_what_does_not_fit_is_refused(
    network: ZFNet, trace: Trace, index: int, size: int, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        insertion_deletion(network, trace, random_map((size, size)), index, normalise=identity, **options)
    assert str(caught.value) == message

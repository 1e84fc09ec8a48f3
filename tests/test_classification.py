"""The network's answer: softmax and order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.oracle import HEADS, narrow, random_network
from zfnet import InferenceSession
from zfnet.classification import classify, head_layer
from zfnet.errors import SelectionError
from zfnet.geometry import TABLE
from zfnet.labels import numbered_labels
from zfnet.model import Trace

LABELS = numbered_labels(9)


def answered(trace: Trace, logits: list[float]) -> Trace:
    """Return the trace with other logits at fc8."""
    return replace(trace, outputs={**trace.outputs, "fc8": torch.tensor([logits], dtype=torch.float32)})


@pytest.mark.parametrize("head", HEADS)
def test_probabilities_are_the_softmax_of_the_heads_logits(trace: Trace, head: str) -> None:
    logits = trace.outputs[HEADS[head]][0].numpy()
    expected = np.exp(logits - logits.max())
    expected /= expected.sum()
    answer = classify(trace, LABELS, top=4, head=head)
    np.testing.assert_allclose(answer.probabilities, expected, rtol=1e-12)
    assert answer.head == head
    assert [score.index for score in answer.classes] == np.argsort(-logits)[:4].tolist()
    for score in answer.classes:
        assert score.name == f"class {score.index}"
        assert score.probability == pytest.approx(expected[score.index])
        assert score.logit == logits[score.index]


def test_the_heads_of_one_network_answer_differently(trace: Trace) -> None:
    fc, gap = (classify(trace, LABELS, head=head).probabilities for head in ("fc", "gap"))
    assert np.abs(fc - gap).max() > 0.01


def test_equal_logits_come_in_the_order_of_their_numbers(trace: Trace) -> None:
    answer = classify(answered(trace, [1, 3, 2, 3, 2, 0, 3, 0, 0]), LABELS, top=6)
    assert [score.index for score in answer.classes] == [1, 3, 6, 2, 4, 0]


def test_huge_logits_do_not_overflow(trace: Trace) -> None:
    answer = classify(answered(trace, [1e4, -1e4, 1e4 - 1, 0, 0, 0, 0, 0, 0]), LABELS, top=2)
    assert [score.probability for score in answer.classes] == pytest.approx([0.7310586, 0.2689414])


@pytest.mark.parametrize(("top", "count"), [(1, 1), (9, 9), (50, 9)])
def test_no_more_classes_come_than_there_are(trace: Trace, top: int, count: int) -> None:
    answer = classify(trace, LABELS, top=top)
    assert len(answer.classes) == count
    assert answer.probabilities.shape == (9,)


def test_the_session_answers_with_the_embedded_names(session: InferenceSession, sample: Image.Image) -> None:
    for head in HEADS:
        answer = session.classify(sample, top=5, head=head)
        assert answer.probabilities.dtype == np.float32
        assert answer.probabilities.shape == (1000,)
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)
        best = answer.classes[0]
        assert best.index == answer.probabilities.argmax()
        assert best.name == session.info.labels.name(best.index)


def test_a_head_names_the_layer_of_its_logits(trace: Trace) -> None:
    assert {head: head_layer(trace, head) for head in HEADS} == HEADS


def test_a_head_that_does_not_exist_is_refused(trace: Trace) -> None:
    with pytest.raises(SelectionError, match="this network's heads are fc, gap, got 'svm'"):
        classify(trace, LABELS, head="svm")
    model = random_network(narrow(TABLE), gap=False)
    headless = model.trace(trace.input)
    with pytest.raises(SelectionError, match="this network's heads are fc, got 'gap'"):
        classify(headless, LABELS, head="gap")


@pytest.mark.parametrize("top", [0, -3])
def test_fewer_than_one_class_is_refused(trace: Trace, top: int) -> None:
    with pytest.raises(SelectionError, match=f"top counts classes from 1 on, got {top}"):
        classify(trace, LABELS, top=top)

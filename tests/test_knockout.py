"""Knock-out: against the whole network run with maps emptied, against a slow greedy search, and on the page."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from pages.shared import knockouts, texts
from pages.shared.evidence import Asked
from pages.shared.occlusions import percent
from pages.shared.pictures import sample_picture
from tests.oracle import CONFIGS, HEADS, narrow, random_network, sequential, unchanged
from tests.test_pages import Open, chosen, run, visit, words
from zfnet import InferenceSession, SelectionError, Unit, crop
from zfnet.errors import Cancelled
from zfnet.geometry import CONVOLUTIONS
from zfnet.knockout import Knockout, knockout, needed
from zfnet.model import Trace, ZFNet

__all__ = ["visit"]


def emptied(chain: nn.Sequential, x: Tensor, units: Sequence[Unit], scale: float = 0.0) -> Tensor:
    """Return the logits of the whole network, (classes,), each unit's values multiplied where they come up."""
    for name, module in chain.named_children():
        x = module(x)
        for unit in units:
            if unit.layer == name:
                x = x.clone()
                x[0, unit.channel][unit.position or ...] *= scale
    return x[0]


def same(found: np.ndarray, expected: Tensor) -> None:
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


CHOSEN = [
    ["conv5:1"],
    ["conv5:0", "conv5:3", "conv5:4"],
    ["conv5:2@6,7"],
    ["conv1:4"],
    ["conv4:0@0,0", "conv4:5", "conv4:2"],
    ["conv5:1", "conv3:2", "conv2:7@13,0"],
    [f"conv5:{channel}" for channel in range(5)],
    ["pool2:3", "pool1:0@5,5"],
]
FULLY_CONNECTED = [["fc7:3"], ["fc6:0", "fc6:7", "fc7:1"], ["pool5:2", "fc6:1"]]


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0])
@pytest.mark.parametrize(
    ("names", "head"),
    [(names, head) for names in CHOSEN for head in HEADS] + [(names, "fc") for names in FULLY_CONNECTED],
    ids=str,
)
def test_the_answer_is_that_of_the_whole_network_with_these_maps_scaled(
    network: ZFNet, trace: Trace, names: list[str], *, scale: float, head: str
) -> None:
    units = [Unit.parse(name) for name in names]
    found = knockout(network, trace, units, scale=scale, head=head)
    expected = emptied(sequential(network, head), trace.input, units, scale)
    same(found.logits_after, expected)
    same(found.probabilities_after, expected.softmax(0))
    same(found.logits_before, trace.outputs[HEADS[head]][0])
    same(found.probabilities_before, trace.outputs[HEADS[head]][0].softmax(0))
    assert (found.units, found.scale, found.head) == (tuple(units), scale, head)
    assert {a.dtype for a in (found.logits_after, found.probabilities_before)} == {np.dtype(np.float32)}
    assert found.top(3) == tuple(expected.argsort(descending=True)[:3].tolist())


@pytest.mark.parametrize("head", HEADS)
def test_the_embedded_network_answers_as_its_modules_do(
    session: InferenceSession, chains: dict[str, nn.Sequential], sample: Image.Image, head: str
) -> None:
    for names in (["conv5:81", "conv5:12"], ["conv3:5", "conv5:17@6,9"]):
        found = session.knockout(sample, names, head=head)
        expected = emptied(chains[head], session.prepare(sample), found.units)
        np.testing.assert_allclose(found.logits_after, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_a_scale_of_one_and_no_units_change_nothing(network: ZFNet, trace: Trace, head: str) -> None:
    for layer in CONVOLUTIONS:
        found = knockout(network, trace, [Unit(layer, 1), Unit(layer, 0, (2, 3))], scale=1, head=head)
        np.testing.assert_allclose(found.logits_after, found.logits_before, rtol=1e-6)
    none = knockout(network, trace, [], head=head)
    np.testing.assert_array_equal(none.logits_after, none.logits_before)


def silenced(network: ZFNet, layer: str, channels: Sequence[int]) -> ZFNet:
    """Return the network with channels that never respond."""
    silent = deepcopy(network)
    silent.get_submodule(layer).bias[list(channels)] = -1e6  # type: ignore[index, operator]
    return silent


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("layer", ["conv2", "conv5"])
def test_a_silent_channel_changes_nothing_and_is_never_needed(network: ZFNet, x: Tensor, layer: str, head: str) -> None:
    silent = silenced(network, layer, [1, 3])
    trace = silent.trace(x)
    found = knockout(silent, trace, [Unit(layer, 1), Unit(layer, 3)], head=head)
    np.testing.assert_allclose(found.logits_after, found.logits_before, rtol=1e-6)
    steps = needed(silent, trace, 4, count=99, layer=layer, head=head)
    live = trace.activation(layer)[0].amax((1, 2)).count_nonzero()
    assert len(steps) == live < len(trace.outputs[layer][0])
    assert not {1, 3} & {step.unit.channel for step in steps}


def test_where_nothing_responds_nothing_is_needed(network: ZFNet, x: Tensor) -> None:
    dead = silenced(network, "conv5", range(5))
    assert needed(dead, dead.trace(x), 0) == ()


def test_a_unit_named_twice_or_within_its_map_is_scaled_once(network: ZFNet, trace: Trace) -> None:
    unit = Unit("conv4", 2)
    once = knockout(network, trace, [unit], scale=0.5)
    for also in (unit, Unit("conv4", 2, (6, 6))):
        np.testing.assert_array_equal(knockout(network, trace, [unit, also], scale=0.5).logits_after, once.logits_after)


def slow(chain: nn.Sequential, x: Tensor, class_index: int, layer: str, channels: int, count: int) -> list[Unit]:
    """Return the greedy removals by a run of the whole network for every candidate."""
    removed: list[Unit] = []
    for _ in range(count):
        left = [Unit(layer, k) for k in range(channels) if Unit(layer, k) not in removed]
        removed.append(min(left, key=lambda u: float(emptied(chain, x, [*removed, u]).log_softmax(0)[class_index])))
    return removed


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("layer", "channels"), [("conv3", 7), ("conv5", 5)])
def test_the_greedy_search_is_the_slow_one(
    network: ZFNet, trace: Trace, layer: str, *, channels: int, head: str
) -> None:
    chain = sequential(network, head)
    live = int(trace.activation(layer)[0].amax((1, 2)).count_nonzero())
    for class_index in (0, 4, 8):
        steps = needed(network, trace, class_index, count=4, layer=layer, head=head)
        assert len(steps) == min(4, live)
        expected = slow(chain, trace.input, class_index, layer, channels, len(steps))
        assert [step.unit for step in steps] == expected
        for i, step in enumerate(steps):
            logits = emptied(chain, trace.input, expected[: i + 1])
            assert step.logit == pytest.approx(float(logits[class_index]), abs=1e-9)
            assert step.probability == pytest.approx(float(logits.softmax(0)[class_index]), abs=1e-9)
            assert step.label == int(logits.argmax())


@pytest.mark.parametrize("ranks", [None, {"fc6": 6}, {"fc6": 3, "fc7": 2}], ids=str)
@pytest.mark.parametrize("geometry", CONFIGS)
def test_whole_and_factored_layers_give_their_own_parts(x: Tensor, geometry: str, ranks: dict[str, int] | None) -> None:
    model = random_network(narrow(CONFIGS[geometry]), ranks=ranks, seed=7)
    trace = model.trace(x)
    for step in needed(model, trace, 2, count=1):
        found = knockout(model, trace, [step.unit])
        assert found.probabilities_after[2] == pytest.approx(step.probability, rel=1e-5)
        for channel in range(5):
            other = knockout(model, trace, [Unit("conv5", channel)]).probabilities_after[2]
            assert other >= step.probability * (1 - 1e-5)


def test_batches_do_not_matter(network: ZFNet, trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [needed(network, trace, 3, layer=layer) for layer in ("conv4", "conv5")]
    monkeypatch.setattr("zfnet.ablation._MAPS", 2)
    monkeypatch.setattr("zfnet.ablation._ROWS", 2)
    for steps, layer in zip(whole, ("conv4", "conv5"), strict=True):
        for one, other in zip(steps, needed(network, trace, 3, layer=layer), strict=True):
            assert (one.unit, one.label) == (other.unit, other.label)
            assert one.logit == pytest.approx(other.logit, abs=1e-10)


@pytest.mark.parametrize("head", HEADS)
def test_what_a_step_says_is_what_the_knock_out_says(session: InferenceSession, sample: Image.Image, head: str) -> None:
    index = session.classify(sample, head=head).classes[0].index
    steps = session.needed(sample, index, head=head)
    assert len({step.unit for step in steps}) == 5
    for i, step in enumerate(steps):
        found = session.knockout(sample, [s.unit for s in steps[: i + 1]], head=head)
        assert found.probabilities_after[index] == pytest.approx(step.probability, rel=1e-4)
        assert found.logits_after[index] == pytest.approx(step.logit, abs=1e-4)
        assert found.top(1) == (step.label,)


def test_nothing_is_left_behind(network: ZFNet, trace: Trace) -> None:
    with unchanged(network, trace):
        knockout(network, trace, [Unit("conv5", 1), Unit("conv2", 0, (1, 1))], scale=0.3)
        for layer, head in (("conv5", "fc"), ("conv5", "gap"), ("conv4", "fc")):
            needed(network, trace, 2, layer=layer, head=head)
        with pytest.raises(SelectionError):
            knockout(network, trace, [Unit("conv5", 1), Unit("conv5", 5)])


@pytest.mark.parametrize(
    ("units", "options", "message"),
    [
        (["conv5:5"], {}, "conv5 has 5 channels (0-4), got 5"),
        (["conv5:1", "fc8:1"], {}, "conv5, pool5, fc6, fc7, got 'fc8'"),
        (["conv5:1", "pool5:1"], {"head": "gap"}, "conv3, conv4, conv5, got 'pool5'"),
        (["conv5:1@99,0"], {}, "got row 99, column 0"),
        (["conv5:1"], {"scale": -1}, "a finite factor from 0 on, got -1"),
        (["conv5:1"], {"scale": float("nan")}, "a finite factor from 0 on, got nan"),
        (["conv5:1"], {"head": "svm"}, "this network's heads are fc, gap, got 'svm'"),
    ],
)
def test_what_cannot_be_switched_off_is_refused(
    network: ZFNet, trace: Trace, units: list[str], options: dict[str, object], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        knockout(network, trace, [Unit.parse(unit) for unit in units], **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("class_index", "options", "message"),
    [
        (9, {}, "there are 9 classes (0-8), got 9"),
        (0, {"count": 0}, "channels are counted from 1 on, got 0"),
        (0, {"layer": "fc6"}, "conv4, conv5, got 'fc6'"),
        (0, {"head": "svm"}, "this network's heads are fc, gap, got 'svm'"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    network: ZFNet, trace: Trace, class_index: int, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        needed(network, trace, class_index, **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_search_can_be_cancelled_between_batches(network: ZFNet, trace: Trace) -> None:
    answers = iter([False, True])
    with pytest.raises(Cancelled, match="stopped after 1 of 5 channels"):
        needed(network, trace, 0, cancel=lambda: next(answers))


# The page


@pytest.fixture(scope="module")
def view() -> Image.Image:
    return crop(sample_picture("fire_engine"))


def lists(at: AppTest) -> list[str]:
    """Return the lists of classes on the page."""
    return [html.proto.body for html in at.get("html") if "<ol class='answer'>" in html.proto.body]


@pytest.mark.parametrize("head", ["fc", "gap"])
@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_page_finds_the_channels_and_says_where_the_answer_turns(
    visit: Open, session: InferenceSession, view: Image.Image, *, language: str, head: str
) -> None:
    at = visit("gradcam", image="fire_engine", lang=language, head=head, method="hirescam", evidence="conv3")
    tables = len(at.table)
    run(at.toggle(key="needed").set_value(True))
    assert len(at.table) == tables + 1
    answer = session.classify(view, head=head).classes[0]
    steps = session.needed(view, answer.index, head=head)
    ranked = session.channel_evidence(view, answer.index, head=head, centred=True).ranked().tolist()
    shown = at.table[-1].value
    assert shown.shape == (5, 5)
    ranks = [ranked.index(step.unit.channel) + 1 for step in steps]
    assert shown[texts.text("knockout.column_rank", language)].tolist() == [str(rank) for rank in ranks]
    name = session.info.labels.name
    assert shown[texts.text("knockout.column_answer", language)].tolist() == [name(s.label, language) for s in steps]
    told = [percent(p) for p in (answer.probability, *(step.probability for step in steps))]
    column = texts.text("knockout.column_probability", language, name=name(answer.index, language))
    assert shown[column].tolist() == [f"{a} → {b}" for a, b in pairwise(told)]
    turn = next(i for i, step in enumerate(steps) if step.label != answer.index)
    units = ", ".join(str(step.unit) for step in steps[: turn + 1])
    before, after = (name(i, language) for i in (answer.index, steps[turn].label))
    assert texts.text("knockout.turns", language, units=units, answer=before, after=after) in words(at)
    assert shown[texts.text("knockout.column_without", language)][1] == texts.text(
        "knockout.without_too", language, unit=steps[1].unit
    )
    found = knockouts.found(session, view, answer.index, Asked(head=head))
    values = {"left": told[-1], "instead": percent(found.instead), "shared": sum(rank <= 5 for rank in ranks)}
    assert texts.text("knockout.agree", language, layer="conv5", count=5, **values) in words(at)
    run(at.button(key=f"needed_{steps[2].unit.channel}").click())
    assert (chosen(at).layer, chosen(at).channel) == ("conv5", steps[2].unit.channel)


def changed(found: Knockout, index: int, name: str, language: str) -> str:
    """Return what the page says about the class, from a knock-out."""
    was, now = (percent(float(p[index])) for p in (found.probabilities_before, found.probabilities_after))
    low, high = (f"{float(z[index]):.2f}".replace("-", "−") for z in (found.logits_before, found.logits_after))
    return texts.text("knockout.change", language, name=name, before=was, after=now, low=low, high=high)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_channels_are_switched_off_by_name_or_all_that_were_found(
    visit: Open, session: InferenceSession, view: Image.Image, language: str
) -> None:
    at = visit("gradcam", image="fire_engine", lang=language)
    index, name, already = session.classify(view).classes[0].index, session.info.labels.name, lists(at)
    run(at.multiselect(key="scaled_units").set_value(["conv5:81", "conv5:3"]))
    found = session.knockout(view, ["conv5:81", "conv5:3"])
    assert changed(found, index, name(index, language), language) in words(at)
    assert texts.text("knockout.after", language, count=2) in words(at)
    assert len(lists(at)) == len(already) + 2
    assert all(name(i, language) in lists(at)[-1] for i in found.top())
    run(at.slider(key="scale_factor").set_value(2.0))
    run(at.toggle(key="needed").set_value(True))
    these = texts.text("knockout.these", language, count=5)
    (button,) = (button for button in at.button if button.label == these)
    run(button.click())
    steps = session.needed(view, index)
    assert at.multiselect(key="scaled_units").value == [str(step.unit) for step in steps]
    assert at.slider(key="scale_factor").value == 0
    assert percent(steps[-1].probability) in words(at)
    run(at.multiselect(key="scaled_units").set_value([]))
    assert lists(at) == already


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("head", ["fc", "gap"])
def test_units_of_any_layers_are_scaled_and_the_logits_told(
    visit: Open, session: InferenceSession, view: Image.Image, *, language: str, head: str
) -> None:
    at = visit("gradcam", image="fire_engine", lang=language, head=head, class_="555")
    units = ["conv1:7", "conv3:5", "conv4:12@6,9"]
    run(at.multiselect(key="scaled_units").set_value(units))
    run(at.slider(key="scale_factor").set_value(2.5))
    found, name = session.knockout(view, units, scale=2.5, head=head), session.info.labels.name
    assert changed(found, 555, name(555, language), language) in words(at)
    assert texts.text("knockout.after_scaled", language, count=3, factor="2.5") in words(at)
    table = at.table[-1].value
    before = np.argsort(-found.logits_before, kind="stable")[:5].tolist()
    classes = list(dict.fromkeys([555, *before, *found.top()]))
    mean = texts.text("knockout.mean_logit", language)
    assert table[texts.text("knockout.column_class", language)].tolist() == [
        *(name(i, language) for i in classes),
        mean,
    ]
    for column, row in zip(table[texts.text("knockout.column_change", language)], classes, strict=False):
        change = float(found.logits_after[row]) - float(found.logits_before[row])
        assert float(column.replace("−", "-")) == pytest.approx(change, abs=0.006)
    # At 1 nothing changes, and nothing is told to have changed.
    run(at.slider(key="scale_factor").set_value(1.0))
    changes = at.table[-1].value[texts.text("knockout.column_change", language)]
    assert set(changes) == {"+0.00"}
    assert set(at.table[-1].value[texts.text("knockout.column_points", language)]) == {"±0.0", ""}


def test_the_selected_channel_and_its_cell_are_added_by_a_click(
    visit: Open, session: InferenceSession, view: Image.Image
) -> None:
    at = visit("gradcam", image="fire_engine", layer="conv2", channel="9", position="3,4")
    run(at.button(key="add_channel").click())
    assert at.multiselect(key="scaled_units").value == ["conv2:9"]
    assert at.button(key="add_channel").disabled
    run(at.button(key="add_cell").click())
    assert at.multiselect(key="scaled_units").value == ["conv2:9", "conv2:9@3,4"]
    index = session.classify(view).classes[0].index
    found = session.knockout(view, ["conv2:9"])
    assert changed(found, index, session.info.labels.name(index), "en") in words(at)


def test_nothing_of_a_pooling_is_offered(visit: Open) -> None:
    at = visit("gradcam", layer="pool5", channel="9")
    assert not {"add_channel", "add_cell"} & {button.key for button in at.button}


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_what_is_no_unit_of_a_convolution_is_left_out_and_said_so(
    visit: Open, session: InferenceSession, view: Image.Image, language: str
) -> None:
    at = visit("gradcam", image="fire_engine", lang=language)
    wrong = ["conv3:999", "pool5:1", "![x](http://example.org) conv5", "conv5:1@99,0"]
    run(at.multiselect(key="scaled_units").set_value([*wrong[:2], " conv5:3 ", *wrong[2:]]))
    said = [warning.value for warning in at.warning]
    assert [any(f"`{text}`" in warning for warning in said) for text in wrong] == [True] * 4
    index = session.classify(view).classes[0].index
    found = session.knockout(view, ["conv5:3"])
    assert changed(found, index, session.info.labels.name(index, language), language) in words(at)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_an_answer_that_stays_and_a_silent_layer_are_told(
    visit: Open, session: InferenceSession, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    at = visit("gradcam", image="tabby_cat", lang=language)
    run(at.toggle(key="needed").set_value(True))
    answer = session.info.labels.name(281, language)
    assert texts.text("knockout.stays", language, answer=answer, count=5) in words(at)
    monkeypatch.setattr(knockouts, "found", lambda *_: knockouts.Needed((), (), (), 0.0))
    assert texts.text("knockout.silent", language, layer="conv5") in words(run(at))


def test_what_is_found_stands_beside_what_grad_cam_says(session: InferenceSession, view: Image.Image) -> None:
    index = session.classify(view).classes[0].index
    found = knockouts.found(session, view, index, Asked())
    evidence = session.channel_evidence(view, index, centred=True)
    assert found.steps == session.needed(view, index)
    assert list(found.parts) == [evidence.parts[step.unit.channel] for step in found.steps]
    assert found.shared == len({s.unit.channel for s in found.steps} & set(evidence.ranked()[:5].tolist()))
    adding = [f"conv5:{k}" for k in np.argsort(-evidence.parts)[:5]]
    assert found.instead == pytest.approx(session.knockout(view, adding).probabilities_after[index])
    assert replace(found, ranks=(1, 9)).shared == 1

"""Measured questions: the right answer is right by a margin, and the same picture always asks the same."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pages.shared.class_questions import SQUARE
from pages.shared.pictures import sample_picture
from pages.shared.question_kinds import KINDS, ask
from pages.shared.questions import MARGIN, OPTIONS, Asked, Question, weaker
from pages.shared.selection import Selection
from zfnet import InferenceSession, Unit, crop
from zfnet.geometry import CONVOLUTIONS

PICTURES = ("cheetah", "hot_air_balloon", "gratings", "rings", "grey", "black")
LAYERS = ("conv1", "conv3", "conv5")


@pytest.fixture(params=PICTURES)
def view(request: pytest.FixtureRequest, sample: Image.Image) -> Image.Image:
    flat = {"grey": (128, 128, 128), "black": (0, 0, 0)}
    if request.param in flat:
        return Image.new("RGB", (224, 224), flat[request.param])
    return sample if request.param == "rings" else crop(sample_picture(request.param))


def asked(session: InferenceSession, view: Image.Image, layer: str = "conv5") -> Asked:
    return Asked(session, view, Selection(image="x", layer=layer))


def wrong(question: Question) -> list[float]:
    return [option.measured for i, option in enumerate(question.options) if i != question.right]


def right(question: Question) -> float:
    return question.options[question.right].measured


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_has_different_options_and_is_the_same_again(
    kind: str, session: InferenceSession, view: Image.Image
) -> None:
    for layer in LAYERS:
        question = ask(kind, asked(session, view, layer))
        if question:
            assert question.kind == kind
            assert 2 <= len({option.name for option in question.options}) == len(question.options) <= OPTIONS
            assert 0 <= question.right < len(question.options)
            assert question == ask(kind, asked(session, view, layer))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_strongest_unit_answers_three_times_as_strongly(
    layer: str, session: InferenceSession, view: Image.Image
) -> None:
    question = ask("unit", asked(session, view, layer))
    if question:
        peaks = session.feature_maps(view, layer).maximum
        for option in question.options:
            assert option.measured == pytest.approx(float(peaks[Unit.parse(option.name).channel]))
            assert option.png
        assert max(wrong(question)) <= MARGIN * right(question)


def test_photographs_allow_every_question(session: InferenceSession) -> None:
    view = crop(sample_picture("cheetah"))
    assert [kind for kind in KINDS if ask(kind, asked(session, view)) is None] == []


def test_a_place_is_the_quarter_that_holds_the_largest_value(session: InferenceSession, view: Image.Image) -> None:
    question = ask("place", asked(session, view))
    if question:
        values = session.feature_maps(view, "conv5").values[Unit.parse(str(question.values["unit"])).channel]
        row, column = np.unravel_index(values.argmax(), values.shape)
        name = f"{'upper' if row < 7 else 'lower'}_{'left' if column < 7 else 'right'}"
        assert question.options[question.right].name == name
        assert right(question) == values.max()
        assert max(wrong(question)) <= 0.75 * right(question)


def test_a_place_is_asked_of_the_unit_that_was_chosen(session: InferenceSession) -> None:
    view = crop(sample_picture("cheetah"))
    base = asked(session, view)
    found = [ask("place", replace(base, selection=replace(base.selection, channel=c))) for c in range(60)]
    assert {str(q.values["unit"]) for q in found if q} <= {f"conv5:{c}" for c in range(60)}
    assert any(found)


def test_a_unit_answers_little_where_the_other_projections_come_from(
    session: InferenceSession, view: Image.Image
) -> None:
    question = ask("projection", asked(session, view))
    if question:
        maps = session.feature_maps(view, "conv5").values
        own = maps[Unit.parse(str(question.values["unit"])).channel]
        for option in question.options:
            other = maps[Unit.parse(option.name).channel]
            assert option.measured == own[np.unravel_index(other.argmax(), other.shape)]
        assert question.options[question.right].name == question.values["unit"]
        assert max(wrong(question)) <= MARGIN * right(question)


def test_the_silent_layer_is_the_most_silent_of_those_named(session: InferenceSession, view: Image.Image) -> None:
    question = ask("silent", asked(session, view))
    if question:
        shares = {row.layer: row.silent / row.channels for row in session.layer_statistics(view)}
        assert all(option.measured == shares[option.name] for option in question.options)
        assert max(wrong(question)) < right(question)


def test_a_frame_belongs_to_the_layer_with_that_receptive_field(session: InferenceSession, view: Image.Image) -> None:
    question = ask("field", asked(session, view))
    assert question
    assert right(question) == question.values["side"]
    assert {option.name for option in question.options} <= set(CONVOLUTIONS)


def test_the_other_maps_are_unlike_that_of_the_class(session: InferenceSession, view: Image.Image) -> None:
    question = ask("class", asked(session, view))
    if question:
        assert question.options[question.right].name == str(session.classify(view).classes[0].index)
        assert right(question) == 1
        assert max(wrong(question)) < 0.7


def test_the_channel_adds_three_times_as_much_as_louder_ones(session: InferenceSession, view: Image.Image) -> None:
    question = ask("channel", asked(session, view))
    if question:
        parts = session.channel_evidence(view, session.classify(view).classes[0].index, centred=True).parts
        for option in question.options:
            part = float(parts[Unit.parse(option.name).channel])
            assert option.measured == pytest.approx(part / np.abs(parts).sum(), rel=1e-4)
        assert max(wrong(question)) <= MARGIN * right(question)


def test_the_covered_place_costs_twice_as_much_as_the_others(session: InferenceSession, view: Image.Image) -> None:
    question = ask("cover", asked(session, view))
    if question:
        best = session.classify(view).classes[0]
        maps = session.occlusion(view, best.index, square=SQUARE)
        assert right(question) == pytest.approx(float(maps.probability.min()))
        assert best.probability - min(wrong(question)) <= 0.5 * (best.probability - right(question)) + 1e-6


def test_the_cells_of_conv1_are_counted(session: InferenceSession, view: Image.Image) -> None:
    question = ask("cells", asked(session, view))
    assert question
    assert right(question) == session.feature_maps(view, "conv1").values[0].size


@pytest.mark.parametrize(("period", "seen"), [(16.0, 16), (8.5, 8.5), (5.0, 20), (3.0, 12)])
def test_a_period_is_the_one_that_folding_predicts(period: float, seen: float, session: InferenceSession) -> None:
    chosen = Selection(image="x", period=period)
    question = ask("period", Asked(session, Image.new("RGB", (224, 224)), chosen))
    assert question
    assert right(question) == pytest.approx(seen, rel=0.03)
    assert all(max(one, right(question)) >= 1.2 * min(one, right(question)) for one in wrong(question))


@pytest.mark.parametrize("period", [4.0, 8.0])
def test_a_grating_that_may_vanish_is_asked_about_only_if_it_shows(period: float, session: InferenceSession) -> None:
    chosen = Selection(image="x", period=period)
    question = ask("period", Asked(session, Image.new("RGB", (224, 224)), chosen))
    assert question is None or right(question) > 0


def test_the_folded_filter_loses_most(session: InferenceSession, view: Image.Image) -> None:
    question = ask("folded", asked(session, view))
    if question:
        for option in question.options:
            lab = session.stride_lab(view, Unit.parse(option.name).channel, (1, 4))
            assert option.measured == pytest.approx(lab.samplings[1].folded, abs=1e-6)
        assert max(wrong(question)) <= right(question) - 0.15


def test_the_right_option_does_not_always_stand_at_the_same_place(session: InferenceSession) -> None:
    views = [
        crop(sample_picture(name)) for name in ("cheetah", "cathedral", "espresso", "palace", "honey_bee", "shapes")
    ]
    questions = [ask("unit", asked(session, view)) for view in views]
    assert len({question.right for question in questions if question}) > 1


def test_nothing_is_asked_where_nothing_answers_or_too_much_is_alike(session: InferenceSession) -> None:
    chance = asked(session, Image.new("RGB", (224, 224))).chance()
    assert weaker({}, chance) is None
    assert weaker(dict.fromkeys(range(8), 0.0), chance) is None
    assert weaker({0: 9.0, 1: 8.0, 2: 7.0, 3: 1.0, 4: 1.0}, chance) is None
    found = weaker({0: 1.0, 1: 9.0, 2: 2.0, 3: 3.0, 4: 8.0}, chance)
    assert found
    assert (found[0], sorted(found[1])) == (1, [0, 2, 3])


@pytest.mark.parametrize("layer", ["pool1", "fc6", "fc8"])
def test_a_layer_without_maximizations_or_maps_is_not_asked_about(layer: str, session: InferenceSession) -> None:
    view = crop(sample_picture("cheetah"))
    for kind in KINDS:
        question = ask(kind, asked(session, view, layer))
        if kind in ("place", "projection"):
            assert question is None

"""Grid pointing: composed by hand, maxima against maps laid on the picture, and what the page counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pages.shared import texts
from pages.shared.glossary import linked
from pages.shared.pictures import sample_picture
from tests.oracle import HEADS, unchanged
from tests.test_pages import Open, run, visit, words
from zfnet import InferenceSession, SelectionError, crop, render
from zfnet.cam import METHODS, class_activation, quick
from zfnet.errors import Cancelled
from zfnet.geometry import receptive_field
from zfnet.model import Trace, ZFNet
from zfnet.pointing import CHANCE, EDGES, QUADRANTS, Pointing, Trial, compose, pointing, strongest

__all__ = ["visit"]

WITHOUT_CAM = [method for method in METHODS if method != "cam"]


@pytest.fixture(scope="module")
def pair() -> tuple[Image.Image, Image.Image]:
    return crop(sample_picture("cheetah")), crop(sample_picture("cathedral"))


@pytest.fixture(scope="module")
def composed(network: ZFNet, x: Tensor) -> list[Trace]:
    """Four pictures with an upside-down one, every second pixel of it, in a quadrant."""
    traces = []
    for top, left, bottom, right in QUADRANTS.values():
        picture = x.clone()
        picture[..., top:bottom, left:right] = x.flip(2)[..., ::2, ::2]
        traces.append(network.trace(picture))
    return traces


def test_the_second_picture_fills_its_quadrant_with_means_of_four_pixels(
    pair: tuple[Image.Image, Image.Image],
) -> None:
    first, second = (np.asarray(picture).astype(float) for picture in pair)
    means = second.reshape(112, 2, 112, 2, 3).mean((1, 3))
    for quadrant, (top, left, bottom, right) in QUADRANTS.items():
        found = np.asarray(compose(*pair, quadrant)).astype(float)
        inside = np.zeros((224, 224), bool)
        inside[top:bottom, left:right] = True
        assert np.abs(found[inside].reshape(112, 112, 3) - means).max() <= 0.5
        np.testing.assert_array_equal(found[~inside], first[~inside])


def test_the_quadrants_share_the_picture_evenly() -> None:
    covered = np.zeros((224, 224), int)
    for top, left, bottom, right in QUADRANTS.values():
        covered[top:bottom, left:right] += 1
        assert (bottom - top) * (right - left) == CHANCE * 224 * 224
    assert (covered == 1).all()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("layer", ["conv3", "conv5"])
def test_a_point_is_the_maximum_of_the_map_laid_on_the_picture(
    network: ZFNet, trace: Trace, composed: list[Trace], layer: str, *, head: str
) -> None:
    found = pointing(network, trace, composed, 5, methods=WITHOUT_CAM, layer=layer, head=head, centred=True)
    seen, logits = receptive_field(network.config, layer), trace.outputs[HEADS[head]][0]
    assert (found.class_index, found.other, found.layer, found.head) == (5, int(logits.argmax()), layer, head)
    assert found.alone == pytest.approx(float(logits.softmax(0)[5]))
    for trial, one in zip(found.trials, composed, strict=True):
        chances = one.outputs[HEADS[head]][0].softmax(0)
        assert trial.probability == pytest.approx(float(chances[5]))
        assert (trial.rank, trial.label) == (int((chances >= chances[5]).sum()), int(chances.argmax()))
        for index, points in ((5, trial.points), (found.other, trial.other_points)):
            maps = class_activation(
                network, one, [index], methods=WITHOUT_CAM, layer=layer, head=head, rectified=False, centred=True
            )
            for expected in maps:
                point = points[expected.method]
                if expected.values.max() <= 0:
                    assert point is None
                    continue
                placed = render.place(expected.values, seen)
                row, column = (int(np.clip(round(along), 0, 223)) for along in point)
                assert placed[row, column] == pytest.approx(placed.max(), rel=0.02)
        # Edges know nothing of the class.
        y, x = trial.points[EDGES]
        picture = one.input[0].mean(0).numpy()
        assert np.hypot(*np.gradient(picture))[int(y), int(x)] == pytest.approx(np.hypot(*np.gradient(picture)).max())


def trial(quadrant: str, point: tuple[float, float] | None, rank: int = 1) -> Trial:
    return Trial(quadrant, 0.5, rank, 0, {"gradcam": point, EDGES: None}, {"gradcam": (0.0, 0.0)}, {})


def test_a_hit_lies_in_the_quadrant_and_nothing_is_no_hit() -> None:
    trials = (
        trial("top_left", (111.5, 0.0)),
        trial("top_right", (0.0, 111.0), rank=6),
        trial("bottom_left", (112.0, 96.0), rank=5),
        trial("bottom_right", None, rank=900),
    )
    assert [one.hit("gradcam") for one in trials] == [True, False, True, False]
    assert [one.stray("gradcam") for one in trials] == [True, False, False, False]
    found = Pointing(0, 1, "conv5", "fc", 0.1, trials)
    assert (found.hits("gradcam"), found.hits(EDGES), found.strays("gradcam")) == (2, 0, 1)
    assert (found.recognised(), found.recognised(1)) == (2, 1)


def test_a_map_without_anything_above_zero_points_nowhere_and_ties_go_to_the_first_cell() -> None:
    assert strongest(np.zeros((3, 4), np.float32)) is None
    assert strongest(np.full((3, 4), -1.0)) is None
    assert strongest(np.ones((3, 4))) == (0.0, 0.0)
    values = np.zeros((3, 4))
    values[2, 1] = 1
    assert strongest(values, lambda cell: 16.0 * cell + 0.5) == (32.5, 16.5)


def test_a_session_asks_for_the_second_pictures_own_class(
    session: InferenceSession, pair: tuple[Image.Image, Image.Image]
) -> None:
    found = session.pointing(*pair, methods=["gradcam", "layercam"], centred=True)
    assert found.class_index == session.classify(pair[1]).classes[0].index
    assert found.other == session.classify(pair[0]).classes[0].index
    for one in found.trials:
        view = compose(*pair, one.quadrant)
        (expected,) = session.class_activation(view, [found.class_index], rectified=False, centred=True)
        np.testing.assert_allclose(one.maps["gradcam"], expected.values, rtol=0, atol=1e-6)
        assert one.probability == pytest.approx(session.classify(view).probabilities[found.class_index])
    again = session.pointing(*pair, found.other, centred=True)
    assert again.class_index == again.other
    assert [one.points["gradcam"] for one in again.trials] == [one.other_points["gradcam"] for one in found.trials]


def test_it_can_be_stopped_and_leaves_nothing_behind(network: ZFNet, trace: Trace, composed: list[Trace]) -> None:
    answers = iter([False, True])
    with unchanged(network, trace), pytest.raises(Cancelled, match="stopped after 1 of 4 quadrants"):
        pointing(network, trace, composed, 0, cancel=lambda: next(answers))
    with unchanged(network, composed[0]), torch.no_grad():
        pointing(network, trace, composed, 0)


@pytest.mark.parametrize(
    ("index", "options", "message"),
    [
        (9, {}, "there are 9 classes (0-8), got 9"),
        (0, {"methods": ["lime"]}, "got 'lime'"),
        (0, {"layer": "fc6"}, "'fc6'"),
        (0, {"head": "svm"}, "this network's heads are fc, gap, got 'svm'"),
    ],
)
def test_what_does_not_exist_is_refused(
    network: ZFNet, trace: Trace, composed: list[Trace], index: int, *, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        pointing(network, trace, composed, index, **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_there_are_four_quadrants_and_no_middle(pair: tuple[Image.Image, Image.Image]) -> None:
    with pytest.raises(SelectionError, match=r"the quadrants are top_left, .*, got 'middle'"):
        compose(*pair, "middle")


# The page


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("head", ["fc", "gap"])
def test_the_page_counts_the_hits_of_every_method(
    visit: Open, session: InferenceSession, pair: tuple[Image.Image, Image.Image], *, language: str, head: str
) -> None:
    at = visit("gradcam", image="cheetah", lang=language, head=head)
    run(at.toggle(key="pointing").set_value(True))
    methods = quick(head, "conv5")
    found = session.pointing(*pair, methods=methods, head=head, centred=True)
    name = session.info.labels.name(found.class_index, language)
    table = at.table[-1].value
    hits = table[texts.text("pointing.column_hits", language, name=name)].tolist()
    counted = [found.hits(method) for method in (*methods, EDGES)]
    assert hits[:-1] == [texts.text("pointing.hits", language, hits=hit, count=4) for hit in counted]
    assert hits[-1] == texts.text("pointing.on_average", language)
    said = [html.proto.body for html in at.get("html")]
    verdict = texts.text("pointing.verdict_hit", language)
    assert sum(body.count(f": {verdict}<") for body in said) == found.hits("gradcam")
    assert f"**{found.recognised()} of 4**" in words(at) or language == "ko"
    assert linked(texts.text("pointing.limits", language), language) in words(at)


def test_another_picture_is_pasted_and_never_the_one_in_hand(visit: Open, session: InferenceSession) -> None:
    at = visit("gradcam", image="cathedral")
    run(at.toggle(key="pointing").set_value(True))
    box = at.selectbox(key="choose_pasted_en")
    assert box.value == "hot_air_balloon"
    run(box.set_value("maine_coon_cat"))
    assert "**tabby**" in words(at)
    at.session_state["selection"] = replace(at.session_state["selection"], image="tabby_cat", language="ko")
    run(at)
    assert at.selectbox(key="choose_pasted_ko").value == "maine_coon_cat"
    name = session.info.labels.name(281, "ko")
    assert texts.text("pointing.same", "ko", name=name) in [warning.value for warning in at.warning]


def test_what_the_network_does_not_recognise_is_said(visit: Open) -> None:
    at = visit("gradcam", image="cheetah")
    run(at.toggle(key="pointing").set_value(True))
    run(at.selectbox(key="choose_pasted_en").set_value("citrus_fruits"))
    assert any("in **no** quadrant" in warning.value for warning in at.warning)

"""The evidence on the page: the session's own arrays, every method and score, two classes, parts, and the flat case."""

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.shared import evidence, scorecams, texts
from pages.shared.evidence import Asked, Paint
from pages.shared.glossary import linked
from pages.shared.pictures import sample_picture
from tests.test_pages import Open, chosen, run, visit, words
from zfnet import InferenceSession, crop
from zfnet.cam import METHODS, quick

__all__ = ["visit"]


@pytest.fixture(scope="module")
def view() -> Image.Image:
    return crop(sample_picture("golden_retriever"))


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("head", ["fc", "gap"])
def test_what_is_drawn_is_what_the_session_returns(
    session: InferenceSession, view: Image.Image, head: str, centred: bool
) -> None:
    for method in quick(head, "conv5"):
        found = evidence.evidence(session, view, 207, Asked(method, "conv5", head, centred))
        (expected,) = session.class_activation(
            view, [207], methods=[method], head=head, rectified=False, centred=centred
        )
        # Computed together with other classes, which may round otherwise.
        same = {"rel": 1e-4, "abs": 1e-5 * float(np.abs(expected.values).max())}
        assert found.values == pytest.approx(expected.values, **same)
        assert found.high == pytest.approx(max(float(expected.values.max()), 0), **same)
        assert found.low == pytest.approx(float(expected.values.min()), **same)
        assert found.values[found.strongest] == found.values.max()


def test_a_class_that_is_not_among_the_most_probable_is_computed_alone(
    session: InferenceSession, view: Image.Image
) -> None:
    for method in quick("fc", "conv5"):
        found = evidence.evidence(session, view, 999, Asked(method))
        (expected,) = session.class_activation(view, [999], methods=[method], rectified=False, centred=True)
        assert found.values == pytest.approx(expected.values, rel=1e-4, abs=1e-5 * float(np.abs(expected.values).max()))


def test_a_method_is_offered_where_it_is_defined_and_quick() -> None:
    every = [method for method in METHODS if method != "scorecam"]
    assert list(quick("gap", "conv5")) == every
    for head, layer in (("fc", "conv5"), ("fc", "pool5")):
        assert list(quick(head, layer)) == [method for method in every if method != "cam"]
    for head, layer in (("gap", "conv4"), ("fc", "conv1")):
        assert list(quick(head, layer)) == [method for method in every if method not in ("cam", "ablationcam")]


def test_all_channels_together_are_the_whole_map(session: InferenceSession, view: Image.Image) -> None:
    asked = Asked()
    whole = evidence.evidence(session, view, 207, asked)
    every = evidence.partial(session, view, 207, asked, count=256)
    np.testing.assert_allclose(every.values, whole.values, rtol=0, atol=1e-6)


def test_two_classes_on_one_scale_are_painted_alike(session: InferenceSession, view: Image.Image) -> None:
    found = evidence.evidence(session, view, 207, Asked())
    own, dimmed = (
        evidence.overlay(session, view, found, "conv5", paint=Paint("viridis"), end=end)
        for end in (found.high, 3 * found.high)
    )
    assert own != dimmed


def page(visit: Open, **query: str) -> AppTest:
    return visit("gradcam", image="golden_retriever", **query)


@pytest.mark.parametrize("method", quick("gap", "conv5"))
def test_every_method_can_be_chosen(visit: Open, method: str) -> None:
    at = page(visit, head="gap", method=method)
    assert chosen(at).method == method
    assert texts.text(f"gradcam.method_{method.replace('+', 'p')}", "en") in words(at)


def test_a_method_or_layer_that_a_head_has_not_gives_way(visit: Open) -> None:
    at = page(visit, head="gap", method="cam")
    run(at.segmented_control(key="choose_head").set_value("fc"))
    assert chosen(at).method == "gradcam"
    at = page(visit, head="fc", evidence="pool5")
    run(at.segmented_control(key="choose_head").set_value("gap"))
    assert chosen(at).evidence_layer == "conv5"


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_flat_map_is_explained_and_one_click_from_another_score(visit: Open, language: str) -> None:
    at = page(visit, centred="0", lang=language)
    said = texts.text("gradcam.flat", language, name="|", layer="conv5").split("|")[1]
    assert said in words(at)
    label = texts.text("gradcam.to_centred", language)
    (button,) = (button for button in at.button if button.label == label)
    run(button.click())
    assert chosen(at).centred
    assert said not in words(at)


def test_away_from_conv5_the_page_warns(visit: Open) -> None:
    for layer in ("conv1", "pool2", "conv5"):
        at = page(visit, evidence=layer)
        assert (texts.text("gradcam.other_layer", "en", layer=layer) in words(at)) == (layer != "conv5")


def test_the_rival_is_the_next_class_or_the_chosen_one(
    visit: Open, session: InferenceSession, view: Image.Image
) -> None:
    first, second = (session.info.labels.name(score.index) for score in session.classify(view, top=2).classes)
    at = page(visit)
    said = words(at)
    assert f"“{first}”, up to" in said
    assert f"“{second}”, up to" in said
    at = page(visit, rival="281")
    assert f"“{session.info.labels.name(281)}”, up to" in words(at)


def test_the_share_that_some_channels_explain_is_told(
    visit: Open, session: InferenceSession, view: Image.Image
) -> None:
    at = page(visit)
    index = session.classify(view, top=1).classes[0].index
    parts = session.channel_evidence(view, index, centred=True)
    for count in (8, 64, 256):
        run(at.select_slider(key="count").set_value(count))
        values = {"count": count, "total": 256, "share": parts.share(count)}
        assert texts.text("gradcam.partial_caption", "en", **values) in words(at)


def test_the_evidence_can_blink(visit: Open) -> None:
    at = page(visit)
    run(at.toggle(key="blink").set_value(True))
    assert any("class='blink'" in html.proto.body for html in at.get("html"))


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_map_is_put_to_the_test_against_chance_and_edges(visit: Open, language: str) -> None:
    at = page(visit, lang=language)
    run(at.toggle(key="belief").set_value(True))
    said = words(at)
    verdicts = [texts.text(f"belief.{key}", language, name="|").split("|")[1] for key in ("better", "no_better")]
    assert sum(verdict[-20:] in said for verdict in verdicts) == 1
    assert linked(texts.text("belief.limits", language), language) in said


@pytest.mark.parametrize("centred", ["0", "1"])
def test_fine_lines_are_drawn_when_asked_for(
    visit: Open, session: InferenceSession, view: Image.Image, centred: str
) -> None:
    at = page(visit, centred=centred)
    before = len(at.main.image)
    run(at.toggle(key="lines").set_value(True))
    assert len(at.main.image) == before + 4
    nothing = texts.text("gradcam.lines_none", "en", method="Guided Grad-CAM")
    assert (nothing in words(at)) == (centred == "0")
    index = session.classify(view, top=1).classes[0].index
    found = session.integrated_gradients(view, f"fc8:{index}", centred=centred == "1")
    values = {"share": found.explained, "change": f"{found.change:+.2f}".replace("-", "−"), "steps": found.steps}
    assert texts.text("gradcam.lines_explained", "en", **values) in words(at)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_eigen_cam_is_said_to_ignore_the_class(visit: Open, language: str) -> None:
    said = texts.text("gradcam.classless", language)
    assert said not in words(page(visit, lang=language))
    assert said in words(page(visit, lang=language, method="eigencam"))


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_score_cam_runs_when_asked_for_and_is_kept(visit: Open, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setattr("zfnet.ablation.live", lambda trace, layer: [3, 17, 250])
    scorecams._keep.clear()
    at = page(visit, lang=language)
    limits = linked(texts.text("scorecam.limits", language), language)
    assert limits not in words(at)
    run(at.button(key="scorecam").click())
    assert limits in words(at)
    at = page(visit, lang=language, method="hirescam", centred="0")  # the same map, whatever the score
    assert limits in words(at)
    assert "HiResCAM" in next(line.value for line in at.markdown if "**0." in line.value or "**−" in line.value)
    assert "scorecam" not in [button.key for button in at.button]
    scorecams._keep.clear()


def test_a_score_cam_without_evidence_says_so(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zfnet.ablation.live", lambda trace, layer: [])
    scorecams._keep.clear()
    at = page(visit)
    run(at.button(key="scorecam").click())
    assert texts.text("scorecam.flat", "en", name="|").split("|")[1] in words(at)
    scorecams._keep.clear()

"""Before a class: two pictures in large type, the keys that change them, and nothing else."""

import base64
import html
import io
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.shared import texts
from pages.shared.pictures import sample_picture
from pages.shared.presenter import LENSES
from pages.shared.results import rounded
from tests.test_pages import PAGES, Open, chosen, run, silent, visit, words
from zfnet import InferenceSession, crop, drawing, render
from zfnet.geometry import LAYERS, SPATIAL, receptive_field

__all__ = ["silent", "visit"]  # fixtures

ALIKE = {"feature_maps": "map", "deconvnet": "projection", "gradcam": "evidence", "maximization": "maximization"}
PAIRED = [*ALIKE, "overview", "unit"]


@dataclass(frozen=True)
class Half:
    """One half of the pair: its picture, None where there is none, with what is said of it and what stands below."""

    pixels: np.ndarray | None
    alt: str
    caption: str
    smooth: bool


def pair(at: AppTest) -> list[Half]:
    """Return the two halves that a class sees."""
    (body,) = (one.proto.body for one in at.get("html") if "<div class='pair'>" in one.proto.body)
    halves = []
    for figure in re.findall(r"<figure>(.*?)</figure>", body):
        image = re.search(
            r"<img src='data:image/png;base64,([^']*)' alt='([^']*)' style='image-rendering: (\w+)'", figure
        )
        (caption,) = re.findall(r"<figcaption>(.*)</figcaption>", figure)
        pixels = image and np.asarray(Image.open(io.BytesIO(base64.b64decode(image[1]))).convert("RGB"))
        alt, look = (image[2], image[3]) if image else ("", "")
        halves.append(Half(pixels, html.unescape(alt), html.unescape(caption), look == "auto"))
    assert len(halves) == 2
    return halves


def once(enlarged: np.ndarray, side: int) -> np.ndarray:
    """Undo an enlargement by repeated pixels."""
    factor = len(enlarged) // side
    return enlarged[::factor, ::factor]


def press(at: AppTest, key: str) -> AppTest:
    return run(at.button(key=key).click())


def strongest(session: InferenceSession, at: AppTest) -> int:
    maps = session.feature_maps(seen(at), chosen(at).layer).values
    return int(maps.reshape(len(maps), -1).max(1).argmax())


def seen(at: AppTest) -> Image.Image:
    return crop(sample_picture(chosen(at).image))


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_shown_to_a_class(visit: Open, page: str, language: str) -> None:
    lesson = {"lesson": "edges-to-parts", "step": "1"} if page == "lesson" else {}
    at = visit(page, present="1", lang=language, **lesson)
    assert {"lens_1", "lens_2", "lens_3", "lens_4", "keys", "leave"} <= {button.key for button in at.button}
    # Neither the title with its toolbar nor what can be taken home.
    assert not at.title
    assert not {"keep_page", "copy_link"} & {button.key for button in at.button}
    assert bool(re.search("[가-힣]", words(at))) == (language == "ko")
    if page in PAIRED:
        for half in pair(at):
            assert half.pixels is None or half.alt
            assert half.caption
            assert bool(re.search("[가-힣]", half.caption)) == (language == "ko")


def test_the_pair_of_feature_maps_is_the_picture_and_the_units_map_on_it(
    visit: Open, session: InferenceSession
) -> None:
    for page in ("feature_maps", "overview", "unit"):
        at = visit(page, present="1", layer="conv4", channel="20")
        left, right = pair(at)
        view, own = np.asarray(seen(at)), session.feature_maps(seen(at), "conv4").values[20]
        np.testing.assert_array_equal(left.pixels, view)
        laid = render.overlay(view, render.place(own, receptive_field(session.info.config, "conv4")) / own.max())
        assert np.abs(once(right.pixels, 224).astype(int) - laid).max() <= 1
        assert left.smooth
        assert right.smooth
        best = session.classify(seen(at)).classes[0]
        assert best.name in left.caption
        assert f"{best.probability:.1%}" in left.caption
        assert rounded(own.max()) in right.caption
        assert "conv4:20" in right.caption


def test_the_pair_of_deconvnet_is_what_the_cell_saw_and_what_drove_it(visit: Open, session: InferenceSession) -> None:
    at = visit("deconvnet", present="1", layer="conv3", channel="50")
    (found,) = session.deconvnet(seen(at), ["conv3:50"])
    top, left, bottom, right = found.box
    saw, drove = pair(at)
    np.testing.assert_array_equal(once(saw.pixels, bottom - top), np.asarray(seen(at))[top:bottom, left:right])
    expected, _ = render.projection(found.pixels[top:bottom, left:right], (0, 0, 0, 0))
    np.testing.assert_array_equal(once(drove.pixels, bottom - top), expected)
    assert rounded(found.activation) in drove.caption
    assert not saw.smooth
    assert not drove.smooth


@pytest.mark.parametrize("head", ["fc", "gap"])
def test_the_pair_of_gradcam_is_the_picture_and_the_evidence_for_the_class(
    visit: Open, session: InferenceSession, head: str
) -> None:
    at = visit("gradcam", present="1", class_="281", method="layercam", evidence="conv4", head=head)
    how = {"methods": ["layercam"], "layer": "conv4", "head": head, "rectified": False, "centred": True}
    (found,) = session.class_activation(seen(at), [281], **how)
    left, right = pair(at)
    view = np.asarray(seen(at))
    field = receptive_field(session.info.config, "conv4")
    np.testing.assert_array_equal(left.pixels, view)
    expected = drawing.evidence(view, found.values, field, contour=0.5)
    assert (once(right.pixels, 224) != expected).mean() < 1e-3
    assert session.info.labels.name(281, "en") in right.caption


def test_the_pair_of_maximization_ends_with_what_was_made_beforehand(visit: Open) -> None:
    saw, wanted = pair(visit("maximization", present="1", layer="conv5", channel="220"))
    assert wanted.pixels is not None
    assert "conv5:220" in wanted.caption
    assert saw.alt == pair(visit("deconvnet", present="1", layer="conv5", channel="220"))[0].alt
    _, none = pair(visit("maximization", present="1", layer="fc6", channel="9"))
    assert none.pixels is None
    assert none.caption == texts.text("overview.maximization_none", "en", unit="fc6:9")


def test_a_unit_without_a_map_or_a_silent_one_is_told_in_words(visit: Open, silent: dict[str, str]) -> None:
    for page in ("feature_maps", "deconvnet"):
        _, right = pair(visit(page, present="1", layer="fc7", channel="40"))
        assert right.pixels is None
        assert "fc7:40" in right.caption
    name = f"{silent['layer']}:{silent['channel']}"
    _, right = pair(visit("deconvnet", present="1", **silent))
    assert (right.pixels, right.caption) == (None, texts.text("presenter.silent", "en", unit=name))
    _, right = pair(visit("feature_maps", present="1", **silent))
    assert texts.text("places.nowhere", "en") in right.caption


@pytest.mark.parametrize("page", ["feature_maps", "gradcam"])
def test_the_colours_can_be_hidden_and_shown_again(visit: Open, page: str) -> None:
    at = visit(page, present="1")
    left, right = pair(at)
    assert (right.pixels.shape != left.pixels.shape) or (right.pixels != left.pixels).any()
    press(at, "colours")
    np.testing.assert_array_equal(pair(at)[1].pixels, left.pixels)
    assert at.button(key="colours").label == texts.text("presenter.show", "en")
    # Asked before the answer is shown: another unit stays hidden, too.
    press(at, "step_Right")
    np.testing.assert_array_equal(pair(at)[1].pixels, left.pixels)
    press(press(at, "step_Left"), "colours")
    np.testing.assert_array_equal(pair(at)[1].pixels, right.pixels)


def test_where_there_is_nothing_to_hide_no_key_hides_it(visit: Open) -> None:
    for page in ("deconvnet", "maximization"):
        assert "colours" not in [button.key for button in visit(page, present="1").button]


def test_the_keys_go_through_units_and_layers_and_back_to_the_strongest(visit: Open, session: InferenceSession) -> None:
    at = visit("feature_maps", present="1", layer="conv3", channel="50", position="2,3")
    press(at, "step_Right")
    assert chosen(at).channel not in (None, 50)
    press(at, "step_0")
    assert (chosen(at).layer, chosen(at).channel, chosen(at).position) == ("conv3", None, None)
    assert f"conv3:{strongest(session, at)}" in pair(at)[1].caption
    press(at, "step_Up")
    assert chosen(at).layer == "conv4"
    press(press(at, "step_Down"), "step_Down")
    assert chosen(at).layer == "pool2"


def test_on_gradcam_the_keys_go_through_the_most_probable_classes(visit: Open, session: InferenceSession) -> None:
    at = visit("gradcam", present="1")
    top = [score.index for score in session.classify(seen(at)).classes]
    for index in [*top[1:], top[0]]:
        press(at, "step_Right")
        assert chosen(at).class_index == index
        assert at.header[0].value == session.info.labels.name(index, "en")
    press(at, "step_Left")
    assert chosen(at).class_index == top[-1]
    assert not {"step_Up", "step_Down", "step_0"} & {button.key for button in at.button}


def test_every_layer_can_be_presented_with_every_lens(visit: Open) -> None:
    for page in ALIKE:
        at = visit(page, present="1", layer="conv1")
        for layer in LAYERS[1:]:
            at.session_state["selection"] = replace(chosen(at), layer=layer)
            left, right = pair(run(at))
            assert left.pixels is not None
            assert (right.pixels is None) <= (page == "maximization" or layer not in SPATIAL)


def test_a_number_opens_the_page_of_its_lens_and_keeps_what_is_selected(visit: Open) -> None:
    assert len(LENSES) == len(ALIKE)
    at = visit("unit", present="1", layer="conv4", channel="20")
    for number, page in enumerate(ALIKE, 1):
        press(at, f"lens_{number}")
        assert at.button(key=f"lens_{number}").label == texts.text(f"{page}.title", "en")
        expected = visit(page, present="1", layer="conv4", channel="20")
        assert [half.caption for half in pair(at)] == [half.caption for half in pair(expected)]
        assert (chosen(at).layer, chosen(at).channel, chosen(at).present) == ("conv4", 20, True)
    # From any other page as well.
    at = press(visit("architecture", present="1"), "lens_1")
    assert pair(at)


def test_the_list_of_keys_is_shown_when_asked_for(visit: Open) -> None:
    for language in texts.LANGUAGES:
        at = visit("feature_maps", present="1", lang=language)
        listed = texts.text("presenter.keys_list", language)
        assert listed not in words(at)
        press(at, "keys")
        assert listed in [one.value for one in at.get("markdown")]


def test_leaving_keeps_what_was_selected(visit: Open) -> None:
    at = visit("deconvnet", layer="conv4", channel="20", class_="281")
    before = chosen(at)
    (present,) = (button for button in at.button if button.label == texts.text("share.present", "en"))
    run(present.click())
    assert chosen(at).present
    assert at.query_params["present"] == "1"
    press(at, "leave")
    assert chosen(at) == before
    assert [title.value for title in at.title] == [texts.text("deconvnet.title", "en")]

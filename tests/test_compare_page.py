"""The page of two pictures: one colour means one value on both sides, and the two can change places."""

import base64
import io
import re
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.shared import texts
from pages.shared.pictures import sample_picture, samples
from pages.shared.results import number, rounded
from pages.shared.selection import COMPARED
from tests.test_pages import Open, chosen, digest, drawn, encoded, run, send, turn, visit, words
from tests.test_unit_page import component, told
from zfnet import InferenceSession, crop, drawing, render
from zfnet.geometry import LAYERS, SPATIAL, receptive_field

__all__ = ["visit"]  # a fixture

FIRST, SECOND = "cheetah", "tabby_cat"
TWO = {"image": FIRST, "pinned": f"{SECOND},centre,0.5"}
VIEWS = [crop(sample_picture(name)) for name in (FIRST, SECOND)]
# Whichever of the two is stronger, it stands at either side.
EITHER = pytest.mark.parametrize("first", [0, 1])
# How each comparison begins to say what a picture shows.
ALTS = {what: f"compare.{what}_alt" for what in ("map", "projection", "class")}


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """All pictures of the last run by what is said of them for those who cannot see them."""
    shown: dict[str, list[Any]] = {}
    original = st.image

    def note(image: Any, *arguments: Any, alt: str = "", **options: Any) -> Any:
        shown.setdefault(alt, []).append(image)
        return original(image, *arguments, alt=alt, **options)

    monkeypatch.setattr(st, "image", note)
    return shown


def pair(first: int) -> tuple[dict[str, str], list[str], list[Image.Image]]:
    """Return the parameters, the names and the views of the two pictures, in either order."""
    names, views = [(FIRST, SECOND), (SECOND, FIRST)][first], [VIEWS, VIEWS[::-1]][first]
    return {"image": names[0], "pinned": f"{names[1]},centre,0.5"}, list(names), list(views)


def pixels(encoded_: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded_)).convert("RGB"))


def once(enlarged: np.ndarray, side: int) -> np.ndarray:
    """Undo an enlargement by repeated pixels to a height of ``side``."""
    factor = len(enlarged) // side
    return enlarged[::factor, ::factor]


def side(images: dict[str, list[Any]], what: str, picture: str, **values: Any) -> np.ndarray:
    """Return what one of two pictures shows; what its words say besides comes after the picture's title."""
    title = samples()[picture].english
    begins = texts.text(ALTS[what], "en", title=title, where="|", **values).split("|")[0]
    (shown,) = (found[-2:] for alt, found in images.items() if alt.startswith(begins))
    return pixels(shown[0])


def table(at: AppTest) -> list[list[str]]:
    """Return the columns of what is measured, that of the names first."""
    (shown,) = at.table
    return [shown.value.iloc[:, i].tolist() for i in range(3)]


@pytest.mark.parametrize("what", COMPARED)
def test_two_pictures_are_compared_in_every_way_in_every_layer(visit: Open, what: str) -> None:
    at = visit("compare", compared=what, **TWO)
    for layer in LAYERS:
        at.session_state["selection"] = replace(chosen(at), layer=layer)
        run(at)
        no_map = texts.text("deconvnet.no_map", "en", layer=layer)
        assert (no_map in words(at)) == (layer not in SPATIAL and what != "class")
        assert len(at.table) == 1
    at.session_state["selection"] = replace(chosen(at), layer="conv4", language="ko")
    assert re.search("[가-힣]", words(run(at)))


@EITHER
@pytest.mark.parametrize("colours", ["viridis", "grey"])
def test_both_maps_end_at_the_larger_of_the_two_largest_values(
    visit: Open, session: InferenceSession, images: dict[str, list[Any]], *, colours: str, first: int
) -> None:
    query, names, views = pair(first)
    at = visit("compare", layer="conv4", channel="20", colours=colours, **query)
    maps = [session.feature_maps(view, "conv4").values[20] for view in views]
    end, field = max(own.max() for own in maps), receptive_field(session.info.config, "conv4")
    assert abs(maps[0].max() - maps[1].max()) > 0.01
    for name, view, own in zip(names, views, maps, strict=True):
        expected = render.overlay(np.asarray(view), render.place(own, field) / end, colours)
        found = once(side(images, "map", name, name="conv4:20"), 224)
        # Rounding aside; where the other picture's end were taken, thousands of pixels would differ by more.
        assert np.abs(found.astype(int) - expected).max() <= 1
    assert texts.text("compare.bar_map", "en", end=f"{end:.3g}") in words(at)


@EITHER
def test_both_projections_are_full_at_the_larger_of_the_two_limits(
    visit: Open, session: InferenceSession, images: dict[str, list[Any]], first: int
) -> None:
    query, names, views = pair(first)
    at = visit("compare", layer="conv3", channel="50", compared="projection", **query)
    patches = []
    for view in views:
        (found,) = session.deconvnet(view, ["conv3:50"])
        top, left, bottom, right = found.box
        patches.append(found.pixels[top:bottom, left:right])
    limits = [np.quantile(np.abs(patch), 0.995) for patch in patches]
    for name, patch in zip(names, patches, strict=True):
        beside = side(images, "projection", name, name="conv3:50")
        projected = once(beside, len(patch))[:, -patch.shape[1] :]
        expected = 255 * np.clip(0.5 + patch / (2 * max(limits)), 0, 1)
        assert np.abs(projected - expected).max() <= 1
    assert texts.text("compare.bar_projection", "en", end=f"{max(limits):.3g}") in words(at)


@EITHER
@pytest.mark.parametrize("head", ["fc", "gap"])
def test_the_evidence_for_a_class_is_on_one_scale_in_both_pictures(
    visit: Open, session: InferenceSession, images: dict[str, list[Any]], *, head: str, first: int
) -> None:
    query, names, views = pair(first)
    at = visit("compare", compared="class", class_="281", head=head, **query)
    how = {"rectified": False, "head": head, "centred": True}
    found = [session.class_activation(view, [281], **how)[0].values for view in views]
    end, field = max(values.max() for values in found), receptive_field(session.info.config, "conv5")
    name = session.info.labels.name(281, "en")
    for picture, view, values in zip(names, views, found, strict=True):
        expected = drawing.evidence(np.asarray(view), values, field, contour=0.5, end=float(end))
        assert (once(side(images, "class", picture, name=name), 224) != expected).mean() < 1e-3
    assert texts.text("compare.bar_class", "en", end=f"{end:.3g}") in words(at)


@EITHER
@pytest.mark.parametrize("colours", ["viridis", "inferno"])
def test_the_channels_of_a_layer_are_on_one_scale_in_both_pictures(
    visit: Open, session: InferenceSession, *, colours: str, first: int
) -> None:
    query, _, views = pair(first)
    at = visit("compare", layer="conv5", compared="layer", colours=colours, **query)
    layers = [session.feature_maps(view, "conv5").values for view in views]
    sheets = [component(at, f"compared_{i}") for i in range(2)]
    channels = [int(label.split(":")[1]) for label in sheets[0]["labels"]]
    assert len(set(channels)) == len(channels)
    # The strongest of each picture are among them.
    for values in layers:
        assert set(values.max((1, 2)).argsort()[-6:].tolist()) <= set(channels)
    assert [int(label.split(":")[1]) for label in sheets[1]["labels"]] == channels
    end, palette = max(values.max() for values in layers), render.palette(colours).astype(int)
    for sheet, values in zip(sheets, layers, strict=True):
        drawn_ = pixels(base64.b64decode(sheet["sheet"].split(",")[1]))
        for place, channel in enumerate(channels):
            row, column = divmod(place, sheet["columns"])
            tile = drawn_[14 * row : 14 * row + 14, 14 * column : 14 * column + 14].astype(int)
            # What value each colour stands for.
            level = np.abs(tile[:, :, None] - palette).sum(-1).argmin(-1)
            np.testing.assert_allclose(level / 255 * end, values[channel], atol=1.5 * end / 255)
        assert [told(caption)[1] for caption in sheet["captions"]] == [
            float(rounded(values[channel].max())) for channel in channels
        ]


def test_the_sentence_about_a_layer_counts_and_correlates(visit: Open, session: InferenceSession) -> None:
    at = visit("compare", layer="conv3", compared="layer", **TWO)
    one, other = (session.feature_maps(view, "conv3").values.max((1, 2)) for view in VIEWS)
    both, alike = int(((one > 0) & (other > 0)).sum()), pd.DataFrame([one, other]).T.corr("spearman").iloc[0, 1]
    said = {"layer": "conv3", "both": both, "count": len(one), "correlation": rounded(alike)}
    assert texts.text("compare.layer", "en", **said) in words(at)


@pytest.mark.parametrize(("unit", "head"), [("conv4:20", "fc"), ("pool2:7", "gap"), ("fc7:40", "fc")])
def test_the_table_tells_what_the_network_answers(visit: Open, session: InferenceSession, unit: str, head: str) -> None:
    layer, channel = unit.split(":")
    at = visit("compare", layer=layer, channel=channel, class_="281", head=head, **TWO)
    _, *columns = table(at)
    for view, column in zip(VIEWS, columns, strict=True):
        values = session.feature_maps(view, layer).values
        values = values.reshape(len(values), -1)
        own, peaks = values[int(channel)], values.max(1)
        ahead = int((peaks > own.max()).sum() + (peaks[: int(channel)] == own.max()).sum())
        answer = session.classify(view, head=head)
        best = answer.classes[0]
        assert column == [
            rounded(own.max()),
            number(own.mean(dtype=np.float64)),
            str(ahead + 1),
            str(int((peaks <= 0).sum())),
            f"{answer.probabilities[281]:.1%}",
            f"{best.name} ({best.probability:.1%})",
        ]


def test_swapping_exchanges_the_pictures_and_keeps_unit_and_class(visit: Open, session: InferenceSession) -> None:
    at = visit("compare", image=FIRST, crop="move", offset="0.25", pinned=f"{SECOND},fit,0.5", layer="conv4")
    names, left, right = table(at)
    swap = next(button for button in at.button if button.label == texts.text("compare.swap", "en"))
    run(swap.click())
    now = chosen(at)
    assert (now.image, now.crop, now.pinned) == (SECOND, "fit", (FIRST, "move", 0.25))
    view = crop(sample_picture(FIRST), "move", offset=0.25)
    # What was chosen by the first picture stays, though the other one would choose otherwise.
    assert now.channel == session.feature_maps(view, "conv4").values.max((1, 2)).argmax()
    assert now.class_index == session.classify(view).classes[0].index
    assert table(at) == [names, right, left]
    swap = next(button for button in at.button if button.label == texts.text("compare.swap", "en"))
    run(swap.click())
    assert table(at) == [names, left, right]


def test_a_pinned_picture_stays_while_others_are_chosen(visit: Open) -> None:
    at = visit("feature_maps", image=FIRST, crop="move", offset="0.25")
    pin, pinned = (texts.text(f"share.{key}", "en") for key in ("pin", "pinned"))
    run(next(button for button in at.button if button.label == pin).click())
    assert chosen(at).pinned == (FIRST, "move", 0.25)
    # What is pinned already is not offered again, but the way to the comparison is.
    assert pin not in [button.label for button in at.button]
    assert pinned in [link.proto.label for link in at.main.get("page_link")]
    at.session_state["selection"] = replace(chosen(at), image=SECOND, crop="centre")
    turn(at, "compare")
    assert chosen(at).pinned == (FIRST, "move", 0.25)
    assert pin in [button.label for button in at.button]
    _, one, other = table(at)
    expected = table(visit("compare", image=FIRST, crop="move", offset="0.25", pinned=f"{SECOND},centre,0.5"))
    assert (one[-1], other[-1]) == (expected[2][-1], expected[1][-1])


def test_without_a_pinned_picture_the_next_sample_is_the_second(visit: Open) -> None:
    names = list(samples())
    for image, second in ((names[0], names[1]), (names[-1], names[0])):
        alone = table(visit("compare", image=image))
        assert alone == table(visit("compare", image=image, pinned=f"{second},centre,0.5"))


def test_an_upload_is_compared_while_it_is_there_and_never_a_traceback_without_it(
    visit: Open, session: InferenceSession
) -> None:
    data = encoded(drawn())
    link = {"image": SECOND, "pinned": f"{digest(data)},centre,0.5", "class_": "281"}
    for what in COMPARED:
        at = visit("compare", compared=what, **link)
        # The first sample stands in for it, as everywhere.
        assert table(at)[1:] == table(visit("compare", **link | {"pinned": f"{next(iter(samples()))},centre,0.5"}))[1:]
        assert chosen(at).pinned == (digest(data), "centre", 0.5)
    at = send(visit(), ("mine.png", data))
    at.session_state["selection"] = replace(chosen(at), image=SECOND, pinned=(digest(data), "centre", 0.5))
    turn(at, "compare")
    assert any("mine.png" in str(name) for name in at.table[0].value.columns)
    assert table(at)[2][-1].startswith(session.classify(crop(drawn())).classes[0].name)


def test_a_picture_is_compared_with_itself_and_with_patterns(visit: Open) -> None:
    patterns = [name for name, sample in samples().items() if sample.kind == "pattern"]
    assert patterns
    for name, what in product([FIRST, *patterns], ("projection", "class")):
        at = visit("compare", image=FIRST, pinned=f"{name},centre,0.5", compared=what, layer="conv3")
        assert (table(at)[1] == table(at)[2]) == (name == FIRST)


def test_a_picture_that_leaves_the_unit_silent_says_so(visit: Open, session: InferenceSession) -> None:
    data = encoded(Image.new("RGB", (64, 64)))
    at = send(visit("compare", layer="conv2", compared="projection"), ("black.png", data))
    quiet = session.feature_maps(crop(Image.new("RGB", (64, 64))), "conv2").silent
    other = session.feature_maps(VIEWS[1], "conv2").values.max((1, 2))
    channel = int(np.where(quiet, other, 0).argmax())
    for pinned in ((SECOND, "centre", 0.5), (digest(data), "centre", 0.5)):
        at.session_state["selection"] = replace(chosen(at), channel=channel, pinned=pinned)
        run(at)
        silent = [info.value for info in at.info].count(texts.text("compare.silent", "en", unit=f"conv2:{channel}"))
        assert silent == (1 if pinned[0] == SECOND else 2)

"""The page of one unit: its numbers are the network's, and its buttons lead to its neighbours, inputs and samples."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import nn

from pages.shared import pictures, texts, unit_parts
from pages.shared.pictures import embedded, sample_picture, samples
from pages.shared.results import number, rounded
from tests.test_images import MEAN, STD
from tests.test_knockout import emptied
from tests.test_pages import Open, chosen, run, silent, visit, words
from zfnet import InferenceSession, Unit, crop
from zfnet.geometry import LAYERS, SPATIAL
from zfnet.images import to_tensor

__all__ = ["silent", "visit"]  # fixtures


def component(at: AppTest, key: str) -> Any:
    """Return what the server tells a part of the page that draws itself in the browser."""
    (data,) = (part.proto.json for part in at.get("bidi_component") if part.proto.id.endswith(f"-{key}"))
    return json.loads(data)


def view_of(at: AppTest) -> Image.Image:
    return crop(sample_picture(chosen(at).image))


def values(session: InferenceSession, at: AppTest, layer: str) -> np.ndarray:
    """Return what every channel of a layer says after ReLU, (channels, cells)."""
    found = session.feature_maps(view_of(at), layer).values
    return found.reshape(len(found), -1)


def told(sentence: str) -> list[float]:
    """Return the numbers in a sentence of the page."""
    return [float(found.replace("−", "-")) for found in re.findall(r"−?\d+(?:\.\d+)?", sentence)]


def tallies(at: AppTest) -> list[list[tuple[str, str]]]:
    """Return all lists of names with what is told of each."""
    lists = [html.proto.body for html in at.get("html") if "<ol class='answer'>" in html.proto.body]
    return [re.findall(r"<span>([^<]*)</span><span>([^<]*)</span>", one) for one in lists]


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show mosaics as plain buttons, which a test can click."""

    def plain(sheet: bytes, labels: list[str], *_: int, key: str, on_click: Callable[[int], None], **__: Any) -> None:
        for i, label in enumerate(labels):
            st.button(label, key=f"{key}_{i}", on_click=on_click, args=(i,))

    monkeypatch.setattr(unit_parts, "clickable", plain)


@pytest.mark.parametrize("head", ["fc", "gap"])
@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_unit_of_every_layer_is_shown_for_both_heads(visit: Open, language: str, head: str) -> None:
    at = visit("unit", lang=language, head=head)
    for layer in LAYERS:
        at.session_state["selection"] = replace(chosen(at), layer=layer, channel=7)
        run(at)
        title, *others = (one.value for one in at.header)
        assert title.startswith(f"{layer}:7")
        assert bool(re.search("[가-힣]", words(at))) == (language == "ko")
        # What a head does not read, it is not asked about.
        unread = texts.text("unit.feeds_not_gap", language, layer=layer)
        assert (unread in words(at)) == (head == "gap" and layer in ("pool5", "fc6", "fc7"))
        assert (texts.text("unit.feeds", language) in others) == (layer != "fc8")


def test_a_unit_of_the_last_layer_is_named_as_its_class(visit: Open, session: InferenceSession) -> None:
    for language in texts.LANGUAGES:
        at = visit("unit", lang=language, layer="fc8", channel="281")
        name = session.info.labels.name(281, language)
        assert at.header[0].value == f"fc8:281 · {name}"
        (alt,) = (image.proto.imgs[0].alt for image in at.main.image if name in image.proto.imgs[0].alt)
        assert alt.startswith(texts.text("overview.gradcam_alt", language, name=name, where="|").split("|")[0])


@pytest.mark.parametrize("layer", ["fc6", "fc7", "fc8"])
def test_the_one_value_of_a_unit_is_the_networks(visit: Open, session: InferenceSession, layer: str) -> None:
    at = visit("unit", layer=layer, channel="9")
    (metric,) = at.metric
    assert metric.value == number(values(session, at, layer)[9, 0])


@pytest.mark.parametrize("layer", ["conv2", "pool5"])
def test_the_map_of_a_unit_is_the_networks(visit: Open, session: InferenceSession, layer: str) -> None:
    at = visit("unit", layer=layer, image="cathedral", crop="fit")
    view = crop(sample_picture("cathedral"), "fit")
    maps = session.feature_maps(view, layer).values
    strongest = int(maps.max((1, 2)).argmax())
    shown = component(at, "probe")
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(shown["values"]), "<f4"), maps[strongest].ravel())
    cell = np.unravel_index(maps[strongest].argmax(), maps[strongest].shape)
    assert tuple(shown["kept"]) == cell
    assert at.header[0].value == f"{layer}:{strongest}"
    drove = texts.text(
        "deconvnet.patch_alt", "en", unit=f"{layer}:{strongest}", activation=rounded(maps[strongest].max())
    )
    assert drove in [image.proto.imgs[0].alt for image in at.main.image]


ORDERED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "index": lambda found: np.arange(len(found), 0, -1),
    "maximum": lambda found: found.max(1),
    "mean": lambda found: found.mean(1),
    "sparsity": lambda found: (found == 0).mean(1),
}


@pytest.mark.parametrize("order", ORDERED)
@pytest.mark.parametrize("layer", ["conv4", "fc7"])
def test_the_neighbours_stand_beside_it_in_the_mosaic_and_the_last_is_followed_by_the_first(
    visit: Open, session: InferenceSession, layer: str, order: str
) -> None:
    at = visit("unit", layer=layer, order=order)
    found = values(session, at, layer)
    heights, quiet = ORDERED[order](found), (found.max(1) <= 0) & (order != "index")
    # Falling, equal ones by number, and those that say nothing last.
    shown = sorted(range(len(found)), key=lambda i: (quiet[i], -heights[i], i))
    count, by = len(shown), texts.text(f"feature_maps.order_{order}", "en")
    for place in (0, 1, count // 2, count - 1):
        at = visit("unit", layer=layer, order=order, channel=str(shown[place]))
        assert at.button(key="step_Left").label == f"{layer}:{shown[place - 1]}"
        assert at.button(key="step_Right").label == f"{layer}:{shown[(place + 1) % count]}"
        assert texts.text("unit.place", "en", place=place + 1, count=count, order=by) in words(at)
        run(at.button(key="step_Right").click())
        assert chosen(at).channel == shown[(place + 1) % count]
        run(at.button(key="step_Left").click())
        assert chosen(at).channel == shown[place]


def test_the_keys_lead_up_and_down_through_the_layers_and_end_there(visit: Open, session: InferenceSession) -> None:
    at = visit("unit", layer="conv1", channel="5")
    for layer in LAYERS[1:]:
        run(at.button(key="step_Up").click())
        assert (chosen(at).layer, chosen(at).channel) == (layer, None)
        # Another layer begins at its strongest unit.
        assert at.header[0].value.startswith(f"{layer}:{values(session, at, layer).max(1).argmax()}")
    assert "step_Up" not in [button.key for button in at.button]
    for layer in LAYERS[-2::-1]:
        run(at.button(key="step_Down").click())
        assert chosen(at).layer == layer
    assert "step_Down" not in [button.key for button in at.button]


@pytest.mark.parametrize(
    ("layer", "head"), [("conv2", "fc"), ("pool5", "fc"), ("fc6", "fc"), ("fc7", "fc"), ("conv4", "gap")]
)
def test_the_classes_it_speaks_to_are_those_that_the_whole_network_loses_without_it(
    visit: Open, session: InferenceSession, chains: dict[str, nn.Sequential], *, layer: str, head: str
) -> None:
    at = visit("unit", layer=layer, head=head)
    unit = Unit(layer, int(values(session, at, layer).max(1).argmax()))
    x = to_tensor(view_of(at), MEAN, STD)
    with_it, without = (emptied(chains[head], x, units).numpy() for units in ([], [unit]))
    gained = with_it - without
    gained -= gained.mean()
    order = gained.argsort()
    _, gain, lose = tallies(at)
    for shown, best in ((gain, order[::-1][:5]), (lose, order[:5])):
        assert [name for name, _ in shown] == [session.info.labels.name(i, "en") for i in best]
        np.testing.assert_allclose([told(value)[0] for _, value in shown], gained[best], atol=0.0051)


def test_a_silent_unit_says_so_and_speaks_to_no_class(visit: Open, silent: dict[str, str]) -> None:
    for language in texts.LANGUAGES:
        at = visit("unit", lang=language, **silent)
        name, nothing = f"{silent['layer']}:{silent['channel']}", texts.text("unit.feeds_nothing", language)
        said = texts.text("frame.silent", language, unit=name, strongest="|").split("|")[0]
        assert any(info.value.startswith(said) for info in at.info)
        assert nothing in words(at)
        assert len(tallies(at)) == 1  # the answer on top
    assert nothing not in words(visit("unit", lang=language))


@pytest.mark.parametrize("unit", ["conv2:17", "pool2:40", "conv5:9", "fc6:9", "fc7:40", "fc8:281"])
def test_what_it_is_made_of_adds_up_to_its_value(visit: Open, session: InferenceSession, unit: str) -> None:
    layer, channel = unit.split(":")
    at = visit("unit", layer=layer, channel=channel)
    found = session.contributions(view_of(at), unit, top=8)
    below = LAYERS[LAYERS.index(layer) - 1]
    caption = "unit.inputs_logit" if layer == "fc8" else "unit.inputs_caption"
    pattern = re.escape(texts.text(caption, "en", layer=below, others="@", rest="@", bias="@", before="@"))
    (said,) = (match for line in words(at).splitlines() if (match := re.fullmatch(pattern.replace("@", "(.*)"), line)))
    others, rest, bias, before = (told(part)[0] for part in said.groups())
    if layer in SPATIAL:
        parts = [told(label)[-1] for label in component(at, "unit_inputs")["captions"]]
    else:
        parts = [term.value for term in found.terms]
    assert abs(sum(parts) + rest + bias - before) < 0.0051 * (len(parts) + 3)
    assert abs(before - found.before) < 0.0051
    assert others + len(parts) == (1 if layer == "pool2" else session.feature_maps(view_of(at), below).values.shape[0])
    assert [abs(part) for part in parts] == sorted(map(abs, parts), reverse=True)


def test_of_a_unit_of_the_first_layer_the_filter_is_shown(visit: Open) -> None:
    at = visit("unit", layer="conv1", channel="31")
    shown = component(at, "unit_filters")
    assert shown["selected"] == 31
    assert len(shown["labels"]) == 96
    assert texts.text("unit.inputs", "en") not in [one.value for one in at.header]


def test_a_click_on_an_input_goes_down_to_it(visit: Open, session: InferenceSession, tiles: None) -> None:
    at = visit("unit", layer="conv4", channel="20")
    third = session.contributions(view_of(at), "conv4:20", top=8).terms[2]
    run(at.button(key="unit_inputs_2").click())
    assert (chosen(at).layer, chosen(at).channel, chosen(at).position) == ("conv3", third.channel, None)


@pytest.mark.parametrize("unit", ["conv3:50", "pool5:220", "fc8:281"])
def test_the_samples_that_excite_it_most_come_first(visit: Open, session: InferenceSession, unit: str) -> None:
    layer, channel = unit.split(":")
    at = visit("unit", layer=layer, channel=channel, image="tabby_cat")
    heights = {
        name: float(session.feature_maps(crop(sample_picture(name)), layer).values[int(channel)].max())
        for name in embedded()
    }
    best = sorted(heights, key=lambda name: -heights[name])[:6]
    shown = component(at, "unit_samples")
    assert shown["captions"] == [rounded(heights[name]) for name in best]
    assert shown["labels"] == [f"{embedded()[name].english}: {rounded(heights[name])}" for name in best]
    assert shown["selected"] == (best.index("tabby_cat") if "tabby_cat" in best else -1)


def test_a_click_on_a_sample_looks_at_it_with_the_same_unit(visit: Open, tiles: None) -> None:
    at = visit("unit", layer="conv3", channel="50", crop="fit")
    title = at.button(key="unit_samples_1").label.rpartition(": ")[0]
    run(at.button(key="unit_samples_1").click())
    now = chosen(at)
    assert (samples()[now.image].english, now.crop, now.layer, now.channel) == (title, "centre", "conv3", 50)


def test_a_teachers_own_pictures_change_nothing_about_the_samples_that_excite_a_unit(
    visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = component(visit("unit", layer="conv1", channel="3"), "unit_samples")
    own = pictures.Sample("own", "own.png", "Own", "우리", (), "own")
    monkeypatch.setattr(unit_parts, "peaks", unit_parts.peaks.__wrapped__)
    for module in (pictures, unit_parts):
        monkeypatch.setattr(module, "samples", lambda: {"own": own} | embedded(), raising=False)
    assert component(visit("unit", layer="conv1", channel="3"), "unit_samples") == usual


def test_a_unit_that_no_sample_excites_is_told(visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = np.zeros((len(embedded()), 256), np.float32)
    monkeypatch.setattr(unit_parts, "peaks", lambda *_: unit_parts.Peaks(zeros, zeros.astype(int)))
    assert texts.text("unit.samples_none", "en") in words(visit("unit", layer="conv5", channel="7"))

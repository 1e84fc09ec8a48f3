"""The link to what is seen: it names everything, says where it was made, and is the same as a QR code."""

import base64
import re
from dataclasses import fields
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import segno
from streamlit.testing.v1 import AppTest

from pages.shared import links, texts
from pages.shared.selection import Selection
from tests.test_pages import UNKNOWN, Open, chosen, digest, drawn, encoded, run, send, turn, visit, words
from tests.test_unit_page import component
from zfnet import InferenceSession, __version__

__all__ = ["visit"]  # a fixture

OTHER = {"version": "0.0.1", "checkpoint": "0123abcd"}


def warnings(at: AppTest) -> list[str]:
    return [warning.value for warning in at.warning]


def told(at: AppTest, what: str, session: InferenceSession) -> bool:
    """Return whether the page says that the link was made with something else."""
    own = {"version": __version__, "checkpoint": session.info.checkpoint_id}[what]
    language = chosen(at).language
    return texts.text(f"frame.foreign_{what}", language, given=f"`{OTHER[what]}`", own=f"`{own}`") in warnings(at)


@pytest.mark.parametrize("page", ["overview", "unit", "compare", "lesson", "glossary"])
def test_the_link_names_everything_that_is_selected_and_where_it_was_made(
    visit: Open, session: InferenceSession, page: str
) -> None:
    at = visit(page, layer="conv3", channel="5", tuning="jitter:4", pinned="palace,fit,0.5", period="7.5")
    link = dict(parse_qsl(component(at, "copy_link")["query"], keep_blank_values=True))
    assert link == dict(at.query_params)
    # One parameter for every field: nothing of what is seen stays behind.
    assert len(link) == len(fields(Selection)) + 2
    assert link["version"] == __version__
    assert link["checkpoint"] == session.info.checkpoint_id
    assert (link["layer"], link["channel"], link["tuning"], link["pinned"], link["period"]) == (
        *("conv3", "5", "jitter:4", "palace,fit,0.5", "7.5"),
    )


def test_whoever_opens_the_link_sees_the_same(visit: Open) -> None:
    query = {"image": "palace", "crop": "move", "offset": "0.35", "layer": "conv2", "channel": "9", "position": "3,4"}
    query |= {"class_": "281", "rival": "7", "head": "gap", "method": "layercam", "evidence": "conv4", "lang": "ko"}
    query |= {"tuning": "jitter:4,l2:1.5", "pinned": "cathedral,fit,0.25", "compared": "layer", "four": "1"}
    query |= {"order": "sparsity", "scale": "fixed", "colours": "inferno", "lesson": "edges-to-parts", "step": "2"}
    first = visit("glossary", **query)
    again = visit("glossary", **dict(parse_qsl(component(first, "copy_link")["query"])))
    assert chosen(again) == chosen(first)
    assert warnings(again) == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_link_made_elsewhere_is_told_and_opens_all_the_same(
    visit: Open, session: InferenceSession, language: str
) -> None:
    for given in ({"version": OTHER["version"]}, {"checkpoint": OTHER["checkpoint"]}, OTHER):
        at = visit("feature_maps", layer="conv3", channel="5", lang=language, **given)
        assert (chosen(at).layer, chosen(at).channel) == ("conv3", 5)
        assert {what for what in OTHER if told(at, what, session)} == given.keys()
        # The address says at once where the page comes from now.
        assert at.query_params["version"] == __version__
        # It is said on every page until something is changed.
        assert told(turn(at, "overview"), next(iter(given)), session)
        run(at.selectbox(key="choose_layer").set_value("conv4"))
        assert warnings(at) == []


def test_a_link_made_here_or_by_hand_is_not_remarked_upon(visit: Open, session: InferenceSession) -> None:
    here = {"version": __version__, "checkpoint": session.info.checkpoint_id}
    assert warnings(visit(**here)) == warnings(visit()) == []


def test_what_a_link_says_of_its_origin_cannot_bring_anything_onto_the_page(visit: Open) -> None:
    evil = "a`\n\n![x](https://example.org/x.png) <img src=x>"
    at = visit(version=evil, checkpoint=evil)
    assert len(warnings(at)) == 2
    assert not re.search(r"example\.org|img src", re.sub(r"`[^`\n]*`", "", "\n".join(warnings(at))))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("192.168.0.5", False),
        ("10.0.0.1", False),
        ("fe80::1", False),
        ("zfnet.school.kr", False),
        ("lehrer-pc", False),
        ("localhost.school.kr", False),
        ("", False),
    ],
)
def test_which_addresses_lead_every_machine_to_itself(host: str, here: bool) -> None:
    assert links._only_here(host) == here


def opened(at: AppTest, url: str) -> AppTest:
    """Open the QR code of a page that the browser has at an address."""
    at.context["url"] = url
    at.session_state["qr"] = True
    return run(at)


def code(at: AppTest) -> str:
    """Return the drawing of the QR code."""
    alt = texts.text("share.qr_alt", chosen(at).language)
    (found,) = (html.proto.body for html in at.get("html") if f"alt='{alt}'" in html.proto.body)
    return base64.b64decode(re.search(r"base64,([^']*)'", found)[1]).decode()


def modules(svg: str) -> set[tuple[int, int]]:
    """Return the dark squares of a code (row, column), followed along the strokes that draw it, without its border."""
    dark, x, y = set(), 0.0, 0.0
    (path,) = (d for d in re.findall(r' d="([^"]*)"', svg) if d.startswith("M4"))
    for command, numbers in re.findall(r"([Mmh])([^Mmhz]*)", path):
        values = [float(value) for value in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "h":
            dark |= {(int(y), int(x) + i) for i in range(int(values[0]))}
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    return {(row - 4, column - 4) for row, column in dark}


@pytest.mark.parametrize("url", ["http://192.168.0.5:8501/unit?image=old#there", "https://zfnet.school.kr/a/unit"])
def test_the_qr_code_holds_the_link(visit: Open, url: str) -> None:
    at = opened(visit("unit", layer="conv4", lang="ko"), url)
    place = urlsplit(url)
    link = f"{place.scheme}://{place.netloc}{place.path}?{urlencode(dict(at.query_params))}"
    matrix = segno.make(link, error="l", boost_error=False).matrix
    expected = {(row, column) for row, line in enumerate(matrix) for column, dark in enumerate(line) if dark}
    assert modules(code(at)) == expected
    # Another link is another code.
    run(at.selectbox(key="choose_layer").set_value("conv5"))
    assert modules(code(at)) != expected


def test_the_longest_link_fits_into_a_code(visit: Open) -> None:
    data = encoded(drawn())
    tuned = (
        "blur:2000,jitter:16,l2:20,learning_rate:0.13,padding:16,rotation:45,scale:0.25,steps:512,total_variation:9.5"
    )
    query = {"image": digest(data), "pinned": f"{UNKNOWN},move,0.35", "tuning": tuned, "crop": "move", "offset": "0.35"}
    at = opened(visit("overview", **query), "http://192.168.100.200:8501/feature-maps")
    assert len(modules(code(at))) > 1000


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_what_a_code_cannot_do_is_said_beside_it(visit: Open, language: str) -> None:
    only_here, no_upload = (texts.text(f"share.{key}", language) for key in ("only_here", "no_upload"))
    for url, here in (("http://localhost:8501/", True), ("http://[::1]:8501/", True), ("http://192.168.0.5/", False)):
        at = opened(visit(lang=language), url)
        assert (only_here in warnings(at)) == here
        assert no_upload not in words(at)
    data = encoded(drawn())
    assert no_upload in words(opened(visit(lang=language, image=digest(data)), "http://192.168.0.5/"))
    assert no_upload in words(run(send(at, ("mine.png", data))))


def test_no_code_is_drawn_until_it_is_asked_for(visit: Open) -> None:
    alt = texts.text("share.qr_alt", "en")
    assert not [html for html in visit().get("html") if alt in html.proto.body]

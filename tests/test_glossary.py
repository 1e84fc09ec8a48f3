"""The glossary: every term is explained in both languages, and texts lead to it without being changed otherwise."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import texts
from pages.shared.exhibits import KINDS
from pages.shared.glossary import MOST_LINKS, SECTIONS, TERMS, linked, numbers, slug
from tests.test_texts import placeholders
from zfnet.geometry import NETWORKS, TABLE

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = {language: texts.catalogue(language) for language in texts.LANGUAGES}
LINK = re.compile(r"\[([^\]]*)\]\((?:glossary\?term=|#)([a-z-]+)(?:&lang=(?:ko|en))?\)")
EXPLAINING = [
    (language, key)
    for language, catalogue in CATALOGUES.items()
    for key in catalogue
    if key.endswith((".what", ".how", ".limits", "_what", "_how", "_limits"))
]


def links(markdown: str, language: str) -> list[tuple[str, str]]:
    """Return the links of a text after it went through the glossary: word and slug."""
    return LINK.findall(linked(markdown, language))


def visit(**query: str) -> AppTest:
    at = AppTest.from_file(ROOT / "pages" / "shared" / "dashboard.py", default_timeout=60)
    at.query_params.update(query)
    at.run()
    at.switch_page("../glossary.py").run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_term_is_explained_and_nothing_else_is(language: str) -> None:
    explained = {key.split(".")[1] for key in CATALOGUES[language] if key.count(".") == 2 and "glossary." in key}
    assert explained == set(TERMS)
    assert all(f"glossary.{term}.{part}" in CATALOGUES[language] for term in TERMS for part in ("name", "says"))


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_no_two_terms_share_a_name_or_an_address(language: str) -> None:
    names = [name for term in TERMS for name in CATALOGUES[language][f"glossary.{term}.name"].split(", ")]
    assert len({name.casefold() for name in names}) == len(names)
    assert len({slug(term) for term in TERMS}) == len(TERMS) == sum(map(len, SECTIONS.values()))


def test_every_term_leads_to_a_page_that_there_is() -> None:
    assert {page for page in TERMS.values() if not (ROOT / "pages" / f"{page}.py").exists()} == set()


@pytest.mark.parametrize("config", NETWORKS.values(), ids=NETWORKS)
def test_every_number_of_an_entry_follows_from_the_configuration(config: object) -> None:
    known = numbers(config)  # type: ignore[arg-type]
    for term in TERMS:
        assert placeholders(CATALOGUES["en"][f"glossary.{term}.says"]).keys() <= known.keys()


def test_the_numbers_are_those_of_the_network() -> None:
    known = numbers(TABLE)
    assert [known[name] for name in ("kernel", "stride", "field", "jump", "side", "channels")] == [
        7,
        2,
        139,
        16,
        14,
        256,
    ]


@pytest.mark.parametrize(
    ("language", "markdown", "found"),
    [
        ("en", "A receptive field is a square.", [("receptive field", "receptive-field")]),
        ("en", "Receptive fields of two units", [("Receptive fields", "receptive-field"), ("units", "unit")]),
        ("en", "the switches, and a switch again", [("switches", "switch")]),
        ("en", "max-pooling", [("max-pooling", "max-pooling")]),
        (
            "en",
            "**Grad-CAM++** and Grad-CAM and CAM",
            [("Grad-CAM++", "gradcampp"), ("Grad-CAM", "gradcam"), ("CAM", "cam")],
        ),
        ("en", "in united layers", [("layers", "layer")]),
        ("en", "Guided Grad-CAM", [("Guided Grad-CAM", "guided-gradcam")]),
        ("en", "a class on one scale", []),
        ("ko", "수용 영역은 정사각형입니다.", [("수용 영역", "receptive-field")]),
        ("ko", "스위치에서는 유닛마다", [("스위치", "switch"), ("유닛", "unit")]),
        ("ko", "아래층과 초유닛", []),
        ("ko", "완전 연결 층입니다", [("완전 연결 층", "fully-connected")]),
        ("ko", "Grad-CAM++는 Grad-CAM과", [("Grad-CAM++", "gradcampp"), ("Grad-CAM", "gradcam")]),
        ("ko", "층층이 칸막이", []),
    ],
)
def test_terms_are_found_as_whole_words(language: str, markdown: str, found: list[tuple[str, str]]) -> None:
    assert links(markdown, language) == found


@pytest.mark.parametrize(
    "markdown",
    [
        "`stride`",
        "[the stride](stride)",
        "# Stride",
        "$stride$",
        "```\nstride\n```",
        "<b stride>",
        "https://a.b/stride",
    ],
)
def test_code_links_formulas_and_headings_stay_as_they_are(markdown: str) -> None:
    assert linked(markdown, "en") == markdown


def test_a_link_keeps_the_language_and_one_within_an_entry_stays_on_the_page() -> None:
    assert linked("한 칸은", "ko") == "한 [칸](glossary?term=cell&lang=ko)은"
    assert linked("one cell of a map", "en") == "one [cell](glossary?term=cell&lang=en) of a map"
    assert linked("one cell, one unit", "en", "unit") == "one [cell](#cell), one unit"


def test_the_longest_terms_are_linked_where_there_are_many() -> None:
    many = "unit, cell, layer, channel, guided backpropagation, receptive field"
    assert {"guided-backpropagation", "receptive-field"} <= {to for _, to in links(many, "en")}
    assert len(links(many, "en")) == MOST_LINKS


@pytest.mark.parametrize(("language", "key"), EXPLAINING)
def test_links_change_no_word_and_are_made_once(language: str, key: str) -> None:
    once = linked(CATALOGUES[language][key], language)
    assert linked(once, language) == once
    assert LINK.sub(r"\1", once) == CATALOGUES[language][key]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_kind_of_picture_is_explained(language: str) -> None:
    wanted = {f"exhibits.{kind}_{part}" for kind in KINDS for part in ("name", "what", "how", "limits")}
    assert {key for key in CATALOGUES[language] if key.startswith("exhibits.")} == wanted
    assert len(set(KINDS)) == len(KINDS)


def test_the_term_that_a_link_names_comes_first_and_stays_in_the_address() -> None:
    at = visit(term="receptive-field", lang="ko")
    assert at.subheader[0].value.startswith("수용 영역")
    assert at.query_params["term"] == "receptive-field"
    assert len(at.subheader) == len(TERMS)


def test_a_term_that_there_is_not_is_left_out() -> None:
    at = visit(term="stripe", lang="en")
    assert "term" not in at.query_params
    assert len(at.subheader) == len(TERMS)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_search_leaves_the_entries_that_hold_it_in_either_language(language: str) -> None:
    at = visit(lang=language)
    at.text_input[0].set_value("NYQUIST").run()
    assert len(at.subheader) == 1
    at.text_input[0].set_value("수용 영역").run()
    assert "receptive field" in at.subheader[0].value
    at.text_input[0].set_value("zzz").run()
    assert not at.subheader
    assert at.main.info[0].value == texts.text("glossary.none", language, searched="zzz")

"""What is taken home: files hold what was seen, the same each time, and nothing in them runs or calls anywhere."""

import ast
import io
import json
import re
import struct
import zipfile
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from pages.shared import results
from pages.shared.archive import page_archive
from pages.shared.exhibits import Exhibit, Recipe
from pages.shared.export import About, file_name, picture_file, restore
from pages.shared.report import Answer, Page, report
from pages.shared.selection import Selection
from pages.shared.texts import LANGUAGES, text
from tests.test_house import ROOT, imports
from zfnet import InferenceSession, Unit
from zfnet.plate import Scale, plate

HOSTILE = "<script>alert('\"')</script> & `x`"
QUERY = Selection(image="cat", layer="conv5", channel=17, position=(6, 7), language="ko").to_query()
ABOUT = About("feature-maps", "특징 맵", QUERY, "0.1.0", "zfnet-0a1b2c3d", "고양이", "ko")
RECIPE = Recipe("maps = session.feature_maps(view, 'conv5')", "python -m zfnet explain cat.jpg --out out")
UNIT = Unit("conv5", 17)


@pytest.fixture(scope="module")
def exhibit(session: InferenceSession, sample: Image.Image) -> Exhibit:
    """The map of a unit as the page shows it."""
    shown = results.feature_map(session, sample, UNIT, results.Look())
    return Exhibit(
        kind="feature_map",
        name=f"feature-map-{UNIT.layer}:{UNIT.channel}",
        png=shown.map,
        alt="A map of 14 by 14 cells, strongest at the upper left.",
        caption="The map of **conv5:17**.",
        recipe=RECIPE,
        scale=Scale("viridis", 0, shown.end, "activation"),
        arrays=lambda: {"values": shown.values, "end": np.array(shown.end)},
    )


def unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


class Reader(HTMLParser):
    """Reads a page: its tags with their attributes, and its words."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_text(keyword: str, written: bytes, *, kind: bytes = b"tEXt", before: bytes = b"") -> bytes:
    """Return a picture with a text chunk behind its header, and whatever stands before that."""
    png = plate(np.zeros((4, 4, 3), np.uint8))
    return png[:33] + before + chunk(kind, keyword.encode() + b"\0" + written) + png[33:]


def test_a_picture_carries_where_it_comes_from(exhibit: Exhibit) -> None:
    with Image.open(io.BytesIO(picture_file(exhibit, ABOUT))) as opened:
        said = opened.info
    assert json.loads(said.pop("zfnet:selection")) == QUERY
    assert said == {
        "Title": "특징 맵",
        "Description": exhibit.alt,
        "zfnet:page": "feature-maps",
        "zfnet:version": "0.1.0",
        "zfnet:checkpoint": "zfnet-0a1b2c3d",
    }


def test_the_selection_in_a_picture_comes_back(exhibit: Exhibit) -> None:
    assert restore(picture_file(exhibit, ABOUT)) == QUERY


@pytest.mark.parametrize("about", [replace(ABOUT, picture_title="강아지"), replace(ABOUT, version="0.2.0")])
def test_where_a_picture_comes_from_is_drawn_into_it(exhibit: Exhibit, about: About) -> None:
    one, other = (
        np.asarray(Image.open(io.BytesIO(picture_file(exhibit, a))).convert("RGB"))[-60:] for a in (ABOUT, about)
    )
    assert (one != other).any()


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtzfnet:selection\0{}x",
        b"GIF89a" + with_text("zfnet:selection", b"{}"),
        with_text("other", b"{}"),
        with_text("zfnet:selection", b"{"),
        with_text("zfnet:selection", b"[1]"),
        with_text("zfnet:selection", b'{"layer": 5}'),
        with_text("zfnet:selection", b"[" * 60_000),
        with_text("zfnet:selection", b'{"a": "\xff"}'),
        with_text("zfnet:selection", b'{"a": "' + b"x" * 70_000 + b'"}'),
        with_text("zfnet:selection", b"{}", kind=b"zTXt"),
        with_text("zfnet:selection", b"{}", before=chunk(b"tEXt", b"") * 64),
    ],
    ids=range(13),
)
def test_any_other_file_restores_nothing(file: bytes) -> None:
    assert restore(file) is None


def test_an_archive_holds_the_page(exhibit: Exhibit) -> None:
    again = replace(exhibit, png=plate(np.zeros((4, 4, 3), np.uint8)), scale=None, arrays=None)
    files = unpacked(page_archive([exhibit, again], ABOUT))
    first, second = "feature-map-conv5-17", "feature-map-conv5-17-2"
    assert set(files) == {
        *(f"{name}{end}.png" for name in (first, second) for end in ("", "-scale")),
        *("arrays.npz", "captions.md", "index.html", "selection.json"),
    }
    assert files[f"{first}.png"] == exhibit.png
    assert files[f"{second}.png"] == again.png
    assert files[f"{first}-scale.png"] == picture_file(exhibit, ABOUT)
    assert json.loads(files["selection.json"]) == {
        "page": "feature-maps",
        "link": ABOUT.link,
        "query": QUERY,
        "picture": "고양이",
        "version": "0.1.0",
        "checkpoint": "zfnet-0a1b2c3d",
    }
    captions = files["captions.md"].decode()
    for said in (exhibit.caption, exhibit.alt, RECIPE.python, RECIPE.shell, ABOUT.title, ABOUT.link, f"{first}.png"):
        assert said in captions


def test_the_numbers_in_an_archive_are_those_of_the_session(
    exhibit: Exhibit, session: InferenceSession, sample: Image.Image
) -> None:
    files = unpacked(page_archive([exhibit], ABOUT))
    with np.load(io.BytesIO(files["arrays.npz"]), allow_pickle=False) as arrays:
        assert set(arrays) == {"feature-map-conv5-17/values", "feature-map-conv5-17/end"}
        values = arrays["feature-map-conv5-17/values"]
    assert values.dtype == np.float32
    assert (values == session.feature_maps(sample, "conv5").values[17]).all()


def test_a_page_without_numbers_has_no_file_for_them(exhibit: Exhibit) -> None:
    assert "arrays.npz" not in unpacked(page_archive([replace(exhibit, arrays=None)], ABOUT))


def test_what_is_the_same_has_the_same_bytes(exhibit: Exhibit) -> None:
    assert page_archive([exhibit], ABOUT) == page_archive([exhibit], ABOUT)
    assert page_archive([exhibit], ABOUT) != page_archive([exhibit], replace(ABOUT, version="0.2.0"))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("conv5:17@6,7", "conv5-17-6-7"),
        ("all-gradcam++", "all-gradcam++"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\x", "C-x"),
        ("한글", "picture"),
        ("", "picture"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_file_name_is_one_that_every_system_takes(name: str, written: str) -> None:
    assert file_name(name) == written


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_says_all_that_the_page_said(exhibit: Exhibit, language: str) -> None:
    about = replace(ABOUT, language=language)
    read = Reader(report([Page(about, (exhibit,)), Page(about, (exhibit, exhibit))], about))
    assert read.all("html") == [{"lang": language}]
    assert [image["alt"] for image in read.all("img")] == [exhibit.alt] * 3
    assert len(read.all("details")) == 3 + 2
    said = ("고양이", about.checkpoint, about.link, about.version, "The map of conv5:17.", RECIPE.python, RECIPE.shell)
    assert [words for words in said if words not in read.words] == []
    assert exhibit.scale is not None
    low, high = exhibit.scale.ends
    assert text("export.scale", language, low=low, high=high, words="activation") in read.words
    assert text("export.answers", language) not in read.words


def test_a_report_asks_for_nothing(exhibit: Exhibit) -> None:
    html = report([Page(ABOUT, (exhibit,))], ABOUT)
    read = Reader(html)
    links = [a[key] or "" for _, a in read.tags for key in ("src", "href", "action", "srcset", "data") if key in a]
    assert links
    assert [link for link in links if not link.startswith(("data:image/png;base64,", "#"))] == []
    assert not read.all("script") + read.all("link") + read.all("iframe")
    assert b"url(" not in html
    assert b"@import" not in html


def test_answers_stand_in_a_report(exhibit: Exhibit) -> None:
    answers = [Answer("Which unit?", "conv5:17", True, "It sees stripes."), Answer(HOSTILE, HOSTILE, False, HOSTILE)]
    read = Reader(report([Page(ABOUT, (exhibit,))], ABOUT, answers))
    for said in ("Which unit?", "It sees stripes.", text("export.right", "ko"), text("export.wrong", "ko")):
        assert said in read.words
    assert read.words.count(HOSTILE) == 3


def test_hostile_names_are_shown_and_do_nothing(exhibit: Exhibit) -> None:
    sly = replace(exhibit, caption=HOSTILE, alt=HOSTILE, recipe=Recipe(HOSTILE, HOSTILE))
    about = replace(ABOUT, picture_title=HOSTILE, title=HOSTILE, query=dict(QUERY) | {"image": HOSTILE})
    read = Reader(report([Page(about, (sly,))], about))
    assert not read.all("script")
    assert [image["alt"] for image in read.all("img")] == [HOSTILE]
    assert read.words.count("<script>") >= 6
    assert set(unpacked(page_archive([replace(sly, name=HOSTILE)], about))) > {"script-alert-script-x.png"}
    assert restore(picture_file(sly, about)) == about.query


def test_a_picture_is_explained(exhibit: Exhibit) -> None:
    read = Reader(report([Page(ABOUT, (exhibit,))], ABOUT))
    for part in ("what", "how", "limits"):
        said = text(f"exhibits.{exhibit.kind}_{part}", "ko")
        assert re.sub(r"[*`_]", "", said) in read.words, part


@pytest.mark.parametrize("module", ["archive", "export", "report"])
def test_files_are_made_without_a_running_page(module: str) -> None:
    path = ROOT / "pages" / "shared" / f"{module}.py"
    assert "streamlit" not in imports(path)
    froms = {n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)}
    allowed = {f"pages.shared.{name}" for name in ("exhibits", "export", "report", "texts")}
    assert {name for name in froms if name and name.startswith("pages")} <= allowed


def test_a_link_opens_the_page_with_the_whole_selection() -> None:
    address, _, query = ABOUT.link.partition("?")
    assert address == "/feature-maps"
    assert dict(parse_qsl(query)) == QUERY

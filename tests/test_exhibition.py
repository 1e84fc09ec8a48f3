"""Every picture of every page has all that belongs to it, and the page's own recipe draws just what it shows."""

import ast
import io
import json
import re
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partialmethod
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import state, texts
from pages.shared.archive import page_archive
from pages.shared.exhibits import KINDS, Exhibit
from pages.shared.export import About, explained, file_name
from tests.test_house import ROOT
from tests.test_pages import DASHBOARD, chosen, run, turn
from tests.test_recipes import pixels, run_python
from zfnet import InferenceSession
from zfnet.shell.options import parser

# Another selection in everything that a recipe may forget.
MOVED = {"image": "palace", "crop": "move", "offset": "0.25", "pinned": "tabby_cat,fit,0.5"}
OTHER = MOVED | {"layer": "conv3", "channel": "50", "position": "8,2", "class": "281", "head": "gap", "seed": "3"}
OTHER |= {"scale": "layer", "colours": "inferno", "rectified": "0", "order": "mean", "method": "layercam"}
OTHER |= {"evidence": "conv4", "centred": "0", "rival": "7", "period": "7.5", "orientation": "30", "fill": "noise"}
OTHER |= {"size": "96", "stride": "32", "lang": "ko"}
# Shown nowhere but in a presentation, or only after a computation of its own.
ELSEWHERE = {"view", "climb"}
# In an archive beside the pictures.
TEXTS = {"index.html", "captions.md", "selection.json"}
# Of these, those who cannot see them are told where they are strongest, or how strong.
MAPS = {"feature_map", "projection", "evidence", "two_pictures"}


@dataclass(frozen=True)
class Case:
    """A page with a selection, with what is switched on, and with a button that is pressed."""

    page: str
    query: tuple[tuple[str, str], ...] = ()
    toggles: tuple[str, ...] = ()
    button: str = ""

    def __str__(self) -> str:
        changed = [value for name, value in self.query if (name, value) not in OTHER.items()]
        return " ".join([self.page, *changed, *(["another"] if ("colours", "inferno") in self.query else [])])


def case(page: str, *toggles: str, button: str = "", **query: str) -> Case:
    return Case(page, tuple(query.items()), toggles, button)


# Of what takes long a part is computed, for a view of its own: what is kept of it must be in nobody else's way.
LONG = case("gradcam", "lines", button="scorecam", **OTHER | {"offset": "0.4"})


def cases() -> Iterator[Case]:
    for page in ("overview", "unit", "feature_maps", "architecture", "maximization", "stride"):
        yield case(page)
    for page in ("overview", "unit", "feature_maps", "architecture", "maximization", "occlusion"):
        yield case(page, **OTHER)
    yield case("occlusion", size="96", stride="32")
    yield case("unit", layer="fc8", channel="281", head="gap", colours="grey")
    yield case("feature_maps", **OTHER | {"scale": "fixed", "layer": "pool1", "channel": "20", "position": "auto"})
    yield case("deconvnet", "randomise")
    yield case("deconvnet", "randomise", **OTHER)
    for start in ("nine", "map"):
        yield case("deconvnet", **OTHER | {"start": start})
    yield case("gradcam", "pointing", "randomise")
    yield case("gradcam", "pointing", "randomise", **OTHER)
    yield LONG
    for compared in ("map", "projection", "class", "layer"):
        yield case("compare", compared=compared)
        yield case("compare", **OTHER | {"compared": compared})
    yield case("stride", "stride_zoom", **OTHER | {"layer": "conv1", "position": "auto"})
    for name, lesson in state.library().lessons.items():
        for step in range(len(lesson.steps)):
            yield case("lesson", lesson=name, step=str(step), image="tabby_cat")


CASES = list(cases())


@cache
def visited(shown: Case) -> AppTest:
    """Return a page as it is after all of a case."""
    at = AppTest.from_file(DASHBOARD, default_timeout=60)
    at.query_params.update(dict(shown.query))
    turn(run(at), shown.page)
    for key in shown.toggles:
        run(at.toggle(key=key).set_value(True))
    return run(at.button(key=shown.button).click()) if shown.button else at


def exhibits(shown: Case) -> list[Exhibit]:
    """Return what a page has shown, in its order."""
    _, found = visited(shown).session_state["exhibits"]
    return list(found.values())


@pytest.fixture(autouse=True)
def _at_work(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session: InferenceSession
) -> None:
    """Stand in a folder beside the samples, with the checkpoint loaded."""
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(InferenceSession, "load", lambda *_, **__: session)
    if getattr(request.node, "callspec", None) and request.node.callspec.params["shown"] == LONG:
        monkeypatch.setattr("zfnet.ablation.live", lambda trace, layer: [3, 17, 250])
        few = partialmethod(InferenceSession.integrated_gradients, steps=2)
        monkeypatch.setattr(InferenceSession, "integrated_gradients", few)


@pytest.mark.parametrize("shown", CASES, ids=str)
def test_all_that_belongs_to_a_picture_is_there(shown: Case) -> None:
    at, found = visited(shown), exhibits(shown)
    language = chosen(at).language
    assert found or shown.page == "lesson"
    # A name is a file's: no two pictures of a page may be written to one.
    assert len({file_name(one.name).lower() for one in found}) == len(found)
    for one in found:
        assert one.kind in KINDS
        assert one.png.startswith(b"\x89PNG")
        assert one.caption
        assert bool(re.search("[가-힣]", one.alt)) == (language == "ko")
        if one.kind in MAPS:
            assert re.search(r"\d", one.alt) or texts.text("places.nowhere", language) in one.alt
        what, how, limits = explained(one, language)
        assert len({what, how, limits}) == 3
        if one.scale:
            assert one.scale.low < one.scale.high or one.scale.low == one.scale.high == 0
            assert one.scale.words


@pytest.mark.parametrize("shown", CASES, ids=str)
def test_the_pages_own_python_draws_the_pages_picture(shown: Case) -> None:
    for one in exhibits(shown):
        ast.parse(one.recipe.python)
        drawn = run_python(one.recipe)
        np.testing.assert_array_equal(drawn, pixels(one.png), err_msg=one.name)
        for written in Path().glob("*.png"):
            written.unlink()


@pytest.mark.parametrize("shown", CASES, ids=str)
def test_the_pages_own_line_of_shell_is_understood_and_asks_for_the_selection(shown: Case) -> None:
    now = chosen(visited(shown))
    for one in exhibits(shown):
        python, module, package, *words = shlex.split(one.recipe.shell)
        assert (python, module, package) == ("python", "-m", "zfnet")
        asked = parser().parse_args(words)
        assert callable(asked.command)
        if getattr(asked, "picture", None) and one.kind != "two_pictures":
            assert now.image in asked.picture.stem
            assert (asked.crop, asked.offset) == (now.crop, now.offset)


@pytest.mark.parametrize("shown", [one for one in CASES if "another" in str(one)], ids=str)
def test_the_archive_of_a_page_holds_every_picture_and_the_numbers_behind_it(shown: Case) -> None:
    at, found = visited(shown), exhibits(shown)
    now = chosen(at)
    here = About(shown.page, "A page", now.to_query(), "0.1.0", "0123abcd", "A picture", now.language)
    with zipfile.ZipFile(io.BytesIO(page_archive(found, here))) as archive:
        names = {file_name(one.name) for one in found}
        assert {name for name in archive.namelist() if name.endswith(".png")} == {
            f"{name}{end}.png" for name in names for end in ("", "-scale")
        }
        assert {name for name in archive.namelist() if not name.endswith(".png")} >= TEXTS
        assert json.loads(archive.read("selection.json"))["query"] == now.to_query()
        captions = archive.read("captions.md").decode()
        for one in found:
            assert archive.read(f"{file_name(one.name)}.png") == one.png
            assert one.recipe.shell in captions
        behind = {one.name for one in found if one.arrays}
        if behind:
            with np.load(io.BytesIO(archive.read("arrays.npz"))) as arrays:
                assert {name.split("/")[0] for name in arrays} == {file_name(name) for name in behind}
                assert all(values.size for values in arrays.values())


def test_every_kind_of_picture_is_shown_somewhere() -> None:
    found = {one.kind for shown in CASES for one in exhibits(shown)}
    assert found == set(KINDS) - ELSEWHERE

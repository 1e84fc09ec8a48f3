"""The page of two pictures: which two they are, that they share a scale, and what can be taken home of each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import comparison, texts
from pages.shared.evidence import Asked, Paint
from pages.shared.exhibits import Exhibit
from pages.shared.export import About, picture_file
from pages.shared.pictures import sample_picture, samples
from pages.shared.selection import COMPARED, Selection
from tests.test_pages import UNKNOWN, Open, chosen, run, visit, words  # noqa: F401
from zfnet import InferenceSession, Unit, crop

FIRST, OTHER, THIRD = list(samples())[:3]
EDGE = f"{THIRD},move,0.2"


def exhibits(at: AppTest) -> list[Exhibit]:
    """Return what the page has shown, in its order."""
    _, shown = at.session_state["exhibits"]
    return list(shown.values())


def said(key: str, language: str, **values: object) -> str:
    return texts.text(f"compare.{key}", language, **values)


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("compared", COMPARED)
def test_the_selected_picture_stands_first_and_the_second_one_after_it(
    visit: Open,  # noqa: F811
    compared: str,
    language: str,
) -> None:
    at = visit("compare", compared=compared, lang=language)
    assert chosen(at).pinned is None
    titles = [samples()[name].title(language) for name in (FIRST, OTHER)]
    headings = [
        f"**{number} · {title}** ({said(which, language)})"
        for number, (title, which) in enumerate(zip(titles, ("selected", "pinned"), strict=True), 1)
    ]
    written = [element.value for element in at.markdown]
    assert [text for text in written if text in headings] == headings
    assert [one.picture_title for one in exhibits(at)][:: len(exhibits(at)) - 1] == titles
    assert {one.kind for one in exhibits(at)} == {"two_pictures"}
    assert len({one.scale for one in exhibits(at)}) == 1


def test_what_is_shown_of_a_picture_is_made_of_that_picture(visit: Open) -> None:  # noqa: F811
    at = visit("compare", pinned=EDGE, crop="fit", lang="en")
    first, cells, second, _ = exhibits(at)
    own, other = (f"assets/samples/{samples()[name].file}" for name in (FIRST, THIRD))
    assert f'view = crop(decode_image(Path("{own}").read_bytes()), "fit")' in first.recipe.python
    assert f'view = crop(decode_image(Path("{other}").read_bytes()), "move", offset=0.2)' in second.recipe.python
    assert f"{own} --crop fit" in cells.recipe.shell
    assert f"{other} --crop move --offset 0.2" in second.recipe.shell
    ends = [one.recipe.shell.split("--end ")[1].split()[0] for one in exhibits(at)]
    assert {float(end) for end in ends} == {first.scale and first.scale.high}


def test_full_colour_is_at_the_larger_of_both_pictures(session: InferenceSession) -> None:
    views = crop(sample_picture(FIRST)), crop(sample_picture(OTHER))
    unit = Unit("conv5", 17)
    maps = comparison.maps(session, views, unit, "viridis")
    own = [session.feature_maps(view, "conv5").values[17] for view in views]
    assert maps.end == max(own[0].max(), own[1].max())
    for side, values in zip(maps.sides, own, strict=True):
        assert side.peak == values.max()
        np.testing.assert_array_equal(side.values, values)
    classes = comparison.classes(session, views, 281, asked=Asked(), paint=Paint("viridis"))
    assert classes.end == max(side.peak for side in classes.sides) > 0
    swapped = comparison.maps(session, views[::-1], unit, "viridis")
    assert swapped.end == maps.end
    assert [side.png for side in swapped.sides] == [side.png for side in maps.sides[::-1]]


def test_a_sheet_of_a_layer_has_whole_rows_of_channels_that_answer_most(session: InferenceSession) -> None:
    views = crop(sample_picture(FIRST)), crop(sample_picture(THIRD))
    for layer in ("conv2", "conv5"):
        found = comparison.layers(session, views, layer, columns=4, colormap="viridis")
        assert len(found.channels) % 4 == 0
        assert found.channels[0] == np.argmax(found.peaks[0])
        assert int(np.argmax(found.peaks[1])) in found.channels[:2]


def test_a_swap_keeps_the_unit_and_turns_the_pictures_round(visit: Open) -> None:  # noqa: F811
    at = visit("compare", pinned=EDGE, crop="fit", lang="en")
    before = exhibits(at)
    (button,) = (button for button in at.button if button.label == said("swap", "en"))
    run(button.click())
    assert (chosen(at).image, chosen(at).crop, chosen(at).offset) == (THIRD, "move", 0.2)
    assert chosen(at).pinned == (FIRST, "fit", 0.5)
    after = exhibits(at)
    assert [one.png for one in after] == [one.png for one in [*before[2:], *before[:2]]]


def test_the_pinned_picture_is_the_second_one_until_both_are_the_same(visit: Open) -> None:  # noqa: F811
    at = visit("compare", lang="en")
    assert said("same", "en") not in words(at)
    (pin,) = (button for button in at.button if button.label == texts.text("share.pin", "en"))
    run(pin.click())
    assert chosen(at).pinned == (FIRST, "centre", 0.5)
    assert said("same", "en") in words(at)


def test_a_second_picture_that_is_not_here_is_said_to_be_missing(visit: Open) -> None:  # noqa: F811
    at = visit("compare", pinned=f"{UNKNOWN},centre,0.5", lang="en")
    assert texts.text("frame.missing_upload", "en") in words(at)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_of_a_silent_unit_the_page_says_so_and_offers_the_other_picture_alone(
    visit: Open,  # noqa: F811
    session: InferenceSession,
    language: str,
) -> None:
    first, second = (session.feature_maps(crop(sample_picture(name)), "conv5") for name in (FIRST, OTHER))
    channel = int(np.flatnonzero(second.silent & ~first.silent)[0])
    at = visit("compare", compared="projection", channel=str(channel), lang=language)
    assert said("silent", language, unit=f"conv5:{channel}") in words(at)
    assert [one.name for one in exhibits(at)] == [f"projection-conv5:{channel}-1"]


def test_a_layer_without_maps_leaves_the_numbers_and_the_evidence(visit: Open) -> None:  # noqa: F811
    at = visit("compare", layer="fc6", lang="en")
    assert exhibits(at) == []
    assert texts.text("deconvnet.no_map", "en", layer="fc6") in words(at)
    assert len(at.table) == 1
    assert len(exhibits(visit("compare", layer="fc6", compared="class", lang="en"))) == 2


def test_a_saved_picture_says_which_of_the_two_it_is_made_of(
    visit: Open,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = visit("compare", lang="en")
    told: list[str] = []

    def plate(*_: object, provenance: str, **__: Any) -> bytes:
        told.append(provenance)
        return b""

    monkeypatch.setattr("pages.shared.export.plate", plate)
    query = Selection(FIRST).to_query()
    for one in exhibits(at):
        picture_file(one, About("compare", "Compare", query, "0.1.0", "id", "Selected", "en"))
    titles = [samples()[name].title("en") for name in (FIRST, FIRST, OTHER, OTHER)]
    assert all(title in line and "Selected" not in line for title, line in zip(titles, told, strict=True))


@pytest.mark.parametrize(
    ("page", "query", "kind", "name"),
    [
        ("unit", {"layer": "conv5", "channel": "17"}, "unit_inputs", "inputs-conv5:17"),
        ("maximization", {"layer": "conv4"}, "gallery", "gallery-conv4"),
    ],
)
def test_inputs_and_galleries_can_be_taken_home(
    visit: Callable[..., AppTest],  # noqa: F811
    page: str,
    query: dict[str, str],
    *,
    kind: str,
    name: str,
) -> None:
    shown = {one.name: one for one in exhibits(visit(page, lang="en", **query))}
    assert shown[name].kind == kind
    assert shown[name].png.startswith(b"\x89PNG")

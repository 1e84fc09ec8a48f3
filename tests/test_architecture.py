"""The architecture page: every number computed, every cell explained, every network to be had."""

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.shared import architecture_tables as tables
from pages.shared import results, texts
from pages.shared.pictures import sample_picture
from pages.shared.selection import Selection
from tests.test_pages import run, visit, words
from zfnet import InferenceSession, Unit, crop
from zfnet.arithmetic import TOTAL, arithmetic
from zfnet.geometry import ALEXNET, LAYERS, LISTING, NETWORKS, TABLE, layer_table, receptive_field, shapes, total

__all__ = ["visit"]

Open = Callable[..., AppTest]


def table(at: AppTest) -> dict[str, list[object]]:
    (shown,) = at.main.dataframe
    return {column: shown.value[column].tolist() for column in shown.value}


def click(at: AppTest, row: int, column: str, key: str = "layer_table_table_main_en") -> AppTest:
    """Select a cell; that a click also selects the layer is for the browser to show."""
    at.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [(row, column)]}}
    return run(at)


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_shown_and_is_told_from_the_loaded_one(visit: Open, name: str, language: str) -> None:
    at = visit("architecture", lang=language)
    run(at.segmented_control(key=f"network_{language}").set_value(name))
    loaded = texts.text("architecture.network_table", language)
    assert (texts.text("architecture.other", language, loaded=loaded) in words(at)) == (name != "table")
    rows = layer_table(NETWORKS[name])
    shown = table(at)
    assert shown["parameters"][:12] == [*(row.parameters for row in rows[:-1]), total(rows, "parameters")]
    assert shown["macs"][:12] == [*(row.macs for row in rows[:-1]), total(rows, "macs")]
    assert shown["output"][0] == "×".join(map(str, (*rows[0].output[1:], 96)))
    run(at.segmented_control(key=f"part_{language}").set_value("more"))
    shown = table(at)
    assert shown["left_edge"][:8] == [row.receptive_field.start for row in rows[:8]]
    assert sum(shown["parameter_share"][:11]) == pytest.approx(1)
    assert ("rank" in shown) == (name == "table")  # only the loaded one is stored as factors


def test_the_choice_of_network_outlives_the_page_and_the_language(visit: Open) -> None:
    at = visit("architecture", lang="en")
    run(at.segmented_control(key="network_en").set_value("alexnet"))
    run(at.switch_page("../overview.py"))
    run(at.switch_page("../architecture.py"))
    assert at.segmented_control(key="network_en").value == "alexnet"
    run(at.segmented_control(key="choose_language").set_value("ko"))
    assert at.segmented_control(key="network_ko").value == "alexnet"
    assert table(at)["kernel"][0] == "11×11"


def test_the_line_below_the_table_says_the_size_of_the_selected_layer_and_then_what_is_clicked(visit: Open) -> None:
    at = visit("architecture", layer="conv3", lang="en")
    assert "`⌊(14 + 2·1 − 3)/1⌋ + 1 = 14`" in words(at)
    assert "`5·5·96·256 + 256 = 614,656`" in words(click(at, 2, "parameters"))
    assert "`177,020,928 + " in words(click(at, LAYERS.index("fc8") + 1, "macs"))
    for row, column, reason in (
        (2, "stride", "setting"),
        (1, "parameters", "zero"),
        (9, "receptive_field", "everything"),
        (8, "kernel", "absent"),
    ):
        heading = texts.text(f"architecture.column_{column}", "en")
        said = texts.text(f"architecture.no_arithmetic_{reason}", "en", line=LAYERS[row], column=heading)
        assert said in words(click(at, row, column))


@pytest.mark.parametrize("part", tables.PARTS)
def test_every_cell_of_the_table_is_explained(visit: Open, part: str) -> None:
    at = visit("architecture", lang="en")
    run(at.segmented_control(key="part_en").set_value(part))
    key = f"layer_table_table_{part}_en"
    ranks = {"fc6": 256, "fc7": 256}
    for column, values in table(at).items():
        for row in (1, 8, 11):
            name = (*LAYERS, TOTAL)[row]
            said = words(click(at, row, column, key))
            term = arithmetic(TABLE, name, ranks).get("output_height" if column == "output" else column)
            if term:
                assert f"`{term}`" in said
            elif column != "layer":
                nothing = values[row] is None or values[row] != values[row]  # a missing number is not itself
                reason = "there is none here" if nothing else "setting|whole picture|no weights"
                assert re.search(reason, said), (name, column)


def test_the_csv_is_offered(visit: Open) -> None:
    at = visit("architecture", lang="en")
    assert at.main.get("download_button")[0].label == texts.text("architecture.csv", "en")


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_receptive_field_is_said_exactly_at_the_borders(visit: Open, language: str) -> None:
    said = words(visit("architecture", layer="conv5", channel="17", position="4,13", lang=language))
    (caption,) = (line for line in said.splitlines() if "**conv5:17**" in line)
    assert [int(n.replace("−", "-")) for n in re.findall(r"[−]?\d+", caption.split("**")[2])][-8:] == [
        *(-5, 133, 0, 133),
        *(139, 277, 139, 223),
    ]


def test_a_field_is_that_of_the_cell_where_the_unit_responds_most_strongly(session: InferenceSession) -> None:
    view = crop(sample_picture("cheetah"))
    found = results.field(session, view, Unit("conv3", 5))
    values = session.feature_maps(view, "conv3").values[5]
    row, column = np.unravel_index(values.argmax(), values.shape)
    seen = receptive_field(TABLE, "conv3")
    assert found.position == (row, column)
    assert found.spans == (seen.span(int(row)), seen.span(int(column)))


def test_the_listing_is_quoted_with_the_very_words_of_torch(visit: Open) -> None:
    with pytest.raises(RuntimeError) as stopped:
        torch.zeros(1, *shapes(LISTING)["pool5"]).view(1, 256 * 7 * 7)
    for language in texts.LANGUAGES:
        said = words(visit("architecture", lang=language))
        assert f"`RuntimeError: {stopped.value}`" in said
        assert "**conv1**" in said
        assert "9,216" in said
        assert "12,544" in said
    rows = [re.sub(r"[*`]", "", " | ".join(row)) for row in shown_rows(visit("architecture", lang="en"), 1)]
    assert rows[0] == "conv1 | 112×112 | 110×110 | ⌊(224 + 2·1 − 7)/2⌋ + 1 = 110"
    assert rows[-1] == "fc6 | 12,544 | 9,216 | 256·6·6 = 9,216"


def shown_rows(at: AppTest, number: int) -> list[list[str]]:
    return [list(map(str, row)) for row in at.main.table[number].value.to_numpy().tolist()]


def test_alexnet_stands_beside_zfnet_with_every_difference_marked(visit: Open) -> None:
    at = visit("architecture", lang="en")
    rows = {row[0]: row[1:] for row in shown_rows(at, 0)}
    assert rows["conv1"] == [
        *("**11×11 / 4, 96**", "**7×7 / 2, 96**", "**55² → 112²**", "**11 → 7**", "**4 → 2**"),
        *("**34,944 → 14,208**", "**105.4 → 177.0**"),
    ]
    assert [name for name in LAYERS if "**" in rows[name][0]] == ["conv1", "conv2", "conv4", "conv5"]
    assert [name for name in LAYERS if "groups" in rows[name][0]] == ["conv2", "conv4", "conv5"]
    assert rows["conv3"][5] == "885,120"
    assert rows["total"][-2:] == ["**60,965,224 → 75,989,096**", "**724.4 → 1,337.9**"]
    assert receptive_field(ALEXNET, "conv2").jump == receptive_field(TABLE, "conv2").jump == 8
    assert "8 pixels apart in both networks" in words(at)
    assert "4.1 times as many" in words(at)
    run(at.segmented_control(key="network_en").set_value("paper"))
    assert "**55² → 110²**" in shown_rows(at, 0)[0]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_figures_from_notes_stand_beside_those_of_the_paper(visit: Open, language: str) -> None:
    rows = dict(zip(tables.NOTES, shown_rows(visit("architecture", lang=language), 2), strict=True))
    for note, wrong, right in (
        ("top5", "11.2", "16.5"),
        ("test", "11.2", "14.8"),
        ("gain", "4", "1.6"),
        ("top1", "31.8", "38.4"),
        ("padding", "112×112", "110×110"),
    ):
        said, paper, source, split = rows[note]
        assert wrong in said
        assert right in paper
        assert re.search("[23]", source)
        assert split
    assert "Clarifai" in rows["clarifai"][1]
    assert "Clarifai" in rows["winner"][1]


def test_the_filters_are_drawn_once_for_all(session: InferenceSession) -> None:
    with Image.open(io.BytesIO(results.filters(session, "conv1", 16))) as picture:
        assert picture.width * 6 == picture.height * 16
        pixels = np.asarray(picture)
    assert not (pixels[..., 0] == pixels[..., 1]).all()


def test_a_unit_without_a_map_is_said_to_see_everything() -> None:
    def section() -> None:
        from pages.shared.architecture_parts import receptive_field
        from zfnet.geometry import TABLE

        receptive_field(TABLE)

    at = AppTest.from_function(section)
    at.session_state["selection"] = Selection("cheetah", layer="fc6", channel=3)
    assert [info.value for info in run(at).info] == [texts.text("architecture.field_all", "en", unit="fc6:3")]

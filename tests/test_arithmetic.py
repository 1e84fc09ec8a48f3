"""The arithmetic that the table shows: every term is worked out anew and must give the table's number."""

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from tests.oracle import CONFIGS
from zfnet.arithmetic import SUMMED, TOTAL, arithmetic, as_csv, records, size_terms
from zfnet.errors import SelectionError
from zfnet.geometry import (
    LAYERS,
    LISTING,
    NETWORKS,
    PAPER,
    SPATIAL,
    TABLE,
    Convolution,
    Pooling,
    ZFNetConfig,
    layer_table,
    total,
)

SHAPES = {**CONFIGS, **NETWORKS, LISTING.geometry: LISTING}
RANKS = {"fc6": 256, "fc7": 128}
SHARES = ("parameter_share", "mac_share")
COMPUTED = {
    "convolution": {"output_height", "receptive_field", "jump", "left_edge", "centre", *SUMMED, *SHARES},
    "pooling": {"output_height", "receptive_field", "jump", "left_edge", "centre", *SHARES},
    "fc6": {"receptive_field", *SUMMED, *SHARES},
    "fc7": {*SUMMED, *SHARES},
    "fc8": {*SUMMED, *SHARES},
    "gap": {"receptive_field", *SUMMED},
}


def worked_out(term: str) -> float:
    """Work out a term of whole numbers with + − · / ⌊ ⌋ ⌈ ⌉ ( ) and min, by recursive descent."""
    tokens = re.findall(r"\d+(?:,\d{3})*|min|\S", term)

    def closed(by: str, value: float) -> float:
        assert tokens.pop(0) == by
        return value

    def atom() -> float:
        token = tokens.pop(0)
        if token == "−":
            return -atom()
        if token == "(":
            return closed(")", summed())
        if token == "⌊":
            return math.floor(closed("⌋", summed()))
        if token == "⌈":
            return math.ceil(closed("⌉", summed()))
        if token == "min":
            assert tokens.pop(0) == "("
            first = closed(",", summed())
            return min(first, closed(")", summed()))
        return int(token.replace(",", ""))

    def product() -> float:
        value = atom()
        while tokens and tokens[0] in "·/":
            value = value * atom() if tokens.pop(0) == "·" else value / atom()
        return value

    def summed() -> float:
        value = product()
        while tokens and tokens[0] in "+−":
            value = value + product() if tokens.pop(0) == "+" else value - product()
        return value

    result = summed()
    assert not tokens
    return result


def read(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-").removesuffix("%")) / (100 if number.endswith("%") else 1)


def check(said: Mapping[str, str], wanted: Mapping[str, object], line: str) -> None:
    for column, text in said.items():
        term, sign, result = re.fullmatch(r"(.+) ([=≈]) (\S+)", text).groups()  # type: ignore[union-attr]
        assert (sign == "≈") == (column in SHARES), text
        assert worked_out(term) == pytest.approx(wanted[column], rel=1e-12), (line, text)
        assert read(result) == pytest.approx(wanted[column], rel=1e-12, abs=5e-5 if column in SHARES else 0), (
            line,
            text,
        )


def test_the_evaluator_knows_its_signs() -> None:
    assert worked_out("⌊(224 + 2·3 − 7)/2⌋ + 1") == 112
    assert worked_out("⌈(56 − 3)/2⌉ + 1 − 1") == 27
    assert worked_out("5·5·(96/2)·256 + 256") == 307_456
    assert worked_out("256·(12,544 + 4096)") == 4_259_840
    assert worked_out("−53 − 1·16") == -69
    assert worked_out("min(171 + (7 − 1)·32, 224)") == 224
    assert worked_out("10 − 3 − 2") == 5
    with pytest.raises((AssertionError, IndexError)):
        worked_out("⌊(224 + 3)/2 + 1")


@pytest.mark.parametrize("ranks", [{}, RANKS], ids=["full", "factored"])
@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_every_term_gives_the_number_of_the_table(config: ZFNetConfig, ranks: dict[str, int]) -> None:
    rows = layer_table(config, ranks)
    for row, record in zip(rows, records(config, rows), strict=True):
        said = arithmetic(config, row.name, ranks)
        assert said.keys() == COMPUTED.get(row.name, COMPUTED.get(row.kind)), row.name
        check(said, record, row.name)
    said = arithmetic(config, TOTAL, ranks)
    assert said.keys() == {*SUMMED, *SHARES}
    check(said, {column: total(rows, column) for column in SUMMED} | dict.fromkeys(SHARES, 1), TOTAL)


def test_terms_look_as_people_write_them() -> None:
    conv1, fc6 = arithmetic(TABLE, "conv1"), arithmetic(TABLE, "fc6")
    assert conv1["output_height"] == "⌊(224 + 2·3 − 7)/2⌋ + 1 = 112"
    assert conv1["parameters"] == "7·7·3·96 + 96 = 14,208"
    assert conv1["macs"] == "7·7·3·96·112·112 = 177,020,928"
    assert conv1["left_edge"] == "0 − 3·1 = −3"
    assert arithmetic(PAPER, "pool1")["output_height"] == "⌈(110 − 3)/2⌉ + 1 = 55"
    assert arithmetic(NETWORKS["alexnet"], "conv2")["parameters"] == "5·5·(96/2)·256 + 256 = 307,456"
    assert fc6["parameters"] == "256·7·7·4096 + 4096 = 51,384,320"
    assert fc6["parameter_share"] == "51,384,320 / 75,989,096 ≈ 67.62%"
    stored = arithmetic(TABLE, "fc6", {"fc6": 256})
    assert stored["stored_parameters"] == "256·(12,544 + 4096) + 4096 = 4,263,936"
    assert stored["parameters"] == fc6["parameters"]


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_a_last_window_in_the_padding_is_left_out_in_the_term_as_in_torch(
    kernel: int, stride: int, padding: int, ceil: bool
) -> None:
    pool = Pooling(kernel, stride, padding, ceil)
    corrected = set()
    for size in range(20, 40):
        pooled = F.max_pool2d(torch.zeros(1, size, size), kernel, stride, padding, ceil_mode=ceil)
        term = size_terms(pool, size)
        assert worked_out(term) == pooled.shape[1], term
        assert ("⌈" in term) == ceil
        corrected.add(term.endswith("− 1"))
    if not ceil:
        assert corrected == {False}
    elif (kernel, padding) in ((2, 1), (1, 0)) and stride >= 2:
        assert corrected == {False, True}


def test_a_line_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(SelectionError, match=r"the lines of the table are conv1, .*, gap and total, got 'conv9'"):
        arithmetic(TABLE, "conv9")


def test_the_csv_holds_the_raw_numbers_of_every_layer() -> None:
    rows = layer_table(TABLE, RANKS)
    lines = list(csv.DictReader(io.StringIO(as_csv(TABLE, rows))))
    assert [line["layer"] for line in lines] == [*LAYERS, "gap"]
    for line, row, record in zip(lines, rows, records(TABLE, rows), strict=True):
        assert line.keys() == record.keys()
        assert all(re.fullmatch("[a-z_]+", column) for column in line)
        assert {column: str("" if value is None else value) for column, value in record.items()} == line
        assert (int(line["parameters"]), int(line["macs"])) == (row.parameters, row.macs)
        assert line["rank"] == str(row.rank or "")
    conv5 = dict(zip(lines[0], lines[LAYERS.index("conv5")].values(), strict=True))
    assert (conv5["receptive_field"], conv5["jump"], conv5["left_edge"], conv5["centre"]) == ("139", "16", "-69", "0.0")
    assert sum(float(line["mac_share"] or 0) for line in lines) == pytest.approx(1)


def test_grouped_filters_and_offsets_are_in_the_records() -> None:
    config = replace(TABLE, conv2=Convolution(256, kernel=5, stride=2, padding=2, groups=4))
    flat = {record["layer"]: record for record in records(config, layer_table(config))}
    assert [flat[name]["groups"] for name in ("conv1", "conv2", "pool1", "fc6")] == [1, 4, None, None]
    assert [flat[name]["filters"] for name in ("conv1", "pool1", "fc6", "gap")] == [96, None, 4096, 1000]
    assert all(flat[name]["jump"] for name in SPATIAL)
    assert flat["fc7"]["receptive_field"] == 224
    check(arithmetic(config, "conv2"), flat["conv2"], "conv2")

"""A unit's name, and the cell that stands for it."""

import numpy as np
import pytest

from zfnet.errors import SelectionError
from zfnet.geometry import SPATIAL, TABLE
from zfnet.unit import Unit

UNITS = {
    "conv5:17": Unit("conv5", 17),
    "conv5:17@6,9": Unit("conv5", 17, (6, 9)),
    "pool1:0@0,0": Unit("pool1", 0, (0, 0)),
    "fc8:207": Unit("fc8", 207),
    "gap:999": Unit("gap", 999),
}


@pytest.mark.parametrize(("text", "unit"), UNITS.items())
def test_a_name_is_read_and_written_alike(text: str, unit: Unit) -> None:
    assert Unit.parse(text) == unit
    assert str(unit) == text
    assert Unit.parse(unit) is unit
    assert Unit.parse(f"  {text}\n") == unit


@pytest.mark.parametrize(
    "text",
    ["", "conv5", "conv5:", ":3", "conv5:-1", "conv5:1.5", "conv5:1@", "conv5:1@2", "conv5:1@2,3,4", "conv5 : 1"],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SelectionError) as caught:
        Unit.parse(text)
    assert str(caught.value) == f"a unit is written conv5:17 or conv5:17@6,9 (row, column), got {text!r}"


@pytest.mark.parametrize("text", ["conv5:0", "conv5:255", "conv5:255@13,13", "fc8:999", "fc6:4095@0,0", "pool1:3@0,55"])
def test_a_unit_that_the_network_has_passes_its_check(text: str) -> None:
    unit = Unit.parse(text)
    assert unit.check(TABLE) is unit


@pytest.mark.parametrize(
    ("text", "layers", "message"),
    [
        ("conv5:300", SPATIAL, "conv5 has 256 channels (0-255), got 300"),
        ("fc8:1000", ("fc8",), "fc8 has 1000 channels (0-999), got 1000"),
        ("fc6:1", ("conv1", "pool1"), "this works on the layers conv1, pool1, got 'fc6'"),
        ("conv6:1", ("conv5",), "this works on the layers conv5, got 'conv6'"),
        (
            "conv5:1@14,0",
            SPATIAL,
            "the maps of conv5 have 14 rows and 14 columns (counted from 0), got row 14, column 0",
        ),
        (
            "conv5:1@3,14",
            SPATIAL,
            "the maps of conv5 have 14 rows and 14 columns (counted from 0), got row 3, column 14",
        ),
    ],
)
def test_a_unit_outside_of_the_network_is_refused(text: str, layers: tuple[str, ...], message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        Unit.parse(text).check(TABLE, layers)
    assert str(caught.value) == message


def test_negative_numbers_do_not_count_from_the_end() -> None:
    with pytest.raises(SelectionError, match=r"conv5 has 256 channels \(0-255\), got -1"):
        Unit("conv5", -1).check(TABLE)
    with pytest.raises(SelectionError, match="got row -1, column 0"):
        Unit("conv5", 1, (-1, 0)).check(TABLE)


def test_the_strongest_cell_stands_for_a_unit_without_position() -> None:
    values = np.zeros((4, 5), np.float32)
    values[2, 3], values[1, 1] = 7, 6
    assert Unit("conv5", 1).at_strongest(values) == Unit("conv5", 1, (2, 3))


def test_a_given_position_is_kept() -> None:
    unit = Unit("conv5", 1, (0, 0))
    assert unit.at_strongest(np.eye(3, dtype=np.float32)[::-1]) is unit
    assert unit.at_strongest(np.zeros((3, 3), np.float32)) is unit


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_among_cells_within_a_millionth_of_the_peak_the_first_in_row_order_counts(scale: float) -> None:
    values = np.array([[0, 1 - 4e-6, 0], [0, 0, 1 - 5e-7], [1, 1, 0]]) * scale
    assert Unit("conv5", 1).at_strongest(values.astype(np.float32)).position == (1, 2)


def test_an_all_zero_map_has_no_strongest_cell() -> None:
    assert Unit("conv5", 1).at_strongest(np.zeros((3, 3), np.float32)).position is None

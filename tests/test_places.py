"""In words, where a map is strongest: in one of nine places, as its largest cell says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pages.shared import places, texts

WHERE = [[f"at_{row}_{column}" for column in range(3)] for row in range(3)]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray, str], str]:
    def said(values: np.ndarray, language: str = "en") -> str:
        def t(key: str, **given: Any) -> str:
            return texts.text(key, language, **given)

        monkeypatch.setattr(places, "t", t)
        return places.strongest(values)

    return said


def at(place: str, value: str, language: str = "en") -> str:
    return texts.text("places.strongest", language, where=texts.text(f"places.{place}", language), value=value)


def peak(shape: tuple[int, int], row: int, column: int, value: float = 1.0) -> np.ndarray:
    values = np.zeros(shape, np.float32)
    values[row, column] = value
    return values


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("shape", [(3, 3), (6, 9), (14, 14), (7, 5), (224, 112)])
def test_a_map_has_nine_places_whatever_its_shape(
    say: Callable[..., str], shape: tuple[int, int], language: str
) -> None:
    height, width = shape
    said = set()
    # The middle cell of each third.
    for i, row in enumerate((height // 6, height // 2, height - 1 - height // 6)):
        for j, column in enumerate((width // 6, width // 2, width - 1 - width // 6)):
            found = say(peak(shape, row, column, 0.834), language)
            assert found == at(WHERE[i][j], "0.83", language)
            said.add(found)
    assert len(said) == 9


@pytest.mark.parametrize("side", [3, 4, 5, 13, 14, 56])
def test_the_corners_and_the_middle_are_called_so(say: Callable[..., str], side: int) -> None:
    last = side - 1
    corners = {(0, 0): "at_0_0", (0, last): "at_0_2", (last, 0): "at_2_0", (last, last): "at_2_2"}
    for (row, column), place in (corners | {(side // 2, side // 2): "at_1_1"}).items():
        assert say(peak((side, side), row, column)) == at(place, "1.00")


def test_each_place_is_as_large_as_the_others(say: Callable[..., str]) -> None:
    found = [say(peak((12, 12), row, column)) for row in range(12) for column in range(12)]
    assert [found.count(at(place, "1.00")) for row in WHERE for place in row] == [16] * 9


def test_of_equal_values_the_first_from_the_upper_left_counts(say: Callable[..., str]) -> None:
    values = peak((9, 9), 8, 0, 2.0)
    values[4, 8] = values[4, 4] = 2.0
    assert say(values) == at("at_1_1", "2.00")
    assert say(np.full((9, 9), 0.5)) == at("at_0_0", "0.50")


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_map_that_is_nowhere_above_zero_has_no_strongest_place(say: Callable[..., str], language: str) -> None:
    nowhere = texts.text("places.nowhere", language)
    for values in (np.zeros((14, 14)), peak((5, 5), 2, 2, -3.0), np.full((2, 3), -1.0), np.full((3, 3), np.nan)):
        assert say(values, language) == nowhere
    assert say(peak((14, 14), 13, 0, 1e-6), language) == at("at_2_0", "0.00", language)

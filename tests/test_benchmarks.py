"""When a measured ratio has fallen behind the recorded one, and how comparisons are told. Nothing is measured here."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.benchmarks.comparisons import Comparison, comparison_table, hardest, missed_list, rows, timed
from tests.benchmarks.plot import draw
from tests.benchmarks.recorded import RECORDED, compare, fallen, read, write
from tests.benchmarks.report import MARKS, README


def comparison(
    ratio: float, *, spread: float = 0.02, peer: str = "captum", state: str = "warm", **more: Any
) -> Comparison:
    """Return a comparison whose quartiles are ``ratio`` and what lies half the spread to its sides."""
    ratios = [ratio - spread, ratio - spread / 2, ratio, ratio + spread / 2, ratio + spread]
    return Comparison("class map", "Grad-CAM", peer, state, "3 ms", "9 ms", ratios, **more)


def recorded(*comparisons: Comparison) -> dict[str, Any]:
    return {"ratios": {c.key: list(c.quartiles) for c in comparisons}}


@pytest.mark.parametrize(
    ("fresh", "spread", "falls"),
    [
        (4.0, 0.02, False),
        (3.61, 0.02, False),  # a tenth is always granted
        (3.59, 0.02, True),
        (3.2, 1.0, False),  # today's rounds lie that far apart
        (9.0, 0.02, False),  # better is never wrong
    ],
)
def test_a_ratio_has_fallen_when_it_lies_behind_by_more_than_the_spread(
    fresh: float, spread: float, falls: bool
) -> None:
    behind, new = compare([comparison(fresh, spread=spread)], recorded(comparison(4.0)))
    assert bool(behind) is falls
    assert not new


def test_a_recorded_spread_counts_as_much_as_todays() -> None:
    assert not fallen((3.0, 4.0, 5.0), (2.1, 2.1, 2.1))
    assert fallen((3.0, 4.0, 5.0), (1.9, 1.9, 1.9))


def test_a_fall_is_told_with_what_was_recorded() -> None:
    behind, _ = compare([comparison(2.0)], recorded(comparison(4.0)))
    assert behind == ["fallen: class map, Grad-CAM | captum | warm: 2.0× (1.99–2.0), recorded 4.0× (4.0–4.0)"]


def test_a_comparison_that_is_not_in_the_record_passes_and_is_named() -> None:
    behind, new = compare([comparison(4.0), comparison(0.1, state="cold")], recorded(comparison(4.0)))
    assert not behind
    assert new == ["new: class map, Grad-CAM | captum | cold: 0.10×"]


def test_a_record_is_read_as_it_was_written_and_leaves_other_devices_alone(tmp_path: Path) -> None:
    path = tmp_path / "recorded.json"
    assert read("cpu", path) == {}
    write("cuda", [comparison(9.0)], "a card", path)
    write("cpu", [comparison(4.0)], "a machine", path)
    assert read("cpu", path)["ratios"] == recorded(comparison(4.0))["ratios"]
    assert read("cpu", path)["machine"] == "a machine"
    assert compare([comparison(9.0)], read("cuda", path)) == ([], [])
    assert '"class map, Grad-CAM | captum | warm": [3.99, 4.0, 4.01]' in path.read_text("utf-8")


def test_the_record_holds_quartiles_in_order() -> None:
    for device in json.loads(RECORDED.read_text("utf-8")).values():
        assert device["date"]
        assert device["machine"]
        for low, middle, high in device["ratios"].values():
            assert 0 < low <= middle <= high


def test_ratios_are_those_of_pairs_of_one_round() -> None:
    made = timed("g", "n", "p", "cold", ours=[1.0, 2.0, 4.0], theirs=[2.0, 8.0, 4.0])
    assert made.ratios == [2.0, 4.0, 1.0]
    assert made.ratio == 2.0


def test_of_a_method_the_hardest_peer_is_shown() -> None:
    easy, hard = comparison(9.0, peer="grad-cam"), [comparison(4.0), comparison(0.95, state="cold")]
    assert hardest([easy, *hard]) == hard
    assert rows([easy, *hard]) == [[easy], hard]


def test_a_missed_target_is_marked_and_told_with_its_floor() -> None:
    missed, met = comparison(2.5, target=3, floor="the way down takes 3 ms"), comparison(0.95, state="cold", target=0.9)
    assert missed_list([missed, met]) == [
        "class map, Grad-CAM (warm): 2.5× of captum, target 3.0×. Floor: the way down takes 3 ms."
    ]
    line = comparison_table([missed, met]).splitlines()[-1]
    assert "| **2.5×** (2.5–2.5) missed | **0.95×** (0.94–0.96) |" in line
    assert "warm 3.0×, cold 0.90×" in line


def test_comparisons_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.png"
    draw(
        [comparison(4.0, target=3), comparison(0.95, state="cold", target=1), comparison(200.0, peer="grad-cam")], path
    )
    with Image.open(path) as picture:
        assert picture.width == 1536


def test_the_readme_has_one_place_for_what_was_measured() -> None:
    assert len(MARKS.findall(README.read_text("utf-8"))) == 1

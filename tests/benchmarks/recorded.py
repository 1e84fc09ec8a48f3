"""The ratios that were measured once, and whether those of today have fallen behind them.

A ratio has fallen if today's median is below the recorded one by more than the spread:

    today's median < recorded median - max(recorded q3 - recorded q1, today's q3 - today's q1, recorded median / 10)

The quartiles are those of the ratios of single rounds, in which ours and the peer ran one after the other. The tenth
is there for what has few rounds, whose quartiles may lie close together by chance. Absolute times never count.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.comparisons import Comparison, interval, times

RECORDED = Path(__file__).with_name("recorded.json")
_LEAST_SPREAD = 0.1

Quartiles = tuple[float, float, float]


def fallen(recorded: Quartiles, fresh: Quartiles) -> bool:
    """Return whether a ratio lies behind the recorded one by more than the spread; see above."""
    spread = max(recorded[2] - recorded[0], fresh[2] - fresh[0], _LEAST_SPREAD * recorded[1])
    return fresh[1] < recorded[1] - spread


def compare(comparisons: Iterable[Comparison], record: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return a sentence for each ratio that has fallen, and for each that is not in the record."""
    ratios, behind, new = record.get("ratios", {}), [], []
    for comparison in comparisons:
        before = ratios.get(comparison.key)
        if before is None:
            new.append(f"new: {comparison.key}: {times(comparison.ratio)}")
        elif fallen(tuple(before), comparison.quartiles):
            fresh = f"{times(comparison.ratio)} {interval(comparison.quartiles)}"
            behind.append(f"fallen: {comparison.key}: {fresh}, recorded {times(before[1])} {interval(before)}")
    return behind, new


def read(device: str, path: Path = RECORDED) -> dict[str, Any]:
    """Return the record of a kind of device; empty if there is none."""
    return json.loads(path.read_text("utf-8")).get(device, {}) if path.exists() else {}


def write(device: str, comparisons: Iterable[Comparison], machine: str, path: Path = RECORDED) -> None:
    """Write the record of a kind of device anew; those of others stay."""
    everything = json.loads(path.read_text("utf-8")) if path.exists() else {}
    everything[device] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "ratios": {c.key: [round(q, 4) for q in c.quartiles] for c in comparisons},
    }
    text = json.dumps(everything, indent=2, ensure_ascii=False)
    # Quartiles on one line.
    lines = text.replace("[\n        ", "[").replace(",\n        ", ", ").replace("\n      ]", "]")
    path.write_text(f"{lines}\n", "utf-8")

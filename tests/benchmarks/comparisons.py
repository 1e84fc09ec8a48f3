"""What is compared with a peer: how many times faster we are, round by round, and what was promised."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tests.benchmarks.tables import spread, table

HEADING = ("Comparison", "ours, warm", "ours, cold", "peer", "faster, warm", "faster, cold", "apart", "target")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of our methods and one peer.

    ``state`` is "warm" where the picture is traced already, else "cold". ``ratios`` are the peer's time divided by
    ours, each of one round; of objectives, ours divided by the peer's. ``apart`` is the largest deviation as a share of
    the peer's peak. ``floor`` says what stands below a target that is missed.
    """

    group: str
    name: str
    peer: str
    state: str
    ours: str
    theirs: str
    ratios: Sequence[float] = field(repr=False)
    target: float = 0
    floor: str = "not measured"
    apart: float | None = None

    @property
    def key(self) -> str:
        """Return what it is found by in the record."""
        return f"{self.group}, {self.name} | {self.peer} | {self.state}"

    @property
    def quartiles(self) -> tuple[float, float, float]:
        return quartiles(self.ratios)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def missed(self) -> bool:
        return self.ratio < self.target


def timed(
    group: str, name: str, peer: str, state: str, *, ours: list[float], theirs: list[float], **more
) -> Comparison:
    """Return the comparison of two lists of milliseconds, pair by pair."""
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return Comparison(group, name, peer, state, spread(ours, "ms"), spread(theirs, "ms"), ratios, **more)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of some values; of a single one, that one three times."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def times(ratio: float) -> str:
    """Return a ratio in three digits at most."""
    return f"{ratio:.{2 if ratio < 2 else 1 if ratio < 20 else 0}f}×"


def interval(quartiles: Sequence[float]) -> str:
    """Return the outer quartiles of a ratio."""
    return f"({times(quartiles[0]).rstrip('×')}–{times(quartiles[2]).rstrip('×')})"


def rows(comparisons: Iterable[Comparison]) -> list[list[Comparison]]:
    """Return the comparisons of one method with one peer, warm and cold, together."""
    return [list(row) for _, row in groupby(comparisons, key=lambda c: (c.group, c.name, c.peer))]


def hardest(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return of each method only those with the peer that is hardest to beat."""
    kept: list[Comparison] = []
    for _, subject in groupby(comparisons, key=lambda c: (c.group, c.name)):
        kept += min(rows(subject), key=lambda row: min(c.ratio for c in row))
    return kept


def comparison_table(comparisons: Iterable[Comparison]) -> str:
    """Return a line for each method and peer."""
    return table(HEADING, [_line(row) for row in rows(comparisons)])


def missed_list(comparisons: Iterable[Comparison]) -> list[str]:
    """Return a sentence for each target that was missed, with its floor."""
    return [
        f"{c.group}, {c.name} ({c.state}): {times(c.ratio)} of {c.peer}, target {times(c.target)}. Floor: {c.floor}."
        for c in comparisons
        if c.missed
    ]


def _line(row: list[Comparison]) -> tuple[str, ...]:
    by_state = {c.state: c for c in row}
    ours, faster = ([_cell(by_state.get(s), what) for s in ("warm", "cold")] for what in ("ours", "faster"))
    theirs = " / ".join(dict.fromkeys(c.theirs for c in row))
    apart = next((f"{c.apart:.0e}" if c.apart else "0" for c in row if c.apart is not None), "–")
    targets = ", ".join(f"{c.state} {times(c.target)}" for c in row if c.target) or "–"
    return f"{row[0].group}, {row[0].name}", *ours, f"{row[0].peer}: {theirs}", *faster, apart, targets


def _cell(comparison: Comparison | None, what: str) -> str:
    if comparison is None:
        return "–"
    if what == "ours":
        return comparison.ours
    return f"**{times(comparison.ratio)}** {interval(comparison.quartiles)}" + (" missed" if comparison.missed else "")

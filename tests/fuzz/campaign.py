"""Many cases one after the other, what they came to, and the files that must not come to that."""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.fuzz import checkpoints, uploads
from tests.fuzz.worker import Outcome, Trial, Worker

KINDS = ("uploads", "checkpoints")


class Cases(Protocol):
    """Damaged files by seed and number: the kind of file, and its bytes."""

    def case(self, seed: int, number: int) -> tuple[str, bytes]: ...


@dataclass
class Summary:
    """The outcomes of one kind of file, and which case was the slowest and the largest."""

    words: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    largest: tuple[int, int] = (0, -1)

    def count(self, number: int, outcome: Outcome) -> None:
        """Take a case in."""
        self.words["fault" if outcome.fault else outcome.word] += 1
        self.slowest = max(self.slowest, (outcome.seconds, number))
        self.largest = max(self.largest, (outcome.memory, number))


@dataclass
class Campaign:
    """What came out: a summary by kind of file, and the faults by number."""

    summaries: dict[str, Summary] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)

    def table(self) -> str:
        """Return the summaries as a table in Markdown."""
        good = ("picture", "network")
        lines = ["| File | Cases | Taken | Refused | Faults | Slowest | Most memory |", "| --- " * 7 + "|"]
        for kind, summary in sorted(self.summaries.items()):
            taken, faults = sum(summary.words[word] for word in good), summary.words["fault"]
            refused = summary.words.total() - taken - faults
            lines.append(
                f"| {kind} | {summary.words.total():,} | {taken:,} | {refused:,} | {faults} "
                f"| {summary.slowest[0]:.2f} s (no. {summary.slowest[1]}) "
                f"| {summary.largest[0] / 2**20:.0f} MiB (no. {summary.largest[1]}) |"
            )
        return "\n".join(lines)


def run(what: str, numbers: Iterable[int], *, seed: int, folder: Path) -> Campaign:
    """Try cases of ``KINDS``, and save the faulty ones in a folder."""
    cases, make_trial = _kind(what, folder)
    campaign = Campaign()
    with Worker(make_trial, folder / "standard-error.txt") as worker:
        for number in numbers:
            kind, data = cases.case(seed, number)
            outcome = worker.attempt(data)
            campaign.summaries.setdefault(kind, Summary()).count(number, outcome)
            if outcome.fault:
                campaign.faults[number] = f"{kind}: {outcome.fault}"
                (folder / f"{what}-{seed}-{number}.bin").write_bytes(data)
    return campaign


def _kind(what: str, folder: Path) -> "tuple[Cases, functools.partial[Trial] | type[Trial]]":
    if what == "uploads":
        return uploads.Uploads(), uploads.make_trial
    return checkpoints.Checkpoints(), functools.partial(checkpoints.make_trial, folder)


def merged(campaigns: Iterator[Campaign]) -> Campaign:
    """Return several as one."""
    whole = Campaign()
    for campaign in campaigns:
        whole.faults |= campaign.faults
        for kind, summary in campaign.summaries.items():
            known = whole.summaries.setdefault(kind, Summary())
            known.words += summary.words
            known.slowest, known.largest = max(known.slowest, summary.slowest), max(known.largest, summary.largest)
    return whole

"""How long the dashboard takes to start and to turn a page, what memory it holds, and how its methods compare with
those of other libraries.

``make bench`` runs it, on ``ZFNET_DEVICE``. Each part is kept in ``build/bench`` as soon as it is done (``--resume``
goes on after an interruption). In the end the tables go into RESULTS.md beside this file, the hardest comparisons
between the marks in README.md, all of them into a plot; on a GPU into files of their own, and README.md stays. It fails
where a ratio has fallen behind the recorded one: see ``recorded.py``. The machine should have nothing else to do.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from tests.benchmarks import recorded, report
from tests.benchmarks.comparisons import Comparison
from tests.benchmarks.evidence import evidence_comparisons
from tests.benchmarks.maximization import maximization_comparisons, waiting_tables
from tests.benchmarks.methods import method_comparisons
from tests.benchmarks.networks import Networks
from tests.benchmarks.pages import page_table
from tests.benchmarks.starts import start_table
from tests.browser.server import ROOT
from zfnet.host import _device

_KEPT = ROOT / "build" / "bench"
_STARTS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the benchmark has found."""

    tables: list[str] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), "utf-8")

    @classmethod
    def read(cls, path: Path) -> "Part":
        found = json.loads(path.read_text("utf-8"))
        return cls(found["tables"], [Comparison(**c) for c in found["comparisons"]], found["missed"])


_networks = cache(Networks)


def _pages(rounds: int) -> Part:
    text, missed = page_table(rounds)
    return Part([text], missed=missed)


# The peers last: what they do to the process is not to count for the pages.
PARTS: dict[str, Callable[[int], Part]] = {
    "starts": lambda rounds: Part([start_table(min(rounds, _STARTS))]),
    "pages": _pages,
    "methods": lambda rounds: Part(comparisons=method_comparisons(_networks(), rounds)),
    "evidence": lambda rounds: Part(comparisons=evidence_comparisons(_networks(), rounds)),
    "maximization": lambda rounds: Part(comparisons=maximization_comparisons(_networks(), rounds)),
    "waiting": lambda _: Part(waiting_tables(_networks())),
}


def main() -> None:
    """Measure, write what was found, and fail where a ratio has fallen."""
    warnings.filterwarnings("ignore", module="captum")  # it explains its hooks at every call
    logging.disable(logging.WARNING)  # Streamlit says at every widget that it has no server
    options = _options()
    device = _device(os.environ.get("ZFNET_DEVICE"))
    parts = _measured(options.only or [*PARTS], device.type, options)
    tables = [text for part in parts for text in part.tables]
    comparisons = [comparison for part in parts for comparison in part.comparisons]
    missed = [sentence for part in parts for sentence in part.missed]
    made = report.Report(report.machine(str(device)), tables, comparisons, missed)
    print(made.everything())
    if not (options.only or options.dry):
        made.write(device.type)
    behind, new = recorded.compare(comparisons, recorded.read(device.type))
    print("\n".join([*new, *behind]) or "No ratio has fallen behind the recorded one.")
    if options.record:
        recorded.write(device.type, comparisons, made.machine)
    elif behind:
        sys.exit(1)


def _measured(names: list[str], device: str, options: argparse.Namespace) -> list[Part]:
    """Return the parts, each of them measured or, with ``--resume``, as an interrupted run has kept it."""
    paths = {name: _KEPT / f"{device}-{name}.json" for name in names}
    if not options.resume:
        for path in paths.values():
            path.unlink(missing_ok=True)
    for name, path in paths.items():
        if not path.exists():
            print(f"measuring {name} …", flush=True)
            PARTS[name](options.rounds).write(path)
    return [Part.read(path) for path in paths.values()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="rounds of the comparisons; of slow ones fewer")
    parser.add_argument("--only", choices=PARTS, nargs="+", help="measure some parts; nothing is written but them")
    parser.add_argument("--resume", action="store_true", help="take over the parts that an interrupted run has kept")
    parser.add_argument("--dry", action="store_true", help="print what was found, leave tables, README and plot alone")
    parser.add_argument("--record", action="store_true", help="write the ratios anew that later runs are held against")
    options = parser.parse_args()
    if options.record and options.only:
        parser.error("the record holds every comparison: leave out --only")
    return options


if __name__ == "__main__":
    main()

"""What was measured, for the README: a plot, a table of the hardest comparisons, and everything in a file beside it."""

import platform
import re
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch

from tests.benchmarks.comparisons import Comparison, comparison_table, hardest, missed_list
from tests.benchmarks.plot import draw
from tests.browser.server import ROOT

README, SCREENSHOTS = ROOT / "README.md", ROOT / "assets" / "screenshots"
MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
_PACKAGES = ("streamlit", "captum", "torchcam", "grad-cam", "dreamlens")
_PLOT = "benchmark"
_ALT = (
    "How many times as fast as its peers each method is, on a logarithmic axis, on a traced picture (blue) and from "
    "nothing (orange), with quartiles and targets; the table below has the numbers of the hardest peers"
)
_HOW = (
    "Faster: the median of the peer's time divided by ours, both in the same round, quartiles in brackets (of an "
    "objective, ours divided by the peer's). Warm: the picture is traced already; cold: from nothing, as the peers "
    "always are. Apart: the largest deviation, as a share of the peer's peak; – where the two define the result "
    "differently."
)


@dataclass(frozen=True, slots=True)
class Report:
    """All parts of one run, with the machine that they were measured on."""

    machine: str
    tables: list[str] = field(repr=False)
    comparisons: list[Comparison] = field(repr=False)
    missed: list[str] = field(repr=False)

    def everything(self) -> str:
        """Return all tables."""
        return self._text(self.comparisons, self.tables)

    def summary(self) -> str:
        """Return for each method the peer that is hardest to beat."""
        first = self.tables[:1]  # Start and memory.
        return f"![{_ALT}](assets/screenshots/{_PLOT}.png)\n\n{self._text(hardest(self.comparisons), first)}"

    def write(self, device: str) -> None:
        """Write RESULTS.md and the plot, and for the CPU the README; for another device, files named after it."""
        ending = "" if device == "cpu" else f"-{device}"
        heading = "# What `make bench` has measured\n\nREADME.md shows the hardest comparisons."
        results = Path(__file__).with_name(f"RESULTS{ending}.md")
        results.write_text(f"{heading} {self.everything()}\n", "utf-8")
        draw(self.comparisons, SCREENSHOTS / f"{_PLOT}{ending}.png")
        if device == "cpu":
            readme = README.read_text("utf-8")
            README.write_text(MARKS.sub(lambda marks: f"{marks[1]}{self.summary()}\n{marks[2]}", readme), "utf-8")

    def _text(self, comparisons: list[Comparison], tables: list[str]) -> str:
        compared = [comparison_table(comparisons)] if comparisons else []
        parts = [f"{self.machine} {_HOW}", *compared, self._misses(), *tables]
        return "\n\n".join(parts)

    def _misses(self) -> str:
        found = [*missed_list(self.comparisons), *self.missed]
        if not found:
            return "Every target was met."
        return "Targets that were missed, and what stands below them:\n\n" + "\n".join(f"- {text}" for text in found)


def machine(device: str) -> str:
    """Return what was measured on, and with which versions."""
    info, memory = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    named = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    kilobytes = re.search(r"MemTotal:\s*(\d+)", memory.read_text()) if memory.exists() else None
    gigabytes = f", {int(kilobytes[1]) / 2**20:.0f} GiB" if kilobytes else ""
    gpu = f"{torch.cuda.get_device_name(device)} beside " if device.startswith("cuda") else ""
    versions = [f"PyTorch {torch.__version__}", *(f"{package} {version(package)}" for package in _PACKAGES)]
    return (
        f"On {gpu}{named[1] if named else platform.processor()}, {torch.get_num_threads()} cores{gigabytes}, "
        f"{platform.system()}, Python {platform.python_version()}, {', '.join(versions)}; device {device}."
    )

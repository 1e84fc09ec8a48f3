"""How long the dashboard takes to start and to turn a page, what memory it holds, and how its methods compare with
those of other libraries.

``make bench`` runs it and writes the tables between the marks in README.md. What is told are medians and quartiles of
interleaved runs; a target that was missed is named in its cell. The machine should have nothing else to do.
"""

import argparse
import platform
import re
import warnings
from pathlib import Path

import captum
import streamlit
import torch

from tests.benchmarks.evidence import evidence_tables
from tests.benchmarks.maximization import maximization_tables
from tests.benchmarks.methods import Comparison, method_tables
from tests.benchmarks.pages import page_table
from tests.benchmarks.starts import start_table
from tests.browser.server import ROOT

_README = ROOT / "README.md"
_MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
_PARTS = ("starts", "pages", "methods", "evidence", "maximization")


def main() -> None:
    """Measure everything and write the tables."""
    warnings.filterwarnings("ignore", module="captum")  # it explains its hooks at every call
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="cold starts of the server")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of the comparisons")
    parser.add_argument("--dry", action="store_true", help="print the tables, leave README.md as it is")
    parser.add_argument("--only", choices=_PARTS, help="print one part, leave README.md as it is")
    options = parser.parse_args()
    wanted = (options.only,) if options.only else _PARTS
    parts = [_machine()]
    if "starts" in wanted:
        parts.append(start_table(options.starts))
    if "pages" in wanted:
        parts.append(page_table(options.rounds))
    if "methods" in wanted:
        parts += method_tables(Comparison(), options.rounds)
    if "evidence" in wanted:
        parts += evidence_tables(Comparison(), options.rounds)
    if "maximization" in wanted:
        parts += maximization_tables(Comparison(), options.rounds)
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not (options.dry or options.only):
        readme = _README.read_text("utf-8")
        _README.write_text(_MARKS.sub(lambda marks: f"{marks[1]}{text}{marks[2]}", readme), "utf-8")


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    memory = Path("/proc/meminfo")
    kilobytes = re.search(r"MemTotal:\s*(\d+)", memory.read_text()) if memory.exists() else None
    gigabytes = f", {int(kilobytes[1]) / 2**20:.0f} GiB" if kilobytes else ""
    versions = f"PyTorch {torch.__version__}, Streamlit {streamlit.__version__}, captum {captum.__version__}"
    return (
        f"On {named[1] if named else platform.processor()}, {torch.get_num_threads()} cores{gigabytes}, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}. Medians, quartiles in brackets."
    )


if __name__ == "__main__":
    main()

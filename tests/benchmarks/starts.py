"""How long a server takes from its start to the first complete view, and what memory it holds then."""

import re
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks.tables import spread, table
from tests.browser.server import chromium_options, chromium_path, serve

_START_SECONDS, _MEMORY_GIGABYTES = 8.0, 1.2
_PICTURES = 6  # what the network saw, and one of each method
_SHOWN = """count => {
  const images = [...document.querySelectorAll("[data-testid=stMain] img")];
  return images.length >= count && images.every(i => i.complete && i.naturalWidth > 0);
}"""


def start_table(starts: int) -> str:
    """Start the server several times and open it in a browser that is running already."""
    if chromium_path() is None:
        return "(no Chromium: start and memory were not measured)"
    colds, warms, residents, peaks = [], [], [], []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(**chromium_options())
        for number in range(starts):
            begin = time.perf_counter()
            with serve(Path(folder) / f"server-{number}.log") as server:
                _open(browser, server.url)
                colds.append(time.perf_counter() - begin)
                status = Path(f"/proc/{server.process.pid}/status")
                if status.exists():
                    residents.append(_memory(status, "VmRSS"))
                    peaks.append(_memory(status, "VmHWM"))
                begin = time.perf_counter()
                _open(browser, server.url)
                warms.append(time.perf_counter() - begin)
        browser.close()
    rows = [
        ("server's start to the first complete view", spread(colds, "s"), f"{_START_SECONDS:g} s"),
        ("the first view for the next visitor", spread(warms, "s"), ""),
    ]
    if residents:
        rows += [
            ("memory with the model loaded, after the first view", spread(residents, "GB"), f"{_MEMORY_GIGABYTES} GB"),
            ("its peak until then", spread(peaks, "GB"), ""),
        ]
    return table(("What", "Measured", "At most"), rows)


def _open(browser: Browser, url: str) -> None:
    """Open the overview in a fresh context and wait until every picture on it is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_function(_SHOWN, arg=_PICTURES, timeout=60_000)
    context.close()


def _memory(status: Path, field: str) -> float:
    found = re.search(rf"{field}:\s*(\d+) kB", status.read_text())
    return int(found[1]) * 1024 / 1e9 if found else float("nan")

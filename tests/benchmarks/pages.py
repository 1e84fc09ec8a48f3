"""How long the server works when a visitor turns to a page: with the picture traced, and with the page seen before."""

import statistics
import time

import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.benchmarks.tables import spread, table
from tests.browser.server import ROOT

# At most, in milliseconds: with the picture traced, and with every result there already.
_FRESH, _SEEN = 150, 100
# Page, address, and whether all channels stand on one page.
_VIEWS: tuple[tuple[str, str, dict[str, str], bool], ...] = (
    ("Overview", "overview", {}, False),
    ("Architecture", "architecture", {}, False),
    ("Feature maps of conv1, 96 channels", "feature_maps", {"layer": "conv1"}, False),
    ("Feature maps of conv3, all 384 channels", "feature_maps", {"layer": "conv3"}, True),
    ("Feature maps of fc6", "feature_maps", {"layer": "fc6"}, False),
    ("DeconvNet, strongest activation", "deconvnet", {}, False),
    ("DeconvNet, nine strongest units", "deconvnet", {"start": "nine"}, False),
    ("Grad-CAM", "gradcam", {}, False),
    ("Unit", "unit", {}, False),
    ("Compare", "compare", {}, False),
    ("Lessons, a question", "lesson", {"lesson": "edges-to-parts", "step": "3"}, False),
)


def page_table(rounds: int) -> tuple[str, list[str]]:
    """Return the table, and a sentence for each target that was missed.

    Turn from the maximization page to every other, round after round, and back. Before a fresh view all results but
    traces are forgotten; those of the frame are there again, as for any visitor who turns a page. What is seen before
    is the floor of what is fresh.
    """
    pages = {name: page for name, page, *_ in _VIEWS}
    visits = {name: _visit(everything, query) for name, _, query, everything in _VIEWS}
    fresh: dict[str, list[float]] = {name: [] for name in visits}
    seen: dict[str, list[float]] = {name: [] for name in visits}
    for number in range(rounds + 1):
        for name, at in visits.items():
            st.cache_data.clear()
            for times in (fresh[name], seen[name]):
                at.switch_page("../maximization.py").run()
                begin = time.perf_counter()
                at.switch_page(f"../{pages[name]}.py").run()
                if number:  # the first round warms up
                    times.append((time.perf_counter() - begin) * 1000)
    rows = [(name, spread(fresh[name], "ms", _FRESH), spread(seen[name], "ms", _SEEN)) for name in visits]
    missed = [
        f"page {name}: {spread(fresh[name], 'ms')}, target {_FRESH} ms. Floor: {spread(seen[name], 'ms')}, with every "
        "result there already."
        for name in visits
        if statistics.median(fresh[name]) > _FRESH
    ]
    return table(("Server time of a view", "picture traced", "page seen before"), rows), missed


def _visit(everything: bool, query: dict[str, str]) -> AppTest:
    at = AppTest.from_file(ROOT / "pages" / "shared" / "dashboard.py", default_timeout=60)
    at.query_params.update(query)
    at.run()
    at.session_state["all_channels"] = everything
    return at

"""Entry: the server of the dashboard, which loads the network before the first visitor comes. See ``make run``.

The pages are put together in ``pages/shared/dashboard.py``, not here: Streamlit takes a folder ``pages`` beside the
script that it runs for pages of its own older kind, and would tell the first visitor with a deep link that there is no
such page.
"""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st

# Read by OpenMP when PyTorch is loaded. Its threads would else spin while they wait for each other, and on a machine
# with anything else to do, such as drawing pages, wait for long: a step of maximization then takes ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@asynccontextmanager
async def preloaded(_: st.App) -> AsyncIterator[None]:
    """Load the network while the server is already answering."""
    # Imported only now that the server runs: caches are bound to it.
    from pages.shared.results import session

    def load() -> None:
        session()
        # Streamlit collects garbage after every run of a page, and nothing else runs meanwhile. What is there by now
        # stays: looking through it would take a tenth of a second each time.
        gc.collect()
        gc.freeze()

    loading = asyncio.create_task(asyncio.to_thread(load))
    yield
    # A checkpoint that cannot be loaded is told to whoever opens a page.
    with suppress(Exception):
        await loading


def report(error: Exception) -> bool:
    """Tell a visitor what went wrong: the sentence of an expected error, an apology for a defect. Never a traceback."""
    from pages.shared.state import browser_language
    from pages.shared.texts import text
    from zfnet import ZFNetError

    logging.getLogger("zfnet").error("a page failed", exc_info=error)
    st.error(str(error) if isinstance(error, ZFNetError) else text("frame.defect", browser_language()))
    return True


app = st.App(Path(__file__).parent / "pages" / "shared" / "dashboard.py", lifespan=preloaded, on_script_error=report)

"""Entry: the server of the dashboard, which loads the network before the first visitor comes. See ``make run``.

The pages are put together in ``pages/shared/dashboard.py``, not here: Streamlit takes a folder ``pages`` beside the
script that it runs for pages of its own older kind, and would tell the first visitor with a deep link that there is no
such page.
"""

import logging
import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

# Read by OpenMP when PyTorch is loaded. Its threads would else spin while they wait for each other, and on a machine
# with anything else to do, such as drawing pages, wait for long: a step of maximization then takes ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pages.shared import logs, routes
from pages.shared.metrics import metrics
from pages.shared.preload import Preload
from pages.shared.security import Security


def report(error: Exception) -> bool:
    """Tell a visitor what went wrong: the sentence of an expected error, an apology for a defect. Never a traceback."""
    from pages.shared.state import browser_language
    from pages.shared.texts import text
    from zfnet import ZFNetError

    expected = isinstance(error, ZFNetError)
    logging.getLogger("zfnet").error("a page failed: %s", error, exc_info=None if expected else error)
    st.error(str(error) if expected else text("frame.defect", browser_language()))
    return True


logs.configure()
preload = Preload()
app = st.App(
    Path(__file__).parent / "pages" / "shared" / "dashboard.py",
    lifespan=preload.lifespan,
    routes=[
        Route(routes.address(routes.READY), preload.ready),
        Route(routes.address(routes.METRICS), metrics),
        Route(routes.address(routes.ROOM), routes.room),
        Route(routes.address(routes.CLASS), routes.school_class),
    ],
    middleware=[Middleware(Security)],
    on_script_error=report,
)

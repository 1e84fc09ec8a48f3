"""The network, loaded before the first visitor comes, and whether it is there."""

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from streamlit import runtime

from pages.shared.housekeeping import keep_house
from pages.shared.reconnecting import follow_connections

if TYPE_CHECKING:
    from zfnet.host import SessionInfo

# After the start: the first visitors come first.
_WARM_SECONDS = 20.0


class Preload:
    """The loading of the network in a server's life."""

    def __init__(self) -> None:
        self._loading: asyncio.Task[SessionInfo] | None = None
        self._stopping = threading.Event()

    @asynccontextmanager
    async def lifespan(self, _: st.App) -> AsyncIterator[None]:
        """Load the network while the server is already answering."""
        if runtime.exists():
            follow_connections(runtime.get_instance())
        self._loading = asyncio.create_task(asyncio.to_thread(_load))
        others = [asyncio.create_task(keep_house()), asyncio.create_task(self._warm())]
        yield
        self._stopping.set()
        for task in others:
            task.cancel()
        with suppress(Exception):  # told already
            await self._loading

    async def _warm(self) -> None:
        await asyncio.sleep(_WARM_SECONDS)
        if self._loading is None or not self._loading.done() or self._loading.exception():
            return
        from pages.shared.warming import warm

        await asyncio.to_thread(warm, self._stopping.is_set)

    async def ready(self, _: Request) -> JSONResponse:
        """Answer whether the network is loaded: 200 with what it is, else 503, with "loading" or "failed" as state."""
        if self._loading is None or not self._loading.done():
            return JSONResponse({"ready": False, "state": "loading"}, 503)
        if self._loading.cancelled() or self._loading.exception():
            return JSONResponse({"ready": False, "state": "failed"}, 503)
        info = self._loading.result()
        return JSONResponse({"ready": True, "state": "loaded", "checkpoint": info.checkpoint_id, "device": info.device})


def _load() -> "SessionInfo":
    # Imported only now: PyTorch takes seconds, in which the server already answers, and caches are bound to its
    # runtime.
    from pages.shared import own_folders
    from pages.shared.results import session
    from zfnet import ZFNetError

    try:
        info = session().info
    except Exception as error:
        # Whoever opens a page is told, too.
        expected = isinstance(error, ZFNetError)
        logging.getLogger(__name__).error("the network is not loaded: %s", error, exc_info=not expected)
        raise
    own_folders.look(info.checkpoint_id)
    # What is there by now stays: it need not be looked through for garbage each time.
    gc.collect()
    gc.freeze()
    return info

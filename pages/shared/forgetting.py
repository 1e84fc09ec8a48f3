"""Visitors who have gone are forgotten on time, with their pictures.

``server.disconnectedSessionTTL`` says how many seconds a visitor who is gone may take to come back. Streamlit drops
the visit then, but not before another visitor comes or goes: the pictures of a class would stay overnight.
"""

import asyncio
import gc

from streamlit import runtime

SECONDS = 10


async def forget_regularly() -> None:
    """Drop the visits whose time is over, every few seconds, for as long as the server runs."""
    while True:
        await asyncio.sleep(SECONDS)
        if runtime.exists():
            _forget()


def _forget() -> None:
    visits = runtime.get_instance()._session_mgr
    with visits._storage_lock:  # type: ignore[attr-defined]
        gone = visits._session_storage._cache.expire()  # type: ignore[attr-defined]
    for _, visit in gone:
        visit.session.shutdown()
    if gone:
        runtime.get_instance().media_file_mgr.remove_orphaned_files()
        del gone, visit
        gc.collect()  # a visit and its pictures hold each other

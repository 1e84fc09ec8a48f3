"""What the server does every few seconds, whoever comes or goes: forget visitors who have gone, and look for garbage.

``server.disconnectedSessionTTL`` says how many seconds a visitor who is gone may take to come back. Streamlit drops
the visit then, but not before another visitor comes or goes: the pictures of a class would stay overnight. And it looks
for garbage after every run of a page, which takes up to a tenth of a second, in which nobody is served; that is
switched off (``runner.postScriptGC``) and done here.
"""

import asyncio
import gc

from streamlit import runtime

SECONDS = 10


async def keep_house() -> None:
    """Go on for as long as the server runs."""
    while True:
        await asyncio.sleep(SECONDS)
        if runtime.exists():
            _forget()
        # Of visits that are over, much hangs together in circles, pictures too.
        gc.collect()


def _forget() -> None:
    """Drop the visits whose time is over."""
    visits = runtime.get_instance()._session_mgr
    with visits._storage_lock:  # type: ignore[attr-defined]
        gone = visits._session_storage._cache.expire()  # type: ignore[attr-defined]
    for _, visit in gone:
        visit.session.shutdown()
    if gone:
        runtime.get_instance().media_file_mgr.remove_orphaned_files()

"""What the server answers besides pages, and where."""

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse

from pages.shared.rooms import RoomError, rooms

READY, METRICS, ROOM = "/api/ready", "/api/metrics", "/api/rooms/{code}"
# The header in which a browser says which visitor it is. No page of another site can send it.
VISITOR = "x-visitor"


def address(path: str) -> str:
    """Return where a route lies, below the path under which the whole server is hosted."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{path}" if base else path


async def room(request: Request) -> JSONResponse:
    """Answer what has changed in a room, and renew the presence of the visitor who asks; 404 where there is no such
    room.

    It costs some 1 ms of processor time; a run of a page that does nothing, some 20.
    """
    try:
        seen = rooms().look(request.path_params["code"], request.headers.get(VISITOR, ""))
    except RoomError as error:
        return JSONResponse({"error": error.reason}, 404)
    return JSONResponse({"version": seen.version, "followers": seen.followers, "votes": seen.votes})

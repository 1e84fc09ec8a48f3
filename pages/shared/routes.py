"""What the server answers besides pages, and where."""

import re

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from pages.shared.rooms import RoomError, rooms
from pages.shared.texts import LANGUAGES, text

READY, METRICS, ROOM, CLASS = "/api/ready", "/api/metrics", "/api/rooms/{code}", "/class/{name}"
# The cookie by which .docker/nginx.conf brings a visitor to the same server each time, and what it may say.
ROUTE = "zfnet_route"
_ROUTES = re.compile("[a-z0-9_-]{1,32}")
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


async def school_class(request: Request) -> Response:
    """Lead to the first page, where there is one server only: among several, a proxy in front brings a class together.

    404 with what is allowed for a name that such a proxy would not take.
    """
    if _ROUTES.fullmatch(request.path_params["name"]):
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{address('/')}{query}", 302)
    return PlainTextResponse("".join(f"{text('follow.class_name', language)}\n" for language in LANGUAGES), 404)


def meeting_place() -> str:
    """Return the path by which others meet on the server of whoever is being served: "/" where there is only one."""
    route = str(st.context.cookies.get(ROUTE, ""))
    return address(CLASS.format(name=route) if _ROUTES.fullmatch(route) else "/")

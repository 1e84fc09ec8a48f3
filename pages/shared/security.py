"""What every answer of the server says to browsers, and by which names the server may be called.

Everything here holds for pages, pictures, uploads and the WebSocket alike.
"""

import ipaddress
import os
from collections.abc import Collection
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pages.shared.texts import LANGUAGES, text

# Endings that no public name has: what is called so lies in one's own network.
_OWN_NETWORK = (".local", ".internal", ".localhost", ".home.arpa", ".lan")
_LONGEST_NAME = 253
# Nothing is fetched from elsewhere, and no other site may show a page of ours in a frame. Streamlit writes styles and
# scripts into its page, and loads those of components, draws in workers and shows what it has made by addresses that
# begin with blob: and data:.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-resource-policy": "same-origin",
}


class Security:
    """Middleware: adds ``HEADERS`` to every answer, and refuses whoever calls the server by a foreign name.

    A page of a stranger's site could otherwise make a visitor's browser speak to a server in the visitor's own network,
    by a name of its own that it lets point there ("DNS rebinding").
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._names = os.environ.get("ZFNET_HOSTS", "").split(",")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        host, from_page = headers.get("host", ""), scope["type"] == "http" or _of_this_server(headers)
        if answers_to(host, self._names) and from_page:
            await self._app(scope, receive, send_protected)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            name = host.partition(":")[0][:_LONGEST_NAME]
            refusal = "".join(f"{text('security.host', language, host=name)}\n" for language in LANGUAGES)
            await PlainTextResponse(refusal, 400)(scope, receive, send_protected)


def answers_to(host: str, names: Collection[str]) -> bool:
    """Return whether a server may be called by what a request names as its host.

    Args:
        host: a name or number, perhaps with a port. Numbers, names without a dot and names of one's own network are
            always good.
        names: further ones; "*.school.kr" is every name that ends so, "*" every name at all. Of an address, such as
            "https://lab.school.kr:8443", the name counts.
    """
    name = _name(host)
    if not name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        known = "." not in name or name.endswith(_OWN_NETWORK)
        return known or any(_matches(name, _name(allowed.rpartition("://")[2])) for allowed in names)
    return True


def _name(host: str) -> str:
    """Return the name alone, without a port, in small letters; "" where there is none."""
    try:
        return (urlsplit(f"//{host.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _of_this_server(headers: Headers) -> bool:
    """Return whether a page of this server opens a WebSocket, or one of those that ``server.corsAllowedOrigins`` names.

    Streamlit asks the same, but before it refuses it looks for this machine's address at a host outside, and nobody is
    served while that does not answer.
    """
    origin = headers.get("origin")
    if origin is None or origin in st.get_option("server.corsAllowedOrigins"):
        return True
    return origin.partition("://")[2] == headers.get("host")


def _matches(name: str, pattern: str) -> bool:
    return pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))

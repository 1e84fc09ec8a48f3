"""Links to this page, and their QR codes."""

import ipaddress
from collections.abc import Mapping
from io import BytesIO
from urllib.parse import urlencode, urlsplit, urlunsplit

import segno
import streamlit as st

from pages.shared.figures import image
from pages.shared.state import missing, selection, t, uploads

_SIDE = 340


def link(query: Mapping[str, str], path: str | None = None) -> str:
    """Return the address of this page, or of another path on its server, with other parameters."""
    place = urlsplit(st.context.url or "")
    return urlunsplit(place._replace(path=path or place.path or "/", query=urlencode(query), fragment=""))


def qr(target: str, alt: str, caption: str) -> None:
    """Show a link as a QR code, and say what it cannot do."""
    code = segno.make(target, error="l", boost_error=False)
    drawn = BytesIO()
    code.save(drawn, "svg", scale=4, light="#ffffff", dark="#000000", border=4, omitsize=True, xmldecl=False)
    st.html(image(drawn.getvalue(), alt, _SIDE))
    st.caption(caption)
    if _only_here(urlsplit(target).hostname or ""):
        st.warning(t("share.only_here"))
    if selection().image in uploads() or missing():
        st.caption(t("share.no_upload"))


def _only_here(host: str) -> bool:
    """Return whether an address leads every machine to itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""What stands below every page's title: the way to the unit, a link to what is seen, and a second picture."""

from urllib.parse import urlencode

import streamlit as st

from pages.shared import follow
from pages.shared.links import link, qr
from pages.shared.state import address, select, selection, t
from pages.shared.widgets import unit

_HTML = """<button type="button"></button><span role="status"></span>"""

_CSS = """
:host { display: block; }
button { all: unset; cursor: pointer; font-size: 0.875rem; line-height: 1.6; color: var(--st-text-color);
  text-decoration: underline; text-underline-offset: 3px; white-space: nowrap; }
button:hover { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-link-color); outline-offset: 2px; border-radius: 3px; }
span { margin-left: 0.5em; font-size: 0.85rem; }
"""

# Browsers give the clipboard to pages from this machine or by HTTPS only; in a class the page comes by plain HTTP.
_JS = """
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button"), said = parentElement.querySelector("span");
  button.textContent = data.label;
  const link = `${location.origin}${location.pathname}?${data.query}`;
  const byHand = () => {
    const field = document.createElement("textarea");
    field.value = link;
    field.style.position = "fixed";
    field.style.opacity = "0";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };
  button.onclick = async () => {
    let done = true;
    try { await navigator.clipboard.writeText(link); } catch { done = byHand(); }
    said.textContent = done ? data.copied : data.failed;
    setTimeout(() => { said.textContent = ""; }, 4000);
  };
}
"""

_component = st.components.v2.component("zfnet.copy_link", html=_HTML, css=_CSS, js=_JS)


def toolbar() -> None:
    """Show the way to everything about the unit, and what can be done with the page as it is."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="toolbar"):
        st.page_link("../unit.py", label=t("share.to_unit", unit=unit()), icon=":material/hub:")
        words = {"label": t("share.copy"), "copied": t("share.copied"), "failed": t("share.failed")}
        _component(key="copy_link", data=words | {"query": urlencode(address())}, width="content")
        with st.popover(
            t("share.qr"), icon=":material/qr_code_2:", on_change="rerun", key="qr", type="tertiary"
        ) as code:
            if code.open:
                qr(link(address()), t("share.qr_alt"), t("share.qr_caption"))
        follow.popover()
        _pin()
        st.button(
            t("share.present"), on_click=select, kwargs={"present": True}, icon=":material/slideshow:", type="tertiary"
        )


def _pin() -> None:
    now = selection()
    here = (now.image, now.crop, now.offset)
    if now.pinned == here:
        st.page_link("../compare.py", label=t("share.pinned"), icon=":material/compare:")
    else:
        keep = {"pinned": here}
        st.button(
            t("share.pin"),
            on_click=select,
            kwargs=keep,
            icon=":material/keep:",
            help=t("share.pin_help"),
            type="tertiary",
        )

"""The row at the foot of a page from which it is taken home, and the report that grows during a visit.

A file is made only when it is asked for, outside of the page's run: all that it needs is put together before.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import streamlit as st

from pages.shared.archive import page_archive
from pages.shared.exhibits import Exhibit
from pages.shared.export import About, file_name, picture_file
from pages.shared.report import Answer, Page, report
from pages.shared.results import session
from pages.shared.state import address, picture_title, selection, t
from zfnet import __version__

# With some ten pictures of up to 0.3 MB each, a visitor's report takes at most some 60 MB.
MAX_PAGES = 20


def about(title: str) -> About:
    """Return where the pictures of a page come from, as things are now."""
    return About(
        page=urlsplit(st.context.url or "").path.strip("/"),
        title=title,
        query=address(),
        version=__version__,
        checkpoint=session().info.checkpoint_id,
        picture_title=picture_title(),
        language=selection().language,
    )


def picture_button(exhibit: Exhibit, title: str) -> None:
    """Show the button that saves one picture with its scale; ``title`` is that of the page."""
    st.download_button(
        t("export.picture"),
        partial(picture_file, exhibit, about(title)),
        f"{file_name(exhibit.name)}.png",
        "image/png",
        key=f"save_{exhibit.name}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help=t("export.picture_help"),
    )


def offer(exhibits: Sequence[Exhibit], title: str, answers: Sequence[Answer] = ()) -> None:
    """Show the row of buttons: the page as an archive, its place in the report, and the report.

    Args:
        exhibits: all pictures of the page, in their order.
        title: of the page.
        answers: what the visitor answered in lessons, for the report.
    """
    here, kept = about(title), _kept()
    key = f"{here.page} {json.dumps(dict(here.query))}"
    full = len(kept) >= MAX_PAGES and key not in kept
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            t("export.page"),
            partial(page_archive, tuple(exhibits), here),
            f"zfnet-{file_name(here.page or 'overview')}.zip",
            "application/zip",
            key="save_page",
            on_click="ignore",
            icon=":material/folder_zip:",
            help=t("export.page_help"),
        )
        st.button(
            t("export.keep"),
            key="keep_page",
            on_click=_keep,
            args=(key, here, exhibits),
            disabled=full,
            icon=":material/bookmark_add:",
            help=t("export.full" if full else "export.keep_help", limit=MAX_PAGES),
        )
        if kept:
            _report(replace(here, title=t("export.report_title")), answers)


def _report(whole: About, answers: Sequence[Answer]) -> None:
    st.download_button(
        t("export.report", count=len(_kept())),
        partial(report, tuple(_kept().values()), whole, tuple(answers)),
        "zfnet-report.html",
        "text/html",
        key="save_report",
        on_click="ignore",
        icon=":material/description:",
        help=t("export.report_help"),
    )
    st.button(t("export.empty"), key="empty_report", on_click=_kept().clear, type="tertiary")


def _kept() -> dict[str, Page]:
    """Return the pages of the report by their address, in the order in which they were kept first."""
    return st.session_state.setdefault("kept", {})  # type: ignore[no-any-return]


def _keep(key: str, here: About, exhibits: Sequence[Exhibit]) -> None:
    # Without the functions that compute arrays: they would hold on to pictures and results.
    _kept()[key] = Page(here, tuple(replace(exhibit, arrays=None) for exhibit in exhibits))

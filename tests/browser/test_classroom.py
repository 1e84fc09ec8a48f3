"""A lesson hour in a real browser: links, two pictures, a prediction, and what is taken home."""

import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from pages.shared.pictures import samples
from tests.browser.conftest import Dashboard, Visit
from zfnet import InferenceSession, __version__

pytestmark = pytest.mark.browser


def button(visitor: Dashboard, key: str) -> None:
    """Press a button by the key of its text."""
    visitor.page.get_by_role("button", name=visitor.t(key), exact=False).first.click()


_STILL_MS = 500


def downloaded(page: Page, name: str) -> bytes:
    """Return the file that a button sends."""
    # A file belongs to a run, and Streamlit forgets it with the next one.
    page.wait_for_timeout(_STILL_MS)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    with page.expect_download() as download:
        page.get_by_role("button", name=name).first.click()
    return Path(download.value.path()).read_bytes()


def test_a_copied_link_opens_the_same_view_for_somebody_else(visit: Visit, session: InferenceSession) -> None:
    visitor = visit("/unit", image="palace", crop="fit", layer="conv4", channel="20", lang="ko")
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.page.get_by_role("button", name=visitor.t("share.copy")).click()
    expect(visitor.page.get_by_text(visitor.t("share.copied"))).to_be_visible()
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    query = dict(parse_qsl(urlsplit(link).query))
    assert link.partition("?")[0] == f"{visitor.server.url}/unit"
    assert query == visitor.query
    assert (query["version"], query["checkpoint"]) == (__version__, session.info.checkpoint_id)
    other = visit(f"/unit?{urlsplit(link).query}", locale="ko-KR")
    expect(other.page.get_by_role("heading", name="conv4:20", exact=True)).to_be_visible()
    assert other.query == query
    expect(other.page.get_by_test_id("stAlertContentWarning")).to_have_count(0)


def test_a_link_is_shown_as_a_code_to_be_photographed(visit: Visit) -> None:
    visitor = visit("/", lang="en")
    visitor.page.get_by_test_id("stPopover").filter(has_text=visitor.t("share.qr")).get_by_role("button").click()
    code = visitor.image(visitor.t("share.qr_alt"))
    expect(code).to_be_visible()
    assert code.evaluate("image => image.complete && image.naturalWidth > 0")
    # This machine's own address would lead a telephone to itself.
    expect(visitor.page.get_by_text(visitor.t("share.only_here"))).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(code).to_have_count(0)


def test_a_pinned_picture_is_compared_and_the_two_change_places(visit: Visit) -> None:
    first, second = list(samples())[:2]
    visitor = visit("/", image=first, layer="conv4", channel="20")
    button(visitor, "share.pin")
    visitor.asks_for(pinned=f"{first},centre,0.5")
    visitor.page.get_by_role("button", name=samples()[second].english, exact=True).click()
    visitor.asks_for(image=second)
    visitor.go("compare")
    visitor.asks_for(image=second, pinned=f"{first},centre,0.5")
    visitor.page.keyboard.press("s")
    visitor.asks_for(image=first, pinned=f"{second},centre,0.5", channel="20")
    visitor.settle()


def test_a_step_is_predicted_and_revealed_and_an_arrow_leads_on(visit: Visit) -> None:
    visitor = visit("/lesson", image="tabby_cat", lesson="edges-to-parts", step="1")
    reveal = visitor.page.get_by_role("button", name=visitor.t("lesson.reveal"))
    expect(reveal).to_be_disabled()
    visitor.main.get_by_test_id("stRadioOption").first.click()
    expect(reveal).to_be_enabled()
    reveal.click()
    verdict = visitor.page.get_by_test_id("stAlert").first
    expect(verdict).to_be_visible()
    visitor.settle()
    visitor.page.keyboard.press("ArrowRight")
    visitor.asks_for(step="2", layer="conv3")
    expect(visitor.page.get_by_text(visitor.t("lesson.reveal")).first).to_be_visible()
    visitor.page.keyboard.press("ArrowLeft")
    visitor.asks_for(step="1")
    expect(verdict).to_be_visible()


def test_a_picture_a_page_and_a_report_are_taken_home(visit: Visit) -> None:
    visitor = visit("/feature-maps", image="palace", layer="conv4", channel="20", lang="en")
    popovers = visitor.main.get_by_test_id("stPopover").filter(has_text=visitor.t("export.about"))
    popovers.first.get_by_role("button").click()
    picture = Image.open(io.BytesIO(downloaded(visitor.page, visitor.t("export.picture"))))
    assert json.loads(picture.text["zfnet:selection"]) == visitor.query
    visitor.page.keyboard.press("Escape")
    # Closing it runs the page, and what is downloaded belongs to a run.
    expect(visitor.page.get_by_test_id("stPopoverBody")).to_have_count(0)
    visitor.settle()
    with zipfile.ZipFile(io.BytesIO(downloaded(visitor.page, visitor.t("export.page")))) as archive:
        assert {"index.html", "captions.md", "map-conv4-20.png", "map-conv4-20-scale.png"} <= set(archive.namelist())
        assert json.loads(archive.read("selection.json"))["query"] == visitor.query
    button(visitor, "export.keep")
    visitor.settle()
    report = downloaded(visitor.page, visitor.t("export.report", count=1)).decode()
    assert "conv4:20" in report
    assert report.count("<img") >= 3
    # It needs nothing from anywhere.
    assert not re.search(r"(src|href)=.http", report)

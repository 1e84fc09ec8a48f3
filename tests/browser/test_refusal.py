"""What the server keeps from others, and how long it keeps anything: two browsers and the log."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from pages.shared import housekeeping
from pages.shared.pictures import sample_picture, samples
from tests.browser.conftest import Dashboard, Visit
from tests.browser.server import Server, serve
from tests.pictures import encoded
from zfnet import crop

pytestmark = pytest.mark.browser

SECONDS = 3
NAME = "a very private sunset.png"


@pytest.fixture(scope="module")
def upload() -> bytes:
    """A picture that is nowhere else."""
    pixels = np.random.default_rng(11).integers(0, 256, (12, 12, 3), np.uint8)
    return encoded(Image.fromarray(pixels).resize((320, 240)), "PNG")


@pytest.fixture
def forgetful(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that waits seconds, not minutes, for visitors who have gone to come back."""
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", str(SECONDS))
    with serve(tmp_path / "log.txt") as running:
        yield running


def seen(visitor: Dashboard, title: str) -> str:
    """Return the alternative text of what went into the network."""
    return visitor.t("frame.saw_alt", picture=title)


def media(visitor: Dashboard) -> set[str]:
    """Return the addresses of all pictures of a page, without those of the page itself."""
    sources = visitor.page.locator("img").evaluate_all("images => images.map(image => image.src)")
    return {urljoin(visitor.page.url, source) for source in sources if "/media/" in source}


def status(visitor: Dashboard, address: str) -> int:
    return visitor.page.context.request.get(address).status


def test_a_link_to_an_upload_shows_no_pixel_and_no_word_of_it(visit: Visit, upload: bytes) -> None:
    owner = visit()
    samples_only = media(owner)
    owner.send(NAME, upload)
    owner.shows(seen(owner, NAME))
    link = {name: values[-1] for name, values in parse_qs(urlsplit(owner.page.url).query).items()}
    assert link["image"] == f"sha256-{hashlib.sha256(upload).hexdigest()}"

    guest = visit("/", **link)
    expect(guest.main.get_by_text(guest.t("frame.missing_upload"))).to_be_visible()
    first = next(iter(samples()))
    shown = seen(guest, samples()[first].english)
    guest.shows(shown)
    np.testing.assert_array_equal(guest.pixels(shown), np.asarray(crop(sample_picture(first))))
    assert media(guest).isdisjoint(media(owner) - samples_only)
    expect(guest.page.get_by_text(NAME)).to_have_count(0)

    said = owner.server.said()
    assert NAME not in said
    assert link["image"][7:] not in said


def test_a_visitor_who_has_gone_is_forgotten(forgetful: Server, visit: Visit, upload: bytes) -> None:
    owner = visit(at=forgetful)
    before = media(owner)
    owner.send(NAME, upload)
    owner.shows(seen(owner, NAME))
    own = media(owner) - before
    other = visit(at=forgetful)
    assert own
    # Who knows the address of a picture may read it as long as its owner is there: it is a digest of the picture, which
    # only those can tell who have it.
    assert {status(other, address) for address in own} == {200}

    owner.page.goto("about:blank")
    deadline = time.monotonic() + SECONDS + housekeeping.SECONDS + 20
    while {status(other, address) for address in own} != {404}:
        assert time.monotonic() < deadline, "still there"
        time.sleep(0.5)

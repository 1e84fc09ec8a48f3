"""A server, a browser, and a visitor who reads the dashboard and knows what it must never show."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from pages.shared import texts
from tests.browser.server import ROOT, Server, chromium_options, chromium_path, serve

# Generous: a first view on a busy machine of two cores. What is expected comes as soon as it is there.
_PATIENCE, _PAUSE = 30_000, 50
_LOG_LINES = 40
# In alternative texts: wherever a map is strongest, and however strongly a unit was driven.
ANYWHERE = "⋯"
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
# What may be missing. Streamlit first looks for its server below the address that was opened, then at the root. And it
# forgets a picture as soon as another one takes its place, fetched or not; whether those that are there are loaded,
# ``settle`` looks.
_PARDONED = re.compile(r"/[\w-]+/_stcore/(health|host-config)|/media/\w+\.png")
# What a page lacks until it is complete: the end of its run, a heading, what shows an element (Streamlit loads it when
# it is needed and keeps the place, that of our style too), pictures, and what takes the place of what is old.
_LACKING = """() => [
  ...(document.querySelector('[data-test-script-state="notRunning"]') ? [] : ["end of the run"]),
  ...(document.querySelector("h1, h2") ? [] : ["heading"]),
  ...[...document.querySelectorAll('[data-testid="stSkeleton"]')].map(() => "an element"),
  ...[...document.querySelectorAll('[data-stale="true"]')].map(old => `old: ${old.outerHTML.slice(0, 200)}`),
  ...[...document.images].filter(one => !one.complete || !one.naturalWidth).map(one => `picture: ${one.outerHTML}`)]"""
# Streamlit lets what is computed anew fade, after a while and slowly: colours that are neither the old nor the new.
_STILL = """(() => {
  const still = new CSSStyleSheet();
  still.replaceSync("* { transition: none !important } [data-stale] { opacity: 1 !important }");
  document.adoptedStyleSheets.push(still); })()"""
_WORDS_OF_A_FAILURE = re.compile(r"Traceback|Error:|Exception")
_MEASURE = """images => Promise.all(images.map(async image => {
  await image.decode();
  const canvas = new OffscreenCanvas(64, 64);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 64, 64);
  return {alt: image.alt, width: image.naturalWidth, pixels: [...context.getImageData(0, 0, 64, 64).data]};
}))"""

Picture = tuple[str, int, float]


@dataclass
class Watch:
    """Everything that a visitor's browser asks for and complains about."""

    url: str
    requests: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Listen to all pages of a context."""
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self.requests.append(socket.url)))
        context.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status}", answer.url))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.failures.append(f"uncaught: {error.error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        self._note(message.type == "error", message.text, message.location.get("url", ""))

    def _note(self, bad: bool, what: str, url: str) -> None:
        pardoned = "404" in what and url.startswith(self.url) and _PARDONED.fullmatch(urlsplit(url).path)
        if bad and not pardoned:
            self.failures.append(f"{what} ({url})")

    def judge(self) -> None:
        """Fail if another host was asked or anything went wrong."""
        host = urlsplit(self.url).netloc
        asked = map(urlsplit, self.requests)
        elsewhere = [url.geturl() for url in asked if url.netloc != host and url.scheme not in ("data", "blob")]
        assert any(url.startswith("ws") for url in self.requests), "no websocket was seen: the watch sleeps"
        assert not elsewhere, f"asked of other hosts: {elsewhere}"
        assert not self.failures, f"the browser complained: {self.failures}"


@dataclass
class Dashboard:
    """A visitor in front of one page."""

    page: Page
    server: Server
    language: str

    def t(self, key: str, **values: object) -> str:
        """Return a text as the visitor reads it on the page; ``ANYWHERE`` stands for what is not told."""
        return texts.text(key, self.language, **({"where": ANYWHERE, "activation": ANYWHERE} | values)).replace(
            "**", ""
        )

    @property
    def main(self) -> Locator:
        """The page itself, without what stands at the side."""
        return self.page.get_by_role("main")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def open(self, path: str = "/", *, settled: bool = True, **query: str) -> None:
        """Open an address, and wait for its page if ``settled``."""
        self.page.goto(self.server.url + path + (f"?{urlencode(query)}" if query else ""))
        if settled:
            self.settle()

    def go(self, name: str) -> None:
        """Open a page by its link in the navigation."""
        self.page.get_by_role("link", name=self.t(f"{name}.title"), exact=True).first.click()
        self.arrived(name)

    def arrived(self, name: str) -> None:
        """Wait for a page, complete."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.t(f"{name}.title"))
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is computed any more and all pictures are there; look whether something went wrong."""
        # Not ``wait_for_function``: it evaluates a string in the page again and again, which the page's policy forbids.
        for _ in range(_PATIENCE // _PAUSE):
            if not (lacking := self.page.evaluate(_LACKING)):
                return self.check()
            self.page.wait_for_timeout(_PAUSE)
        raise AssertionError(f"the page lacks {lacking}")

    def check(self) -> None:
        """Fail if the page shows an error or asks for anything in a dialog."""
        for trouble in ("stException", "stAlertContentError"):
            expect(self.page.get_by_test_id(trouble)).to_have_count(0)
        assert self.page.get_by_role("dialog").all_inner_texts() == []
        assert not _WORDS_OF_A_FAILURE.search(self.page.locator("body").inner_text())

    def asks_for(self, **query: str) -> None:
        """Wait until the address has these parameters."""
        for name, value in query.items():
            expect(self.page).to_have_url(re.compile(rf"[?&]{name}={re.escape(quote(value, safe=''))}(&|$)"))

    def send(self, name: str, data: bytes) -> None:
        """Upload a file."""
        kind = "image/png" if name.endswith("png") else "image/jpeg"
        self.page.locator("input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": data})

    def image(self, alt: str) -> Locator:
        """Return a picture by its whole alternative text."""
        return self.page.get_by_role("img", name=_whole(alt))

    def pixels(self, alt: str) -> np.ndarray:
        """Return the pixels of a picture as the server sent them, uint8 (H, W, 3)."""
        source = urljoin(self.page.url, self.image(alt).get_attribute("src"))
        body = self.page.context.request.get(source).body()
        return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))

    def pictures(self) -> list[Picture]:
        """Return all pictures of the page itself, loaded: alternative text, width, deviation of the pixels (0-255)."""
        found = self.main.locator("img").evaluate_all(_MEASURE)
        return [(one["alt"], one["width"], float(_rgb(one["pixels"]).std())) for one in found]

    def shows(self, *alts: str) -> None:
        """Wait for pictures with these alternative texts and look whether they are really there and not blank."""
        for alt in alts:
            expect(self.image(alt).last).to_be_visible()
        self.settle()
        found = self.pictures()
        for alt in alts:
            measured = [(width, deviation) for name, width, deviation in found if _whole(alt).search(name)]
            assert measured, alt
            assert all(width > 0 and deviation > 1 for width, deviation in measured), f"blank: {alt}"


def _whole(alt: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(alt).replace(ANYWHERE, '.+')}$")


def _rgb(pixels: list[int]) -> np.ndarray:
    return np.asarray(pixels, np.uint8).reshape(-1, 4)[:, :3]


Visit = Callable[..., Dashboard]


# Not for the whole session: as long as Playwright runs, its event loop is in the way of tests that want their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if chromium_path() is None:
        pytest.skip("there is no Chromium here: neither on PATH nor named by ZFNET_CHROMIUM")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**chromium_options())
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard that all tests of the module share. The browser comes first: without one, nothing is started."""
    with serve(tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running


@pytest.fixture
def cold_server(browser: Browser, tmp_path: Path) -> Iterator[Server]:
    """A dashboard that nobody has looked at yet."""
    with serve(tmp_path / "log.txt") as running:
        yield running


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """Make visitors, each with a browser profile of their own; at the end look what their browsers complained about."""
    watches: list[tuple[Watch, Dashboard, BrowserContext]] = []

    def come(
        path: str = "/", *, at: Server = server, locale: str = "en-US", settled: bool = True, **query: str
    ) -> Dashboard:
        context = browser.new_context(locale=locale, viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(_PATIENCE)
        context.add_init_script(_STILL)
        watch = Watch(at.url)
        watch.follow(context)
        language = query.get("lang", "ko" if locale.startswith("ko") else "en")
        dashboard = Dashboard(context.new_page(), at, language)
        watches.append((watch, dashboard, context))
        dashboard.open(path, settled=settled, **query)
        return dashboard

    yield come
    for _, dashboard, _ in watches:
        dashboard.check()
    for watch, dashboard, context in watches:
        context.close()
        watch.judge()
        assert "Traceback" not in dashboard.server.said()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show what the servers wrote last beside a failure."""
    report = yield
    for name, value in (getattr(item, "funcargs", None) or {}).items():
        if report.failed and isinstance(value, Server):
            end = "\n".join(value.said().splitlines()[-_LOG_LINES:])
            report.sections.append((f"end of the log of {name}", end))
    return report

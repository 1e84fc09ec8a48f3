"""The report opens in a real browser by itself: without a network, at every width, whatever names are in it."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from pages.shared.exhibits import Exhibit, Recipe
from pages.shared.export import About
from pages.shared.report import Answer, Page, report
from zfnet import render
from zfnet.plate import Scale

pytestmark = pytest.mark.browser

HOSTILE = "<img src='http://example.com/x.png' onerror='document.title=1'><script>document.title = 2</script>"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A report on two pictures, one small and one wide, with words that would like to be markup."""
    rng = np.random.default_rng(0)
    exhibits = tuple(
        Exhibit(
            "view",
            f"picture-{size[1]}",
            render.encode_png(render.signed_heat(rng.normal(size=size))),
            HOSTILE,
            HOSTILE,
            Recipe(HOSTILE + "x" * 200, HOSTILE),
            Scale("diverging", -3, 3, HOSTILE),
        )
        for size in ((14, 14), (170, 1120))
    )
    about = About("feature-maps", "특징 맵", {"image": HOSTILE}, "0.1.0", "id", HOSTILE, "ko")
    path = tmp_path / "report.html"
    path.write_bytes(report([Page(about, exhibits)], about, [Answer(HOSTILE, HOSTILE, False, HOSTILE)]))
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_opens_offline_and_asks_for_nothing(browser: Browser, file: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    page, said = context.new_page(), []
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.route("http*://**", lambda route: route.abort())
    page.goto(file.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]
    assert said == []
    assert page.title() == "특징 맵"
    assert page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth > 0)") == [True, True]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("img").first.get_attribute("alt") == HOSTILE
    context.close()

"""Nobody is kept out: read by a machine that looks for barriers, on a phone, in the dark, and with keys alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ElementHandle, expect

from pages.shared.texts import LANGUAGES
from tests.browser.conftest import PAGES, Dashboard, Visit
from tests.browser.server import Server

pytestmark = pytest.mark.browser

LAPTOP, PHONE = (1280, 720), (390, 844)
# What is wrong within Streamlit's own widgets and cannot be mended from outside: the rule, a part of the element, the
# reason.
STREAMLITS = (
    (
        "presentation-role-conflict",
        "stFileUploaderDropzone",
        "a place to drop files has a name, but says it is nothing",
    ),
)
# What stands out beyond the right edge, unless it is in something that scrolls or cuts by itself.
_OUTSIDE = """main => {
  const out = [], inner = (e) => e.parentElement || e.getRootNode().host;
  const ends = (e) => e.getBoundingClientRect().right <= innerWidth + 1;
  const kept = (e) => { for (let a = inner(e); a && a !== main; a = inner(a))
    if (getComputedStyle(a).overflowX !== "visible" && ends(a)) return true; };
  const walk = (root) => root.querySelectorAll("*").forEach((e) => {
    if (e.shadowRoot) walk(e.shadowRoot);
    if (e.getBoundingClientRect().width && !ends(e) && !kept(e)) out.push(e.outerHTML.slice(0, 120)); });
  walk(main);
  return out; }"""
_FIRST_PICTURE = """main => {
  const found = [];
  const walk = (root) => root.querySelectorAll("*").forEach((e) => {
    if (e.closest(".st-key-header")) return;
    if (e.shadowRoot) walk(e.shadowRoot);
    if (e.matches("img, .tiles, .plotly") && e.getBoundingClientRect().height > 40)
      found.push(e.getBoundingClientRect().top + main.scrollTop); });
  walk(main);
  return Math.min(...found); }"""
_FOCUSED = """() => {
  let e = document.activeElement;
  while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e; }"""
# How an element and what lies around and within it look, for Streamlit marks the focus on neighbours too.
_LOOK = """e => {
  const near = [...e.querySelectorAll("*"), ...(e.parentElement?.querySelectorAll("*") ?? [])].slice(0, 14);
  for (let a = e, i = 0; a && i < 4; a = a.parentElement ?? a.getRootNode().host, i++) near.push(a);
  const marks = ["outline", "boxShadow", "borderColor", "backgroundColor", "color"];
  return near.map((x) => getComputedStyle(x)).map((style) => marks.map((mark) => style[mark])); }"""


def path(name: str) -> str:
    """Return the address of a page."""
    return "/" if name == "overview" else f"/{name.replace('_', '-')}"


def look(visitor: Dashboard, size: tuple[int, int], scheme: Any) -> None:
    """Open the window so far that the whole page is seen, for what is not seen is not judged, in light or dark."""
    width, height = size
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.set_viewport_size({"width": width, "height": height})
    expect(visitor.page.get_by_test_id("stApp")).to_have_css("color-scheme", scheme)
    visitor.settle()
    whole = visitor.page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    visitor.page.set_viewport_size({"width": width, "height": max(height, whole)})
    visitor.settle()


def barriers(visitor: Dashboard) -> list[str]:
    """Return what keeps people out of a page, however little, less what is known of Streamlit's own widgets."""
    found = Axe().run(visitor.page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {node['failureSummary'][:200]}"
        for rule in found
        for node in rule["nodes"]
        if not any(rule["id"] == known and part in node["html"] for known, part, _ in STREAMLITS)
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barriers_and_fits_a_phone(visit: Visit, name: str) -> None:
    number, schemes = PAGES.index(name), ["light", "dark"]
    language = list(LANGUAGES)[number % 2]
    first, second = schemes[:: 1 if number // 2 % 2 else -1]
    visitor = visit(path(name), lang=language)
    expect(visitor.page.locator("html")).to_have_attribute("lang", language)
    look(visitor, LAPTOP, first)
    assert barriers(visitor) == []
    look(visitor, PHONE, second)
    assert barriers(visitor) == []
    main = visitor.page.get_by_test_id("stMain")
    assert main.evaluate("main => [main.scrollWidth, document.documentElement.scrollWidth]") == [PHONE[0]] * 2
    assert main.evaluate(_OUTSIDE) == []
    if name not in ("glossary", "lesson"):
        assert main.evaluate(_FIRST_PICTURE) < 2 * PHONE[1]


def test_what_is_known_of_streamlits_own_widgets_grows_no_longer() -> None:
    assert len(STREAMLITS) <= 1


def test_a_finger_hits_every_tile(browser: Browser, server: Server) -> None:
    width, height = PHONE
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
    visitor = Dashboard(context.new_page(), server, "en")
    for address in ("/stride", "/unit"):
        visitor.open(address, lang="en")
        expect(visitor.main.locator(".tiles button").first).to_be_visible()
        boxes = visitor.main.locator(".tiles button").evaluate_all(
            "all => all.map(e => [e.clientWidth, e.clientHeight])"
        )
        assert min(min(box) for box in boxes) >= 40
    context.close()


def focused(visitor: Dashboard) -> ElementHandle:
    """Return what the keys go to."""
    element = visitor.page.evaluate_handle(_FOCUSED).as_element()
    assert element
    return element


def test_the_focus_is_seen_wherever_the_tab_key_leads(visit: Visit) -> None:
    visitor = visit("/feature-maps", lang="en")
    look(visitor, LAPTOP, "dark")
    visitor.page.add_style_tag(content="* { transition: none !important; }")
    stops, unseen = [], []
    while not focused(visitor).evaluate("e => e === document.body") or not stops:
        visitor.page.keyboard.press("Tab")
        if stops and stops[-1][0].evaluate(_LOOK) == stops[-1][1]:
            unseen.append(stops[-1][0].evaluate("e => e.outerHTML.slice(0, 120)"))
        stops.append((focused(visitor), focused(visitor).evaluate(_LOOK)))
    assert len(stops) > 50
    # The cells of a data frame are drawn on a canvas, which marks the chosen one by itself.
    assert [stop for stop in unseen if "glide-cell" not in stop and "data-grid-canvas" not in stop] == []


def tab_to(visitor: Dashboard, selector: str) -> None:
    """Press the tab key until it leads to an element."""
    for _ in range(100):
        visitor.page.keyboard.press("Tab")
        if focused(visitor).evaluate("(e, selector) => e.matches(selector)", selector):
            return
    raise AssertionError(f"the tab key does not lead to {selector}")


def insist(visitor: Dashboard, key: str, done: Callable[[], bool]) -> None:
    """Press a key, and again where it was lost, as a person would: while a page is drawn anew, nobody hears it."""
    for _ in range(5):
        press(visitor, key)
        for _ in range(50):
            if done():
                return
            visitor.page.wait_for_timeout(100)
    raise AssertionError(f"{key} was not heard")


def press(visitor: Dashboard, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        visitor.page.keyboard.press(key)


def test_a_map_is_chosen_read_and_taken_home_by_keys(visit: Visit) -> None:
    visitor = visit("/feature-maps", lang="en")
    tab_to(visitor, "main [role=switch]")
    tab_to(visitor, ".tiles button")
    press(visitor, "ArrowRight", "ArrowRight", "Enter")
    visitor.page.wait_for_url(re.compile(r"[?&]channel=\d+"))
    visitor.settle()
    unit = f"conv5:{visitor.query['channel']}"
    expect(visitor.main.get_by_role("heading", name=unit, exact=True)).to_be_visible()
    tab_to(visitor, "[data-testid=stPopoverButton]")
    tab_to(visitor, ".pane")
    before = visitor.query["position"]
    press(visitor, "ArrowDown", "ArrowRight", "Enter")
    expect(visitor.page).not_to_have_url(re.compile(rf"position={before}"))
    visitor.settle()
    tab_to(visitor, "[data-testid=stPopoverButton]")
    press(visitor, "Enter")
    body = visitor.page.get_by_test_id("stPopoverBody")
    expect(body.get_by_test_id("stDownloadButton").first).to_be_visible()
    tab_to(visitor, "[data-testid=stPopoverBody] [data-testid=stDownloadButton] button")
    with visitor.page.expect_download() as download:
        press(visitor, "Enter")
    assert download.value.suggested_filename.endswith(".png")
    tab_to(visitor, "[data-testid=stPopoverBody] [data-testid=stCode] button")
    press(visitor, "Escape")
    expect(body).to_have_count(0)


def test_units_are_gone_through_by_the_arrow_keys(visit: Visit) -> None:
    visitor = visit("/unit", lang="en")
    insist(visitor, "ArrowRight", lambda: "channel" in visitor.query and visitor.query["channel"].isdecimal())
    visitor.settle()
    press(visitor, "ArrowDown")
    visitor.asks_for(layer="conv4")


def test_a_class_is_shown_pictures_by_keys(visit: Visit) -> None:
    visitor = visit("/feature-maps", lang="en", present="1")
    first = visitor.main.get_by_role("heading").first.inner_text()
    insist(visitor, "ArrowRight", lambda: visitor.main.get_by_role("heading").first.inner_text() != first)
    visitor.settle()
    press(visitor, "0")
    expect(visitor.main.get_by_role("heading").first).to_have_text(first)
    visitor.settle()
    hide, show = (visitor.main.get_by_role("button", name=visitor.t(f"presenter.{key}")) for key in ("hide", "show"))
    press(visitor, "h")
    expect(show).to_be_visible()
    visitor.settle()
    press(visitor, "h")
    expect(hide).to_be_visible()
    visitor.settle()
    for key, address in ("2", "deconvnet"), ("3", "gradcam"), ("4", "maximization"), ("1", "feature-maps"):
        press(visitor, key)
        visitor.page.wait_for_url(re.compile(rf"/{address}\?"))
        visitor.settle()
    press(visitor, "k")
    expect(visitor.page.get_by_role("dialog")).to_contain_text(visitor.t("presenter.keys_title"))
    press(visitor, "Escape")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    press(visitor, "p")
    visitor.asks_for(present="0")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(visitor.t("feature_maps.title"))

"""A class follows its teacher: two browsers, one room."""

import re
import time
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from pages.shared.pictures import samples
from pages.shared.rooms import LETTERS
from tests.browser.conftest import Dashboard, Visit

pytestmark = pytest.mark.browser

FOLLOWED_MS = 3000
QUESTION = {"lesson": "why-stride-two", "step": "2", "layer": "conv1", "period": "5"}


def lead(teacher: Dashboard) -> str:
    """Open a room by the toolbar; return the code that is shown."""
    teacher.page.get_by_role("button", name=teacher.t("follow.me")).click()
    teacher.page.get_by_role("button", name=teacher.t("follow.open")).click()
    shown = teacher.page.get_by_test_id("stMetricValue")
    expect(shown).to_have_text(re.compile(f"[{LETTERS}]{{6}}"))
    code = shown.inner_text().strip()
    expect(teacher.image(teacher.t("follow.qr_alt", code=code))).to_be_visible()
    link = f"{teacher.server.url}/?{urlencode({'room': code})}"
    expect(teacher.page.get_by_test_id("stCode")).to_have_text(link)
    teacher.page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    teacher.settle()
    return code


def test_a_students_page_follows_picture_unit_and_page(visit: Visit) -> None:
    teacher, student = visit(), visit(locale="ko-KR")
    code = lead(teacher)
    student.page.get_by_role("button", name=student.t("follow.me")).click()
    student.page.get_by_label(student.t("follow.code", length=6)).fill(code.lower())
    student.page.keyboard.press("Enter")
    expect(student.main).to_contain_text(student.t("follow.following", code=code))
    student.asks_for(room=code, lang="ko")
    expect(teacher.main).to_contain_text(teacher.t("follow.leading", code=code, followers=1))

    second = list(samples())[1]
    teacher.page.get_by_role("button", name=samples()[second].english, exact=True).click()
    teacher.asks_for(image=second)
    follows(student, image=second, lang="ko")
    expect(student.image(student.t("frame.saw_alt", picture=samples()[second].title("ko")))).to_be_visible()

    teacher.go("feature_maps")
    heading = student.page.get_by_role("heading", level=1)
    expect(heading).to_have_text(student.t("feature_maps.title"), timeout=FOLLOWED_MS)
    student.asks_for(room=code)
    cell = teacher.main.get_by_role("button", name=re.compile(r"^conv5:\d+, ")).nth(4)
    channel = re.match(r"conv5:(\d+)", cell.get_attribute("aria-label") or "")
    assert channel
    cell.click()
    teacher.asks_for(channel=channel[1])
    follows(student, channel=channel[1])

    # What the student chooses himself stays while the teacher changes nothing.
    student.settle()
    student.go("gradcam")
    time.sleep(1.5)
    student.arrived("gradcam")
    student.page.get_by_role("button", name=student.t("follow.leave")).click()
    expect(student.page).not_to_have_url(re.compile("room="))


def follows(student: Dashboard, **query: str) -> None:
    """Expect parameters in the address as soon as a class may wait for them."""
    for name, value in query.items():
        expect(student.page).to_have_url(re.compile(rf"[?&]{name}={value}(&|$)"), timeout=FOLLOWED_MS)


def test_votes_are_counted_and_revealed_to_who_follows(visit: Visit) -> None:
    teacher = visit("/lesson", **QUESTION)
    code = lead(teacher)
    student = visit(room=code)
    student.arrived("lesson")
    expect(student.main).to_contain_text(student.t("follow.vote"))
    expect(student.page.get_by_role("button", name=student.t("lesson.reveal"), exact=True)).to_have_count(0)
    student.main.get_by_role("radio").first.check(force=True)
    expect(student.main).to_contain_text(student.t("follow.counted"))
    expect(teacher.main).to_contain_text(teacher.t("follow.answered", votes=1), timeout=FOLLOWED_MS)
    # The teacher's page has one list of bars, the answer of the network, until the votes are asked for.
    bars = teacher.main.locator("ol.answer")
    expect(bars).to_have_count(1)
    teacher.main.get_by_text(teacher.t("follow.show_votes")).click()
    expect(bars).to_have_count(2)
    teacher.page.get_by_role("button", name=teacher.t("lesson.reveal"), exact=True).click()
    for visitor in (teacher, student):
        expect(visitor.main).to_contain_text(visitor.t("follow.votes", votes=1), timeout=FOLLOWED_MS)
        expect(visitor.main.get_by_role("table")).to_be_visible()
        expect(visitor.main.locator("ol.answer").last).to_contain_text("✓")


def test_a_wrong_code_is_told(visit: Visit) -> None:
    visitor = visit(room="BBBBBB")
    told = visitor.page.get_by_role("alert").filter(has_text="BBBBBB")
    expect(told).to_contain_text(visitor.t("follow.error_unknown", code="BBBBBB", length=6))
    expect(visitor.page).not_to_have_url(re.compile("room="))

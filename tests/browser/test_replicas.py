"""Two dashboards behind nginx, below a path: a visitor stays where the picture was sent, a class where it meets."""

import io
import re
import signal
import string
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit
from tests.browser.proxy import NO_NGINX, nginx_path, proxy
from tests.browser.server import Server, serve

pytestmark = pytest.mark.browser

BASE = "/lab/zfnet"
PATIENCE = 30
ANSWER = re.compile(r"^\S+ 127\.0\.0\.1 (?P<method>[A-Z]+) (?P<path>\S+) (?P<status>\d+) \S+ (?P<replica>\S+)$", re.M)


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of nginx: what was asked, and the replica that answered, "-" if none was asked."""

    method: str
    path: str
    status: str
    replica: str


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What visitors come to: nginx in front of two replicas."""
    if nginx_path() is None:
        pytest.skip(NO_NGINX)
    folder = tmp_path_factory.mktemp("hosting")
    with ExitStack() as stack:
        secret = {"STREAMLIT_SERVER_COOKIE_SECRET": "the same for both"}
        replicas = [stack.enter_context(serve(folder / f"{name}.txt", BASE, **secret)) for name in ("one", "two")]
        yield stack.enter_context(proxy(folder, replicas))


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    """A picture larger than nginx passes on in one piece."""
    file = io.BytesIO()
    Image.effect_noise((900, 700), 80).convert("RGB").save(file, "JPEG", quality=92)
    return file.getvalue()


def answers(server: Server, since: int, part: str = "") -> list[Answer]:
    """Return what has been answered since, as soon as something with this in its path is among it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = [Answer(**line.groupdict()) for line in ANSWER.finditer(server.said(), since)]
        if any(part in answer.path for answer in found):
            return found
        time.sleep(0.02)
    raise AssertionError(f"nginx tells of no {part!r}")


def replica_of(server: Server, class_name: str) -> str:
    """Return the replica on which a class meets."""
    since = len(server.said())
    ask(server, "/_stcore/health", Cookie=f"zfnet_route={class_name}")
    return answers(server, since)[-1].replica


def meetings(server: Server) -> dict[str, str]:
    """Return a class that meets there for each replica."""
    found = {replica_of(server, name): name for name in string.ascii_lowercase}
    assert len(found) == 2, "all classes meet on one replica"
    return found


def ask(server: Server, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Return the status of an answer and the cookies that came with it."""
    request = urllib.request.Request(server.url + path, data, headers, method="PUT" if data else "GET")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, "\n".join(answer.headers.get_all("Set-Cookie", []))
    except HTTPError as error:
        return error.code, ""


def test_a_visitor_stays_at_one_replica_with_pages_and_pictures(server: Server, visit: Visit, jpeg: bytes) -> None:
    for replica, name in meetings(server).items():
        since = len(server.said())
        visitor = visit(f"/class/{name}")
        assert urlsplit(visitor.page.url).path == f"{BASE}/"
        visitor.send("noise.jpg", jpeg)
        saw = visitor.t("frame.saw_alt", picture="noise.jpg")
        visitor.shows(saw)
        visitor.go("feature_maps")
        visitor.shows(saw)
        # nginx tells of a WebSocket when it is closed.
        visitor.page.goto("about:blank")
        told = answers(server, since, "/_stcore/stream")
        assert {answer.replica for answer in told} == {replica, "-"}
        assert [answer.path for answer in told if answer.replica == "-"] == [f"{BASE}/class/{name}"]
        assert any(answer.method == "PUT" and answer.status == "204" for answer in told)


def test_who_comes_by_no_link_is_given_a_route_once(server: Server) -> None:
    status, cookies = ask(server, "/")
    assert status == 200
    assert re.fullmatch(r"zfnet_route=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax", cookies)
    assert ask(server, "/", Cookie=cookies.split(";")[0]) == (200, "")


@pytest.mark.parametrize("at", ["/", "/class/5b"])
def test_the_link_of_a_room_leads_to_the_teachers_replica(server: Server, visit: Visit, at: str) -> None:
    teacher = visit(at)
    teacher.page.get_by_role("button", name=teacher.t("follow.me")).click()
    teacher.page.get_by_role("button", name=teacher.t("follow.open")).click()
    code = teacher.page.get_by_test_id("stMetricValue").inner_text().strip()
    shown = teacher.page.get_by_test_id("stCode")
    expect(shown).to_have_text(re.compile(rf"{re.escape(teacher.server.url)}/class/\w+\?room={code}"))
    link = shown.inner_text().strip().removeprefix(teacher.server.url)
    teacher.page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    for name in meetings(server).values():
        student = visit(f"/class/{name}", settled=False)
        student.open(link)
        expect(student.main).to_contain_text(student.t("follow.following", code=code).replace("**", ""))


def test_a_page_whose_connection_is_lost_goes_on_where_it_was(server: Server, visit: Visit, jpeg: bytes) -> None:
    visitor = visit()
    visitor.send("noise.jpg", jpeg)
    saw = visitor.t("frame.saw_alt", picture="noise.jpg")
    visitor.shows(saw)
    # The old workers give up their connections after some seconds, the new ones listen at once.
    with visitor.page.expect_websocket():
        server.process.send_signal(signal.SIGHUP)
    visitor.go("gradcam")
    visitor.shows(saw)


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/%6Detrics", "/_stcore//metrics/", "/api/metrics"])
def test_numbers_about_visitors_are_not_for_the_outside(server: Server, path: str) -> None:
    since = len(server.said())
    assert ask(server, path)[0] == 404
    assert [answer.replica for answer in answers(server, since, "metrics") if "metrics" in answer.path] == ["-"]


def test_what_is_far_above_the_limit_does_not_reach_a_replica(server: Server) -> None:
    since = len(server.said())
    assert ask(server, "/_stcore/upload_file/nobody/nothing", bytes(22 * 2**20))[0] == 413
    assert [answer.replica for answer in answers(server, since, "nobody") if answer.method == "PUT"] == ["-"]

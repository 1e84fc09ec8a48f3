"""The server as others on the network meet it: whether it is ready, what it refuses, what it tells."""

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pages.shared.security import HEADERS
from pages.shared.texts import LANGUAGES, text
from tests.browser.server import Server, serve
from zfnet import InferenceSession

SECONDS = 30
Answer = tuple[int, dict[str, str], str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard below a path, which answers to one name besides its own."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with serve(log, "/lab/zfnet", ZFNET_HOSTS="zfnet.school.kr") as running:
        yield running


def ask(server: Server, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """Ask for a path below that of the server."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=SECONDS)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request(method, place.path + path, body, named)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode(errors="replace")


def ready(server: Server) -> tuple[int, dict[str, object]]:
    """Ask until the network is loaded or cannot be."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        status, _, body = ask(server, "/api/ready")
        if json.loads(body)["state"] != "loading":
            break
        time.sleep(0.1)
    return status, json.loads(body)


def test_it_is_ready_when_the_network_is_loaded(server: Server, session: InferenceSession) -> None:
    expected = {"ready": True, "state": "loaded", "checkpoint": session.info.checkpoint_id, "device": "cpu"}
    assert ready(server) == (200, expected)


def test_below_its_path_everything_is_there_and_above_it_nothing(server: Server) -> None:
    assert ask(server, "/_stcore/health")[0] == 200
    root = urlsplit(server.url)
    above = Server(f"{root.scheme}://{root.netloc}", server.process, server.log)
    assert ask(above, "/_stcore/health")[0] == 404
    assert ask(above, "/api/ready")[0] == 404


def test_the_link_of_a_class_leads_to_the_first_page_where_there_is_one_server(server: Server) -> None:
    status, headers, _ = ask(server, "/class/5b?room=BCDFGH&lang=ko")
    assert (status, headers["location"]) == (302, "/lab/zfnet/?room=BCDFGH&lang=ko")
    assert ask(server, "/class/5b")[1]["location"] == "/lab/zfnet/"


@pytest.mark.parametrize("name", ["5%EB%B0%98", "5B", "a" * 33, "5b%0d%0aSet-Cookie:%20a=b", "5.b"])
def test_a_class_by_another_name_is_told_what_is_allowed(server: Server, name: str) -> None:
    status, headers, body = ask(server, f"/class/{name}")
    assert status == 404
    assert "set-cookie" not in headers
    assert body.splitlines() == [text("follow.class_name", language) for language in LANGUAGES]


@pytest.mark.parametrize("path", ["/", "/unit", "/_stcore/health", "/api/ready", "/media/none.png", "/nothing/here.js"])
def test_every_answer_carries_the_headers_that_protect(server: Server, path: str) -> None:
    _, headers, _ = ask(server, path)
    assert {name: headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/", "/api/ready", "/_stcore/health"])
def test_a_foreign_name_is_refused_with_the_setting_that_allows_it(server: Server, path: str) -> None:
    status, headers, body = ask(server, path, Host="evil.example")
    assert status == 400
    assert "evil.example" in body
    assert "ZFNET_HOSTS" in body
    assert headers["content-type"].startswith("text/plain")
    assert ask(server, path, Host="zfnet.school.kr:8501")[0] in (200, 503)


@pytest.mark.parametrize(
    ("host", "origin", "opens"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("zfnet.school.kr", "zfnet.school.kr", True),
        ("evil.example", "evil.example", False),  # DNS rebinding
        ("127.0.0.1", "evil.example", False),  # a page of another site
    ],
)
def test_a_websocket_is_opened_by_pages_of_this_server_only(
    server: Server, host: str, origin: str, opens: bool
) -> None:
    place = urlsplit(server.url)
    address = f"ws://{host}:{place.port}{place.path}/_stcore/stream"
    from_page = f"http://{origin}:{place.port}"

    async def status() -> int:
        try:
            async with connect(
                address, host="127.0.0.1", port=place.port, origin=from_page, subprotocols=["streamlit"]
            ):
                return 101
        except InvalidStatus as refusal:
            return refusal.response.status_code

    assert asyncio.run(status()) == (101 if opens else 403)


def test_an_upload_needs_the_token_that_only_a_page_of_this_server_has(server: Server) -> None:
    status, _, _ = ask(server, "/_stcore/upload_file/session/file", "PUT", b"x", Cookie="_streamlit_xsrf=1")
    assert status == 403


def test_another_site_may_not_read_answers(server: Server) -> None:
    for path in ("/api/ready", "/_stcore/health", "/"):
        _, headers, _ = ask(server, path, Origin="http://evil.example")
        assert headers.get("access-control-allow-origin") not in ("*", "http://evil.example")


def test_a_room_that_is_not_there_is_a_404(server: Server) -> None:
    status, _, body = ask(server, "/api/rooms/BCDFGH", x_visitor="someone")
    assert (status, json.loads(body)) == (404, {"error": "unknown"})


def test_metrics_tell_of_the_process(server: Server) -> None:
    status, headers, body = ask(server, "/api/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert "# TYPE zfnet_computation_seconds histogram" in body
    assert "process_resident_memory_bytes" in body


def test_the_log_is_json_and_names_what_was_computed(server: Server) -> None:
    assert ready(server)[0] == 200
    lines = [json.loads(line) for line in server.said().splitlines() if line.startswith("{")]
    assert not [line for line in lines if line["level"] != "info"]


def test_a_checkpoint_that_cannot_be_loaded_leaves_it_alive_but_never_ready(tmp_path: Path) -> None:
    missing = tmp_path / "missing.safetensors"
    with serve(tmp_path / "log.txt", ZFNET_CHECKPOINT=str(missing)) as server:
        assert ready(server) == (503, {"ready": False, "state": "failed"})
        assert ask(server, "/_stcore/health")[0] == 200
        (line,) = [json.loads(line) for line in server.said().splitlines() if line.startswith("{")]
        assert line["level"] == "error"
        assert str(missing) in line["message"]


def test_what_is_wrong_with_a_teachers_folders_is_told_at_the_start(tmp_path: Path) -> None:
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    (lessons / "broken.yaml").write_text("title: [", "utf-8")
    gallery, nowhere = tmp_path / "gallery", tmp_path / "nowhere"
    gallery.mkdir()
    (gallery / "gallery.json").write_text("{bad", "utf-8")
    folders = {"ZFNET_LESSONS": str(lessons), "ZFNET_GALLERY": str(gallery), "ZFNET_SAMPLES": str(nowhere)}
    with serve(tmp_path / "log.txt", **folders) as server:
        assert ready(server)[0] == 200
        told = [json.loads(line)["message"] for line in server.said().splitlines() if line.startswith("{")]
    assert [line for line in told if "ZFNET_LESSONS" in line and "broken.yaml, line 1" in line]
    assert [line for line in told if "ZFNET_GALLERY" in line and str(gallery) in line]
    assert [line for line in told if "ZFNET_SAMPLES" in line and str(nowhere) in line]

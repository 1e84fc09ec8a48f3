"""By which names the server may be called."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from pages.shared.security import Security, answers_to


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8501",
        "127.0.0.1:8501",
        "192.168.0.7",
        "[::1]:8501",
        "classroom",
        "classroom.local:80",
        "app.internal",
        "school.lan",
        "CLASSROOM.LOCAL.",
    ],
)
def test_numbers_and_names_of_ones_own_network_are_always_good(host: str) -> None:
    assert answers_to(host, ())


@pytest.mark.parametrize(
    "host", ["", ":80", "example.org", "127.0.0.1.example.org", "evil.com://localhost", "[::1", "a.local.evil.com"]
)
def test_a_name_that_anybody_can_register_is_refused(host: str) -> None:
    assert not answers_to(host, ())


@pytest.mark.parametrize(
    ("host", "pattern", "good"),
    [
        ("zfnet.school.kr", "zfnet.school.kr", True),
        ("zfnet.school.kr:443", "ZFNet.School.kr.", True),
        ("zfnet.school.kr", "*.school.kr", True),
        ("school.kr", "*.school.kr", False),
        ("evilschool.kr", "*.school.kr", False),
        ("zfnet.school.kr.evil.com", "*.school.kr", False),
        ("anything.example", "*", True),
        ("zfnet.school.kr", "https://zfnet.school.kr:8443/lab", True),
        ("zfnet.school.kr", "zfnet.school.kr:8501", True),
        ("zfnet.school.kr", " ", False),
    ],
)
def test_further_names_are_allowed_by_name_or_by_ending(host: str, pattern: str, good: bool) -> None:
    assert answers_to(host, ["other.example", pattern]) is good


@pytest.mark.parametrize(
    ("origin", "goes_on"),
    [
        (None, True),
        ("http://zfnet:8501", True),
        ("https://zfnet:8501", True),
        ("https://evil.example", False),
        ("http://zfnet", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_a_strangers_websocket_does_not_even_come_to_streamlit_which_would_ask_outside(
    origin: str | None, goes_on: bool
) -> None:
    asked: list[Scope] = []
    said: list[Message] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    headers = [(b"host", b"zfnet:8501")] + ([(b"origin", origin.encode())] if origin else [])
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers}
    asyncio.run(Security(behind)(scope, receive, send))
    assert bool(asked) is goes_on
    assert [message["type"] for message in said] == ([] if goes_on else ["websocket.close"])

"""By which names the server may be called."""

import pytest

from pages.shared.security import answers_to


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
        "CLASSROOM.LOCAL.",
    ],
)
def test_numbers_and_names_of_ones_own_network_are_always_good(host: str) -> None:
    assert answers_to(host, ())


@pytest.mark.parametrize("host", ["", ":80", "example.org", "127.0.0.1.example.org", "[::1", "a.local.evil.com"])
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
    ],
)
def test_further_names_are_allowed_by_name_or_by_ending(host: str, pattern: str, good: bool) -> None:
    assert answers_to(host, ["other.example", pattern]) is good

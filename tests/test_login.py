"""Login, where the server is set up for it."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import texts
from tests.test_pages import DASHBOARD, run


def visitor(language: str, **user: object) -> AppTest:
    at = AppTest.from_file(DASHBOARD, default_timeout=60)
    at.query_params["lang"] = language
    at.user = user
    return run(at)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_who_has_not_logged_in_sees_that_and_nothing_else(language: str) -> None:
    at = visitor(language, is_logged_in=False)
    assert [button.label for button in at.button] == [texts.text("login.login", language)]
    assert [text.value for text in at.markdown] == [texts.text("login.why", language)]
    assert not at.sidebar.selectbox
    assert not at.get("image")


def test_who_has_logged_in_sees_the_dashboard_and_the_way_out() -> None:
    at = visitor("en", is_logged_in=True)
    assert at.title[0].value == texts.text("overview.title", "en")
    assert texts.text("login.logout", "en") in [button.label for button in at.sidebar.button]


def test_without_a_setup_nobody_has_to() -> None:
    at = visitor("en")
    assert at.title[0].value == texts.text("overview.title", "en")
    assert texts.text("login.logout", "en") not in [button.label for button in at.sidebar.button]

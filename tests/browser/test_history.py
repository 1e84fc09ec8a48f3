"""Back and forward in the browser lead through what was chosen."""

import pytest

from pages.shared.pictures import samples
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


def test_back_and_forward_bring_earlier_choices_again(visit: Visit) -> None:
    visitor = visit()
    first, second, third = list(samples())[:3]
    for name in (second, third):
        visitor.page.get_by_role("button", name=samples()[name].english, exact=True).click()
        visitor.asks_for(image=name)
        visitor.shows(visitor.t("frame.saw_alt", picture=samples()[name].english))
        visitor.settle()
    for step, name in (
        (visitor.page.go_back, second),
        (visitor.page.go_back, first),
        (visitor.page.go_forward, second),
    ):
        step()
        visitor.asks_for(image=name)
        visitor.shows(visitor.t("frame.saw_alt", picture=samples()[name].english))
        visitor.settle()

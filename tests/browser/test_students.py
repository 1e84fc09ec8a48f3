"""Students of the load script at the real server: that they still speak the protocol of the pinned Streamlit."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from tests.benchmarks.classes import FIRST, Class, work
from tests.benchmarks.students import ON_OWN, Student, own_picture
from tests.benchmarks.visits import Visit, chosen
from tests.browser.server import Server, serve

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard of its own: no browser is needed."""
    with serve(tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running


def test_two_students_with_pictures_of_their_own_work_without_an_error(server: Server) -> None:
    notes = asyncio.run(work(server.url, [server], Class(2, ON_OWN, ramp=1.0, measured=4.0, think=0.5)))
    assert (notes.troubles, notes.lost) == ([], 0)
    assert len(notes.times[FIRST]) == 2
    assert notes.server > 0
    assert "Traceback" not in server.said()


def test_what_a_student_chooses_and_sends_is_selected(server: Server) -> None:
    async def visited() -> None:
        visit = Visit(server.url)
        student = Student(visit, map(own_picture, count()))
        await visit.open("gradcam", "layer=conv2")
        assert "layer=conv2" in visit.query
        await visit.run(chosen(visit.page.widget("choose_layer"), "conv4"))
        assert "layer=conv4" in visit.query
        await student.upload()
        assert "image=sha256-" in visit.query
        await visit.connect()
        await visit.run()
        assert "image=sha256-" in visit.query
        await visit.look()
        assert visit.page.media
        await visit.leave()
        assert visit.troubles == []

    asyncio.run(visited())

"""The parts of the load script that need no server: what students do, what they read, and how times are counted."""

import io
import math
from itertools import islice
from typing import Any

import pytest
from PIL import Image
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.benchmarks.classes import FIRST, Class, Notes, at_most
from tests.benchmarks.students import ON_OWN, ON_SAMPLES, own_picture, pick, plan
from tests.benchmarks.visits import Lost, Page, Visit, listed


def test_so_many_of_a_hundred_do_not_exceed_it() -> None:
    values = [float(i) for i in range(100, 0, -1)]
    assert (at_most(values, 0.5), at_most(values, 0.95), at_most(values, 1.0)) == (50.0, 95.0, 100.0)
    assert at_most([3.0], 0.95) == 3.0
    assert math.isnan(at_most([], 0.95))


def test_a_student_does_the_same_for_the_same_seed_only() -> None:
    first, again, other = (list(islice(plan(seed, ON_SAMPLES, 5.0), 50)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("weights", [ON_SAMPLES, ON_OWN])
def test_students_do_things_as_often_and_pause_as_long_as_is_said(weights: dict[str, int]) -> None:
    steps = list(islice(plan(0, weights, 5.0), 4000))
    assert all(2.5 <= step.pause <= 7.5 for step in steps)
    assert sum(step.pause for step in steps) / len(steps) == pytest.approx(5.0, rel=0.03)
    for kind, weight in weights.items():
        share = sum(step.kind == kind for step in steps) / len(steps)
        assert share == pytest.approx(weight / sum(weights.values()), abs=0.02)


def test_a_number_below_one_picks_every_option() -> None:
    assert [pick("abcd", among) for among in (0.0, 0.25, 0.74, 0.999, 1.0)] == ["a", "b", "c", "d", "d"]


def test_pictures_of_their_own_are_distinct_and_of_ordinary_size() -> None:
    pictures = [own_picture(seed) for seed in (1, 1, 2)]
    assert pictures[0] == pictures[1] != pictures[2]
    with Image.open(io.BytesIO(pictures[0])) as picture:
        assert (picture.format, picture.size) == ("JPEG", (1600, 1200))


def test_each_has_as_many_pictures_as_can_be_sent() -> None:
    here = Class(1, {"upload": 1}, ramp=4.0, measured=6.0, think=2.0)
    pauses = [step.pause for step in islice(here.steps(3), 20)]
    taken = sum(sum(pauses[: i + 1]) <= 10.0 for i in range(20))
    assert len(here.pictures(3)) == 1 + taken


def test_first_views_are_no_reruns() -> None:
    notes = Notes()
    for kind, seconds in ((FIRST, 9.0), ("page", 1.0), ("unit", 2.0)):
        notes.add(kind, seconds)
    assert notes.runs == [1.0, 2.0]


def test_equal_troubles_are_counted() -> None:
    assert listed([]) == ""
    assert listed(["a", "b", "a"]).split("\n") == ["", "", "- 2 times: a", "- 1 times: b"]


def element(kind: str, **values: Any) -> Element:
    """Return an element of Streamlit's with such a body."""
    made = Element()
    body = getattr(made, kind)
    for name, value in values.items():
        if isinstance(value, list):
            getattr(body, name).extend(value)
        else:
            setattr(body, name, value)
    body.SetInParent()
    return made


def delta(place: list[int], shown: Element, *, name: str = "") -> ForwardMsg:
    """Return the message that puts an element at a place; one with a name is kept by browsers."""
    message = ForwardMsg(hash=name)
    message.metadata.delta_path.extend(place)
    message.metadata.cacheable = bool(name)
    message.delta.new_element.CopyFrom(shown)
    return message


def begun(session: str = "s") -> ForwardMsg:
    message = ForwardMsg()
    message.new_session.initialize.session_id = session
    message.new_session.config.max_cached_message_age = 2
    return message


def over(status: "ForwardMsg.ScriptFinishedStatus.ValueType" = ForwardMsg.FINISHED_SUCCESSFULLY) -> ForwardMsg:
    return ForwardMsg(script_finished=status)


def visited(*messages: ForwardMsg) -> Visit:
    """Return a visit that was told these."""
    visit = Visit("http://127.0.0.1:9")
    for message in messages:
        visit.take(message)
    return visit


BOX = element("selectbox", id="$$ID-0a1b-choose_layer", options=["conv1", "conv2"], raw_value="conv2", set_value=True)


def test_widgets_are_found_by_their_keys() -> None:
    button = element("button", id="$$ID-00ff-next", disabled=True)
    page = visited(begun(), delta([0, 1], BOX), delta([0, 2], button), over()).page
    assert page.widget("choose_layer").options == ["conv1", "conv2"]
    assert page.widget("next") is None
    assert page.widget("previous") is None
    assert page.keys("choose_") == ["choose_layer"]


def test_widgets_that_nobody_touches_are_told_as_they_stand() -> None:
    page = Page()
    page.add((0,), BOX)
    page.add((1,), element("slider", id="$$ID-01-choose_offset", type=1, value=[0.25], set_value=True))
    page.add((2,), element("slider", id="$$ID-02-count", type=2, options=["1", "64"], default=[1.0]))
    page.add((3,), element("checkbox", id="$$ID-03-choose_hide", default=True))
    page.add((4,), element("button_group", id="$$ID-04-choose_crop", raw_values=["fit"], set_value=True))
    page.add((5,), element("button", id="$$ID-05-next"))
    offset, count, crop = (page.resting()[i] for i in (1, 2, 4))
    assert [state.WhichOneof("value") for state in page.resting()] == [
        "string_value",
        "double_array_value",
        "string_array_value",
        "bool_value",
        "string_array_value",
    ]
    assert (offset.double_array_value.data, count.string_array_value.data) == ([0.25], ["64"])
    assert crop.string_array_value.data == ["fit"]


def test_only_the_last_picture_at_a_place_is_fetched() -> None:
    def picture(url: str) -> Element:
        shown = Element()
        shown.imgs.imgs.add(url=url)
        return shown

    container = ForwardMsg()
    container.metadata.delta_path.extend([0, 2])
    container.delta.add_block.SetInParent()
    messages = [
        delta([0, 1], picture("/media/preview.png")),
        delta([0, 1], picture("/media/last.png")),
        delta([0, 2, 0], picture("/media/gone.png")),
        delta([0, 3], picture("data:image/png;base64,")),
    ]
    assert visited(begun(), *messages, container, over()).page.media == ["/media/last.png"]


def test_a_page_that_was_cut_short_does_not_replace_what_is_shown() -> None:
    cut = over(ForwardMsg.FINISHED_EARLY_FOR_RERUN)
    visit = visited(begun(), delta([0], BOX), over(), begun(), cut)
    assert visit.page.widget("choose_layer")
    visit.take(begun())
    visit.take(over())
    assert visit.page.widget("choose_layer") is None


def test_a_large_element_that_was_kept_is_known_again() -> None:
    again = ForwardMsg(ref_hash="large")
    again.metadata.delta_path.append(0)
    visit = visited(begun(), delta([0], BOX, name="large"), over(), begun(), again, over())
    assert visit.page.widget("choose_layer")
    for _ in range(3):
        visit.take(begun())
        visit.take(over())
    visit.take(again)
    assert visit.troubles == ["the server names a message that it has not sent"]


def test_errors_on_a_page_and_messages_that_nobody_knows_are_troubles() -> None:
    alert = element("alert", body="broken", format=1)
    redirect = ForwardMsg()
    redirect.auth_redirect.url = "elsewhere"
    visit = visited(begun(), delta([0], alert), delta([1], element("exception", message="worse")), over(), redirect)
    assert visit.troubles == ["broken", "worse", "unexpected message: auth_redirect"]


def test_another_session_is_a_lost_one() -> None:
    with pytest.raises(Lost, match="another session"):
        visited(begun("first"), over(), begun("second"))


def test_addresses_of_pages_are_learned() -> None:
    message = ForwardMsg()
    for path, name in (("", "h0"), ("unit", "h1")):
        message.navigation.app_pages.add(url_pathname=path, page_script_hash=name)
    assert visited(message).pages == {"": "h0", "unit": "h1"}

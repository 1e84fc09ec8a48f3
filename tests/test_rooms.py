"""Rooms: who may show, who is counted, when a room ends, and how votes are kept; with any number of threads."""

import threading
from collections.abc import Callable

import pytest

from pages.shared import texts
from pages.shared.rooms import (
    LENGTH,
    LETTERS,
    MAX_FOLLOWERS,
    MAX_QUESTIONS,
    MAX_ROOMS,
    PATIENCE,
    PRESENCE,
    RoomError,
    Rooms,
)
from tests.test_jobs import Clock

TEACHER, QUERY = "teacher", {"image": "cheetah", "layer": "conv5"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rooms(clock: Clock) -> Rooms:
    return Rooms(clock=clock)


@pytest.fixture
def code(rooms: Rooms) -> str:
    return rooms.open(TEACHER)


def refused(reason: str, act: Callable[[], object]) -> None:
    """Expect a refusal that can be told in both languages."""
    with pytest.raises(RoomError) as refusal:
        act()
    assert refusal.value.reason == reason
    for language in texts.LANGUAGES:
        said = texts.text(f"follow.error_{reason}", language, **refusal.value.values)
        assert all(str(value) in said for value in refusal.value.values.values())


def test_codes_are_short_without_look_alikes_and_differ(rooms: Rooms) -> None:
    codes = {rooms.open(TEACHER) for _ in range(MAX_ROOMS)}
    assert len(codes) == MAX_ROOMS
    assert all(len(code) == LENGTH and set(code) <= set(LETTERS) for code in codes)
    assert not set(LETTERS) & set("0O1IL5S8UVYAE")


def test_what_the_teacher_shows_is_seen_by_all_with_a_new_version(rooms: Rooms, code: str) -> None:
    assert rooms.look(code, "a").version == 0
    rooms.show(code, TEACHER, "unit", QUERY)
    first = rooms.look(code, "a")
    assert (first.version, first.page, first.query) == (1, "unit", QUERY)
    rooms.show(code, TEACHER, "unit", dict(QUERY))
    assert rooms.look(code, "b").version == 1, "the same again is nothing new"
    rooms.show(code, TEACHER, "unit", QUERY | {"layer": "conv1"})
    rooms.show(code, TEACHER, "gradcam", QUERY | {"layer": "conv1"})
    assert rooms.look(code, "a").version == 3


def test_what_is_seen_is_a_copy(rooms: Rooms, code: str) -> None:
    mine = dict(QUERY)
    rooms.show(code, TEACHER, "", mine)
    mine["image"] = "espresso"
    rooms.look(code, "a").query["image"] = "espresso"  # type: ignore[index]
    assert rooms.look(code, "a").query == QUERY


def test_only_who_opened_a_room_can_show_reveal_and_close(rooms: Rooms, code: str) -> None:
    refused("foreign", lambda: rooms.show(code, "a", "", {}))
    refused("foreign", lambda: rooms.reveal(code, "a", "q"))
    refused("foreign", lambda: rooms.close(code, "a"))
    assert rooms.look(code, "a").version == 0
    rooms.close(code, TEACHER)
    refused("unknown", lambda: rooms.look(code, "a"))


def test_an_unknown_room_is_refused_by_everything(rooms: Rooms) -> None:
    refused("unknown", lambda: rooms.look("BBBBBB", "a"))
    refused("unknown", lambda: rooms.show("BBBBBB", TEACHER, "", {}))
    refused("unknown", lambda: rooms.vote("BBBBBB", "a", "q", 0))
    refused("unknown", lambda: rooms.tally("BBBBBB", "q"))


def test_a_room_ends_when_its_teacher_has_long_been_away(rooms: Rooms, code: str, clock: Clock) -> None:
    clock.now += PATIENCE
    rooms.look(code, TEACHER)
    clock.now += PATIENCE
    rooms.look(code, "a")  # a follower does not keep it
    clock.now += 1
    refused("unknown", lambda: rooms.look(code, "a"))
    refused("unknown", lambda: rooms.show(code, TEACHER, "", {}))


def test_there_are_only_so_many_rooms_and_ended_ones_make_room(rooms: Rooms, clock: Clock) -> None:
    for _ in range(MAX_ROOMS):
        rooms.open(TEACHER)
    refused("full", lambda: rooms.open(TEACHER))
    clock.now += PATIENCE + 1
    rooms.open(TEACHER)


def test_followers_are_counted_while_they_look(rooms: Rooms, code: str, clock: Clock) -> None:
    assert rooms.look(code, "a").followers == 1
    clock.now += PRESENCE
    assert rooms.look(code, "b").followers == 2
    assert rooms.look(code, TEACHER).followers == 2
    clock.now += 1
    assert rooms.look(code, TEACHER).followers == 1


def test_no_more_than_so_many_are_counted_but_all_see(rooms: Rooms, code: str) -> None:
    rooms.show(code, TEACHER, "unit", QUERY)
    for i in range(MAX_FOLLOWERS + 5):
        assert rooms.look(code, f"v{i}").page == "unit"
        rooms.vote(code, f"v{i}", "q", 0)
    assert rooms.look(code, TEACHER).followers == MAX_FOLLOWERS
    assert rooms.tally(code, "q").votes == MAX_FOLLOWERS


def test_each_has_one_vote_which_may_be_changed_until_the_reveal(rooms: Rooms, code: str) -> None:
    rooms.vote(code, "a", "q", 0)
    rooms.vote(code, "a", "q", 2)
    rooms.vote(code, "b", "q", 1)
    rooms.vote(code, "b", "other", 3)
    assert rooms.tally(code, "q").counts == {2: 1, 1: 1}
    assert not rooms.tally(code, "q").revealed
    rooms.reveal(code, TEACHER, "q")
    rooms.vote(code, "a", "q", 1)
    rooms.vote(code, "c", "q", 1)
    tally = rooms.tally(code, "q")
    assert (tally.counts, tally.votes, tally.revealed) == ({2: 1, 1: 1}, 2, True)
    assert not rooms.tally(code, "other").revealed


def test_a_reveal_is_news_once_and_a_vote_is_none(rooms: Rooms, code: str) -> None:
    rooms.vote(code, "a", "q", 0)
    assert rooms.look(code, "a").version == 0
    rooms.reveal(code, TEACHER, "q")
    rooms.reveal(code, TEACHER, "q")
    assert rooms.look(code, "a").version == 1


def test_made_up_questions_do_not_push_out_what_a_class_has_answered(rooms: Rooms, code: str) -> None:
    rooms.vote(code, "a", "asked", 0)
    rooms.vote(code, "b", "asked", 1)
    for i in range(3 * MAX_QUESTIONS):
        rooms.vote(code, "c", f"made up {i}", 0)
    assert rooms.tally(code, "asked").votes == 2
    kept = [i for i in range(3 * MAX_QUESTIONS) if rooms.tally(code, f"made up {i}").votes]
    assert len(kept) == MAX_QUESTIONS - 1
    assert kept[-1] == 3 * MAX_QUESTIONS - 1


def test_threads_lose_no_vote_and_no_version(rooms: Rooms, code: str) -> None:
    gate, failures = threading.Barrier(9), list[BaseException]()

    def work(name: str, act: Callable[[int], object]) -> None:
        try:
            gate.wait(20)
            for i in range(200):
                act(i)
        except BaseException as error:
            failures.append(error)

    def student(name: str) -> Callable[[int], object]:
        def act(i: int) -> None:
            before = rooms.look(code, name).version
            rooms.vote(code, name, "q", i % 4)
            assert before <= rooms.look(code, name).version

        return act

    acts = {f"s{k}": student(f"s{k}") for k in range(8)}
    acts[TEACHER] = lambda i: rooms.show(code, TEACHER, "unit", {"channel": str(i)})
    threads = [threading.Thread(target=work, args=pair) for pair in acts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert rooms.tally(code, "q").counts == {199 % 4: 8}
    assert rooms.look(code, TEACHER).version == 200
    assert rooms.look(code, TEACHER).followers == 8

"""Rooms: a teacher shows, others follow, and their votes are counted. Plain values, no Streamlit.

A room holds a page and the parameters of an address, never a picture: an upload stays with whoever sent it. Nobody
tells a server that a page is gone, so presence lapses when it is not renewed by ``look``. All this is decided when
somebody calls; there are no threads of its own. Rooms live in one process: two replicas behind a proxy do not share
them, and a class must reach the same one.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

# Consonants that are not taken for each other or for digits; without vowels they make no words.
LETTERS, LENGTH = "BCDFGHJKMNPQRTWXZ", 6
MAX_ROOMS, MAX_FOLLOWERS, MAX_QUESTIONS = 100, 200, 64
# In seconds: how long a room waits for its teacher, and how long who does not look any more counts as following.
PATIENCE, PRESENCE = 600.0, 10.0


class RoomError(Exception):
    """A room that does not exist or cannot be had.

    ``reason`` is ``unknown``, ``full`` or ``foreign``, and ``values`` fill in its sentence, in any language.
    """

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason, values)
        self.reason = reason
        self.values = values


@dataclass(frozen=True, slots=True)
class View:
    """What a room shows: ``version`` is another one whenever there is something new, 0 before there is anything.

    ``votes`` counts what has been voted, changes of mind included.
    """

    version: int
    page: str
    query: Mapping[str, str]
    followers: int
    votes: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each option of a question was chosen, and whether the answer has been shown."""

    counts: Mapping[int, int]
    revealed: bool

    @property
    def votes(self) -> int:
        """Return how many have answered."""
        return sum(self.counts.values())


@dataclass(slots=True)
class _Poll:
    votes: dict[str, int] = field(default_factory=dict)
    revealed: bool = False


@dataclass(slots=True)
class _Room:
    owner: str
    seen: float
    version: int = 0
    votes: int = 0
    shown: tuple[str, dict[str, str]] = ("", {})
    looked: dict[str, float] = field(default_factory=dict)
    polls: dict[str, _Poll] = field(default_factory=dict)


class Rooms:
    """All rooms of a process, for any number of threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rooms: dict[str, _Room] = {}
        self._lock = threading.Lock()

    def open(self, owner: str) -> str:
        """Return the code of a new room, or raise ``RoomError`` when there are too many."""
        with self._lock:
            for code in [code for code, room in self._rooms.items() if self._ended(room)]:
                del self._rooms[code]
            if len(self._rooms) >= MAX_ROOMS:
                raise RoomError("full", limit=MAX_ROOMS)
            code = next(code for code in iter(_code, "") if code not in self._rooms)
            self._rooms[code] = _Room(owner, self._clock())
            return code

    def close(self, code: str, owner: str) -> None:
        """End a room, by its owner only."""
        with self._lock:
            self._owned(code, owner)
            del self._rooms[code]

    def show(self, code: str, owner: str, page: str, query: Mapping[str, str]) -> None:
        """Show a page with the parameters of its address to all who follow, by the room's owner only."""
        with self._lock:
            room = self._owned(code, owner)
            if room.shown != (page, query):
                room.shown = page, dict(query)
                room.version += 1

    def look(self, code: str, visitor: str) -> View:
        """Return what is shown, and renew the visitor's presence: the owner's, or that of one who follows."""
        with self._lock:
            room, now = self._room(code), self._clock()
            if visitor == room.owner:
                room.seen = now
            else:
                room.looked = {who: last for who, last in room.looked.items() if now - last <= PRESENCE}
                if visitor in room.looked or len(room.looked) < MAX_FOLLOWERS:
                    room.looked[visitor] = now
            present = sum(now - last <= PRESENCE for last in room.looked.values())
            return View(room.version, room.shown[0], dict(room.shown[1]), present, room.votes)

    def vote(self, code: str, visitor: str, question: str, option: int) -> None:
        """Count a visitor's choice in place of an earlier one; after the reveal it counts no more."""
        with self._lock:
            room = self._room(code)
            poll = self._poll(room, question)
            if not poll.revealed and (visitor in poll.votes or len(poll.votes) < MAX_FOLLOWERS):
                room.votes += poll.votes.get(visitor) != option
                poll.votes[visitor] = option

    def tally(self, code: str, question: str) -> Tally:
        """Return the votes for a question so far."""
        with self._lock:
            poll = self._room(code).polls.get(question, _Poll())
            return Tally(dict(Counter(poll.votes.values())), poll.revealed)

    def reveal(self, code: str, owner: str, question: str) -> None:
        """Show the answer to all who follow, by the room's owner only: something new, so that they look again."""
        with self._lock:
            room = self._owned(code, owner)
            poll = self._poll(room, question)
            room.version += not poll.revealed
            poll.revealed = True

    def _poll(self, room: _Room, question: str) -> _Poll:
        if question not in room.polls:
            if len(room.polls) >= MAX_QUESTIONS:
                # What one visitor has made up has one vote; what a class was asked has many.
                del room.polls[min(room.polls, key=lambda one: len(room.polls[one].votes))]
            room.polls[question] = _Poll()
        return room.polls[question]

    def _room(self, code: str) -> _Room:
        room = self._rooms.get(code)
        if room is None or self._ended(room):
            raise RoomError("unknown", code=code, length=LENGTH)
        return room

    def _owned(self, code: str, owner: str) -> _Room:
        room = self._room(code)
        if room.owner != owner:
            raise RoomError("foreign", code=code)
        room.seen = self._clock()
        return room

    def _ended(self, room: _Room) -> bool:
        return self._clock() - room.seen > PATIENCE


@cache
def rooms() -> Rooms:
    """Return the rooms of this process."""
    return Rooms()


def _code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))

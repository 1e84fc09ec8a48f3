"""What many threads share: places to compute in, handed over in turn, and large things, made once."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from zfnet import computations
from zfnet.errors import Cancelled

# Asked while waiting and between steps; True ends the computation with ``Cancelled``.
Cancel = Callable[[], bool]
_POLL_SECONDS = 0.05


class Places:
    """A bounded number of places, handed over in the order of asking.

    A semaphore would let a job that leaves and enters again at every step overtake everybody who waits.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def enter(self, cancel: Cancel | None = None) -> None:
        """Wait for a place; whoever gives up, for whatever reason, leaves the line."""
        turn = threading.Event()
        with self._lock:
            self._line.append(turn)
            self._hand_over()
        try:
            _wait(turn.wait, cancel)
        except BaseException:
            with self._lock:
                if turn.is_set():
                    self._free += 1
                    self._hand_over()
                else:
                    self._line.remove(turn)
            raise

    def leave(self) -> None:
        """Give the place to the first in line."""
        with self._lock:
            self._free += 1
            self._hand_over()

    def _hand_over(self) -> None:
        while self._free and self._line:
            self._free -= 1
            self._line.popleft().set()


class Large(Protocol):
    """Anything that knows how much memory it holds: a trace, a tensor."""

    @property
    def nbytes(self) -> int:
        """Return the memory in bytes."""
        ...


T = TypeVar("T", bound=Large)


class Store(Generic[T]):
    """Large things by key, the least recently used thrown out first; no two threads make the same one at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()
        # A lock for every key would have to be cleaned up; a few shared ones only make unlike things wait now and then.
        self._making = tuple(threading.Lock() for _ in range(64))

    def get(self, key: str, make: Callable[[], T], cancel: Cancel | None = None) -> T:
        """Return what is held under ``key``, else make it and hold it."""
        making = self._making[hash(key) % len(self._making)]
        with computations.waiting():
            _wait(making.acquire, cancel)
        try:
            with self._lock:
                if key in self._held:
                    self._held.move_to_end(key)
                    return self._held[key]
            made = make()
            with self._lock:
                self._held[key] = made
                # The newest stays even if it alone is over the limit: its caller is about to use it again.
                while len(self._held) > 1 and sum(held.nbytes for held in self._held.values()) > self._limit:
                    self._held.popitem(last=False)
            return made
        finally:
            making.release()


def _wait(attempt: Callable[..., bool], cancel: Cancel | None) -> None:
    """Repeat an attempt that takes a ``timeout`` until it succeeds, unless the caller gives up."""
    while not attempt(timeout=_POLL_SECONDS):
        if cancel and cancel():
            raise Cancelled("stopped while waiting for a free place")

"""What a session has computed: one record in the log for each call of one of its methods.

A record tells the method, how long it took and how long of that it waited for others, and of a picture no more than the
start of its digest. Whoever wants the records sets the logger ``zfnet.computations`` to INFO, or to DEBUG for those too
that nobody asked for (``unasked``); else nothing is measured.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

from zfnet.errors import Cancelled

P = ParamSpec("P")
R = TypeVar("R")

_DIGITS = 12
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Computation:
    """One call of a method.

    ``wait_ms`` is the part of ``ms`` that was spent waiting: for a free place, or for another thread that traced the
    same picture. ``hit`` says whether every picture had been traced before, None where no picture is looked up.
    """

    method: str
    ms: float = 0.0
    wait_ms: float = 0.0
    hit: bool | None = None
    picture: str | None = None
    outcome: Literal["done", "stopped", "failed"] = "done"

    def fields(self) -> dict[str, object]:
        """Return what a log tells."""
        times = {"ms": round(self.ms, 1), "wait_ms": round(self.wait_ms, 1)}
        return {"method": self.method, **times, "hit": self.hit, "picture": self.picture, "outcome": self.outcome}


_running: ContextVar[Computation | None] = ContextVar("running", default=None)
_level: ContextVar[int] = ContextVar("level", default=logging.INFO)


def logged(method: Callable[P, R]) -> Callable[P, R]:
    """Let every call of a method be recorded, less the calls that other recorded methods make."""

    @wraps(method)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if _running.get() is not None or not _logger.isEnabledFor(_level.get()):
            return method(*args, **kwargs)
        computation = Computation(method.__name__, outcome="failed")
        token, begin = _running.set(computation), time.perf_counter()
        try:
            result = method(*args, **kwargs)
            computation.outcome = "done"
            return result
        except BaseException as error:
            # A page that was left ends its computation by an exception of Streamlit's own, which is no ``Exception``.
            if isinstance(error, Cancelled) or not isinstance(error, Exception):
                computation.outcome = "stopped"
            raise
        finally:
            computation.ms = 1000 * (time.perf_counter() - begin)
            _running.reset(token)
            _logger.log(_level.get(), "computed", extra={"fields": computation.fields()})

    return run


@contextmanager
def unasked() -> Iterator[None]:
    """Compute ahead of time, which is not what visitors ask for: what is recorded within has the level DEBUG."""
    token = _level.set(logging.DEBUG)
    try:
        yield
    finally:
        _level.reset(token)


@contextmanager
def waiting() -> Iterator[None]:
    """Count the time within as waited."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        if computation := _running.get():
            computation.wait_ms += 1000 * (time.perf_counter() - begin)


def looked_up(digest: str, *, hit: bool) -> None:
    """Tell that a picture's trace was asked for, and whether it was there."""
    if computation := _running.get():
        computation.picture = computation.picture or digest[:_DIGITS]
        computation.hit = hit and computation.hit is not False

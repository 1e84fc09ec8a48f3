"""A process that tries cases one after the other, measured: it may hang or die, and the one that asks does not.

Where ``/proc`` is missing, memory is not measured.
"""

import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self
from unittest.mock import patch

# A case that needs more is a defect: seconds of computing, whatever else the machine does, and memory. Pictures of the
# largest size that is allowed stay below.
MAX_SECONDS, MAX_MEMORY = 10.0, 1536 * 2**20
_PATIENCE = 120.0
# libtiff names each broken row of a fax on standard error, and nothing that tells one visitor's file from another's.
MAX_WORDS = 4 * 2**20
# What nothing may get, so that a defect does not take the machine with it.
_ROOM = 6 * 2**30
_START_SECONDS = 120.0

# Does with the bytes what the application would, and says in a word how that ended.
Trial = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended (``fault`` says what must not be), the seconds of computing that it took, and the memory, in
    bytes above what the process had before."""

    word: str
    seconds: float
    memory: int
    fault: str = ""


class Worker:
    """Tries cases in a process of its own, and starts another one where it was lost."""

    def __init__(self, make_trial: Callable[[], Trial], noise: Path) -> None:
        """Take what is run in the process, and the file for what it writes to its standard error."""
        self._make_trial, self._noise = make_trial, noise
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def attempt(self, data: bytes) -> Outcome:
        """Try a case."""
        begin = time.perf_counter()
        self._pipe.send_bytes(data)
        if self._pipe.poll(_PATIENCE):
            try:
                return self._pipe.recv()
            except EOFError:
                self._process.join()
                fault = f"the process died ({self._process.exitcode})"
        else:
            fault = f"no answer after {_PATIENCE:.0f} seconds"
        self._stop()
        self._start()
        return Outcome("fault", time.perf_counter() - begin, 0, fault)

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._make_trial, str(self._noise)), daemon=True
        )
        # The process would begin with what is ``__main__`` here: a page, where Streamlit has run one before.
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_SECONDS):
            raise RuntimeError("the worker did not start")
        self._pipe.recv()

    def _stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, make_trial: Callable[[], Trial], noise: str) -> None:
    os.dup2(os.open(noise, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    trial = make_trial()
    warnings.simplefilter("error")
    room = _status("VmSize") + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    pipe.send(None)
    while True:
        try:
            data = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send(_measured(trial, data))


def _measured(trial: Trial, data: bytes) -> Outcome:
    _forget_peak()
    said, memory, begin = os.fstat(2).st_size, _status("VmRSS"), time.process_time()
    word, fault = "fault", ""
    try:
        word = trial(data)
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"[:300]
    seconds, peak = time.process_time() - begin, max(0, _status("VmHWM") - memory)
    used = ((os.fstat(2).st_size - said, MAX_WORDS), (peak, MAX_MEMORY), (seconds, MAX_SECONDS))
    if not fault and any(much > limit for much, limit in used):
        fault = f"{used[0][0]} bytes on standard error, {peak / 2**20:.0f} MiB, {seconds:.1f} s"
    return Outcome(word, seconds, peak, fault)


def _status(name: str) -> int:
    """Return a number of ``/proc/self/status`` in bytes, 0 where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def _forget_peak() -> None:
    # 5: the largest resident size so far becomes the present one.
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return

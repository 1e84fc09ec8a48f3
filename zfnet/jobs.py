"""Long work in the background of a server: in the order of asking, once for all who ask, while somebody looks.

A key names a result: whoever asks for a key that is waited for or worked on joins that job, and a result that is still
kept is answered at once. An owner, one browser session, has one unfinished job: asking for another lets go of the
former. Nobody tells a server that a page is gone, so interest lapses when it is not renewed by ``look``; what nobody is
interested in stops. All this is decided when somebody calls: there are threads only while there is work.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from zfnet.errors import Cancelled, QueueFullError, ZFNetError
from zfnet.sharing import Cancel

P = TypeVar("P")
R = TypeVar("R")

# Called after each step with the number of steps done, that of all steps, and what makes a preview. The preview is made
# at once, in the worker's thread, and only if somebody has looked since the last one: its cost follows the readers.
Report = Callable[[int, int, Callable[[], P]], None]
Work = Callable[[Report[P], Cancel], R]
State = Literal["waiting", "running", "done", "stopped", "failed"]
_UNFINISHED = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class JobView(Generic[P, R]):
    """A job as one owner sees it at one moment.

    ``place`` is how many jobs wait in front of it: 0 when it is next or no longer waits. ``done`` and ``of`` count
    steps, both 0 before the first. ``preview`` is the last one made, also after a stop; it may be a few steps old.
    ``result`` is there when the state is done. ``error`` is the sentence of a failure that has one; a failure without
    is a defect, told in the log.
    """

    state: State = "waiting"
    place: int = 0
    done: int = 0
    of: int = 0
    preview: P | None = field(default=None, repr=False)
    result: R | None = field(default=None, repr=False)
    error: str | None = None


@dataclass(eq=False, slots=True)
class _Job(Generic[P, R]):
    """A job as all share it: when each owner looked last, and what those saw who have let go of it."""

    key: str
    view: JobView[P, R] = field(default_factory=JobView)
    looked: dict[str, float] = field(default_factory=dict)
    left: dict[str, JobView[P, R]] = field(default_factory=dict)
    preview_wanted: bool = True


class Jobs(Generic[P, R]):
    """Jobs whose previews are of one kind and whose results of another.

    At most ``workers`` run at a time and ``limit`` wait. An owner that has not looked for ``patience`` seconds counts
    as gone. ``keep`` results stay, and as many jobs that ended without one; the least recently used are thrown out
    first. The threads are daemons: they do not hold up the end of the program.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        limit: int = 16,
        patience: float = 8.0,
        keep: int = 32,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers, self._limit, self._patience, self._keep, self._clock = workers, limit, patience, keep, clock
        self._jobs: OrderedDict[str, _Job[P, R]] = OrderedDict()
        self._waiting: OrderedDict[_Job[P, R], Work[P, R]] = OrderedDict()
        self._running = 0
        self._lock = threading.Lock()

    def submit(self, key: str, owner: str, work: Work[P, R]) -> JobView[P, R]:
        """Ask for the result that ``key`` names, and let go of whatever else the owner has asked for.

        Args:
            key: equal keys have equal results.
            owner: who asks.
            work: makes the result, in another thread, unless it is kept or being made. It may report every step, and
                asks at least every other second whether to stop; it then raises ``Cancelled``.

        Raises:
            QueueFullError: when too many jobs wait. The owner's former job is let go of even then.
        """
        with self._lock:
            for other in self._jobs.values():
                self._let_go(other, owner)  # also of this one, which is taken up again below
            job = self._jobs.get(key)
            if job is None or job.view.state in ("stopped", "failed"):
                job = self._begin(key, work)
            if job.view.state in _UNFINISHED:
                job.looked[owner] = self._clock()
            self._jobs.move_to_end(key)
            return self._seen(job)

    def look(self, key: str, owner: str) -> JobView[P, R] | None:
        """Return how far a job is, and renew the owner's interest in it.

        A result is shown to everybody. Else who has not asked for the job gets None, and who has let go of it sees it
        stopped, as it was then.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                return None
            self._jobs.move_to_end(key)
            if owner in job.looked:
                job.looked[owner], job.preview_wanted = self._clock(), True
            elif job.view.state != "done":
                return job.left.get(owner)
            return self._seen(job)

    def cancel(self, key: str, owner: str) -> None:
        """Let go of a job. It goes on for the others who asked for it, and stops when there are none."""
        with self._lock:
            if key in self._jobs:
                self._let_go(self._jobs[key], owner)

    def _begin(self, key: str, work: Work[P, R]) -> _Job[P, R]:
        self._drop_deserted()
        job = _Job[P, R](key)
        if self._running < self._workers:
            job.view = replace(job.view, state="running")
            threading.Thread(target=self._run, args=(job, work), name="jobs", daemon=True).start()
            self._running += 1
        elif len(self._waiting) < self._limit:
            self._waiting[job] = work
        else:
            raise QueueFullError(f"{len(self._waiting)} jobs wait, and no more than {self._limit} can; try again later")
        self._jobs[key] = job
        return job

    def _run(self, job: _Job[P, R], work: Work[P, R]) -> None:
        """Work until nothing waits."""
        while True:
            outcome = self._outcome(job, work)
            with self._lock:
                self._end(job, outcome)
                self._drop_deserted()
                if not self._waiting:
                    self._running -= 1
                    return
                job, work = self._waiting.popitem(last=False)
                job.view = replace(job.view, state="running")

    def _outcome(self, job: _Job[P, R], work: Work[P, R]) -> JobView[P, R]:
        """Do the work of one job and return what became of it, whatever that is."""

        def report(done: int, of: int, preview: Callable[[], P]) -> None:
            with self._lock:
                job.view = replace(job.view, done=done, of=of)
                wanted, job.preview_wanted = job.preview_wanted, False
            if wanted:
                made = preview()
                with self._lock:
                    job.view = replace(job.view, preview=made)

        def cancel() -> bool:
            with self._lock:
                # Once told to stop, it is no longer joined by those who come, and what it returns may be incomplete.
                if self._deserted(job):
                    job.view = replace(job.view, state="stopped")
                return job.view.state == "stopped"

        try:
            result = work(report, cancel)
        except Cancelled:
            return replace(job.view, state="stopped")
        except ZFNetError as error:
            return replace(job.view, state="failed", error=str(error))
        except BaseException as error:  # also SystemExit: the next job needs this thread
            logging.getLogger("zfnet").error("job %s failed", job.key, exc_info=error)
            return replace(job.view, state="failed")
        if job.view.state == "stopped":
            return job.view
        return replace(job.view, state="done", result=result)

    def _end(self, job: _Job[P, R], view: JobView[P, R]) -> None:
        job.view = view
        if self._jobs.get(job.key) is job:  # else it was told to stop, and then replaced or forgotten
            self._jobs.move_to_end(job.key)
        ended = [other for other in self._jobs.values() if other.view.state not in _UNFINISHED]
        for with_result in (True, False):
            kind = [other for other in ended if (other.view.state == "done") == with_result]
            for oldest in kind[: max(len(kind) - self._keep, 0)]:
                del self._jobs[oldest.key]

    def _let_go(self, job: _Job[P, R], owner: str) -> None:
        if job.view.state in _UNFINISHED and owner in job.looked:
            del job.looked[owner]
            job.left[owner] = replace(job.view, state="stopped")

    def _deserted(self, job: _Job[P, R]) -> bool:
        now = self._clock()
        return all(now - last > self._patience for last in job.looked.values())

    def _drop_deserted(self) -> None:
        for job in [job for job in self._waiting if self._deserted(job)]:
            del self._waiting[job]
            self._end(job, replace(job.view, state="stopped"))

    def _seen(self, job: _Job[P, R]) -> JobView[P, R]:
        self._drop_deserted()
        place = list(self._waiting).index(job) if job in self._waiting else 0
        return replace(job.view, place=place)

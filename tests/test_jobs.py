"""Jobs: first come first served, once for all who ask, and never for nobody."""

import logging
import threading
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from zfnet import QueueFullError, SelectionError
from zfnet.errors import Cancelled
from zfnet.jobs import Jobs, JobView, Report
from zfnet.sharing import Cancel

# Never waited for in full unless something is broken.
TIMEOUT = 20


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Climb:
    """Work whose every step waits for the test; its preview at step n is ``n`` and its result ``"summit"``."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.threads: list[threading.Thread] = []
        self.previewed: list[tuple[int, threading.Thread]] = []
        self._orders = threading.Semaphore(0)
        self._stepped = threading.Semaphore(0)
        self._ending = False

    def __call__(self, report: Report[int], cancel: Cancel) -> str:
        self.threads.append(threading.current_thread())
        self._stepped.release()
        for step in count(1):
            assert self._orders.acquire(timeout=TIMEOUT)
            if cancel():
                raise Cancelled(f"stopped before step {step}")
            if self._ending:
                break
            report(step, 10, partial(self._preview, step))
            self._stepped.release()
        if self.error:
            raise self.error
        return "summit"

    def _preview(self, step: int) -> int:
        self.previewed.append((step, threading.current_thread()))
        return step

    def started(self) -> "Climb":
        """Wait until the work has begun."""
        assert self._stepped.acquire(timeout=TIMEOUT)
        return self

    def step(self, times: int = 1) -> None:
        """Let so many steps happen."""
        for _ in range(times):
            self._orders.release()
            assert self._stepped.acquire(timeout=TIMEOUT)

    def ask(self) -> None:
        """Let the work go on to where it asks whether to stop; it must be told so."""
        self._orders.release()
        idle()

    def end(self) -> None:
        """Let the work come to its end, or to where it is told to stop."""
        self._ending = True
        self._orders.release()


def idle(*threads: threading.Thread) -> None:
    """Wait until workers have nothing left to do."""
    for thread in threads or [one for one in threading.enumerate() if one.name == "jobs"]:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def seen(jobs: Jobs[int, str], key: str, owner: str) -> JobView[int, str]:
    view = jobs.look(key, owner)
    assert view
    return view


def at_once(report: Report[int], cancel: Cancel) -> str:
    return "summit"


def never(report: Report[int], cancel: Cancel) -> str:
    pytest.fail("this must not run")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(clock: Clock, caplog: pytest.LogCaptureFixture) -> Iterator[Jobs[int, str]]:
    """One worker, three places to wait in, two results kept; and no assertion of this file fails unseen in a thread."""
    yield Jobs(limit=3, patience=8, keep=2, clock=clock)
    idle()
    errors = [record.exc_info[1] for record in caplog.get_records("call") if record.exc_info]
    assert not [error for error in errors if isinstance(error, AssertionError | pytest.fail.Exception)]


def assert_next_works(jobs: Jobs[int, str]) -> None:
    jobs.submit("next", "Zoe", at_once)
    idle()
    assert seen(jobs, "next", "Zoe").result == "summit"


def test_work_is_done_in_a_daemon_thread_and_seen_from_the_first_step_to_the_result(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    assert jobs.submit("a", "Ann", climb) == JobView("running")
    climb.started().step()
    assert seen(jobs, "a", "Ann") == JobView("running", done=1, of=10, preview=1)
    climb.step(2)
    assert seen(jobs, "a", "Ann").done == 3
    assert climb.threads[0] is not threading.current_thread()
    assert climb.threads[0].daemon
    climb.end()
    idle()
    assert seen(jobs, "a", "Ann") == JobView("done", done=3, of=10, preview=2, result="summit")


def test_there_are_no_threads_while_there_is_no_work(jobs: Jobs[int, str]) -> None:
    assert_next_works(jobs)
    assert not [thread for thread in threading.enumerate() if thread.name == "jobs"]


def test_a_preview_is_made_by_the_worker_and_only_when_somebody_has_looked(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    climb.started().step(4)
    assert seen(jobs, "a", "Ann").preview == 1
    climb.step(4)
    assert seen(jobs, "a", "Ann").preview == 5
    assert climb.previewed == [(1, climb.threads[0]), (5, climb.threads[0])]
    climb.end()


def test_a_kept_result_answers_at_once_and_is_shown_to_everybody(jobs: Jobs[int, str]) -> None:
    jobs.submit("a", "Ann", at_once)
    idle()
    assert seen(jobs, "a", "Bob").result == "summit"
    assert jobs.submit("a", "Bob", never) == JobView("done", result="summit")


def test_as_many_results_are_kept_as_agreed_and_the_least_recently_used_go_first(jobs: Jobs[int, str]) -> None:
    for key in ("a", "b"):
        jobs.submit(key, "Ann", at_once)
        idle()
    seen(jobs, "a", "Bob")
    jobs.submit("c", "Ann", at_once)
    idle()
    assert [bool(jobs.look(key, "Bob")) for key in "abc"] == [True, False, True]


def test_stopped_jobs_are_forgotten_in_time_and_push_no_result_out(jobs: Jobs[int, str]) -> None:
    jobs.submit("a", "Ann", at_once)
    idle()
    climb = Climb()
    jobs.submit("b", "Bob", climb)
    for key in ("c", "d", "e"):
        jobs.submit(key, "Ann", never)
        jobs.cancel(key, "Ann")
    climb.end()
    idle()
    assert [bool(jobs.look(key, "Ann")) for key in "abcde"] == [True, True, False, True, True]


def test_a_job_that_took_long_is_kept_when_others_were_used_since(clock: Clock) -> None:
    jobs = Jobs[int, str](workers=2, keep=1, clock=clock)
    climb = Climb()
    jobs.submit("long", "Ann", climb)
    jobs.submit("short", "Bob", at_once)
    climb.started()
    idle(*[one for one in threading.enumerate() if one.name == "jobs" and one not in climb.threads])
    climb.end()
    idle()
    assert jobs.look("long", "Ann")
    assert not jobs.look("short", "Bob")


def test_who_asks_for_the_same_shares_one_job(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    climb.started().step()
    assert jobs.submit("a", "Bob", never) == JobView("running", done=1, of=10, preview=1)
    climb.end()
    idle()
    assert seen(jobs, "a", "Ann") == seen(jobs, "a", "Bob")
    assert seen(jobs, "a", "Bob").result == "summit"


def test_a_waiting_job_is_shared_too(jobs: Jobs[int, str]) -> None:
    first, second = Climb(), Climb()
    jobs.submit("a", "Ann", first)
    jobs.submit("b", "Bob", second)
    assert jobs.submit("b", "Cem", never).state == "waiting"
    jobs.cancel("b", "Bob")
    first.end()
    second.started()
    assert seen(jobs, "b", "Cem").state == "running"
    second.end()
    idle()
    assert seen(jobs, "b", "Cem").result == "summit"


def test_who_cancels_leaves_and_the_job_stops_when_nobody_is_left(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    jobs.submit("a", "Bob", never)
    climb.started().step()
    jobs.cancel("a", "Ann")
    climb.step()
    assert seen(jobs, "a", "Ann") == JobView("stopped", done=1, of=10, preview=1)
    assert seen(jobs, "a", "Bob").done == 2
    jobs.cancel("a", "Bob")
    assert seen(jobs, "a", "Bob").state == "stopped"
    climb.ask()
    assert_next_works(jobs)


def test_who_has_left_may_come_back(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    climb.started().step()
    jobs.cancel("a", "Ann")
    assert jobs.submit("a", "Ann", never).state == "running"  # it has not been told yet
    climb.step()
    assert seen(jobs, "a", "Ann").done == 2
    climb.end()


def test_who_left_a_job_that_others_finished_sees_the_result(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    jobs.submit("a", "Bob", never)
    jobs.cancel("a", "Ann")
    climb.end()
    idle()
    assert seen(jobs, "a", "Ann").state == "done"


def test_cancelling_what_one_has_not_asked_for_changes_nothing(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    jobs.cancel("a", "Bob")
    jobs.cancel("b", "Ann")
    climb.started().step()
    climb.end()
    idle()
    jobs.cancel("a", "Ann")
    assert seen(jobs, "a", "Ann").state == "done"


def test_an_unfinished_job_is_not_shown_to_who_has_not_asked_for_it(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    assert jobs.look("a", "Bob") is None
    assert jobs.look("b", "Ann") is None
    jobs.cancel("a", "Ann")
    climb.ask()
    assert jobs.look("a", "Bob") is None


def test_asking_for_another_lets_go_of_the_job_that_runs(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    climb.started().step()
    assert jobs.submit("b", "Ann", at_once).state == "waiting"
    climb.ask()
    assert seen(jobs, "a", "Ann") == JobView("stopped", done=1, of=10, preview=1)
    assert seen(jobs, "b", "Ann").result == "summit"


def test_asking_for_another_lets_go_of_the_job_that_waits(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    for key in ("b", "c", "d", "e", "f"):  # more than can wait
        jobs.submit(key, "Bob", never)
    assert jobs.submit("g", "Bob", at_once).place == 0
    climb.end()
    idle()
    assert seen(jobs, "g", "Bob").result == "summit"


def test_asking_for_another_leaves_the_former_to_the_others(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    jobs.submit("a", "Bob", never)
    jobs.submit("b", "Ann", at_once)
    climb.started().step()
    assert seen(jobs, "a", "Bob").done == 1
    climb.end()


def test_asking_for_what_is_kept_lets_go_of_the_former(jobs: Jobs[int, str]) -> None:
    jobs.submit("a", "Ann", at_once)
    idle()
    climb = Climb()
    jobs.submit("b", "Ann", climb)
    climb.started()
    jobs.submit("a", "Ann", never)
    climb.ask()
    assert seen(jobs, "b", "Ann").state == "stopped"


def test_the_order_of_asking_is_the_order_of_running_and_the_place_is_told(jobs: Jobs[int, str]) -> None:
    order: list[str] = []

    def note(owner: str, report: Report[int], cancel: Cancel) -> str:
        order.append(owner)
        return owner

    climb, owners = Climb(), ("Ann", "Bob", "Cem")
    assert jobs.submit("first", "Zoe", climb).place == 0
    assert [jobs.submit(owner, owner, partial(note, owner)).place for owner in owners] == [0, 1, 2]
    jobs.cancel("Ann", "Ann")
    assert jobs.submit("Cem", "Dan", never).place == 1
    assert [seen(jobs, owner, owner).place for owner in ("Bob", "Cem")] == [0, 1]
    jobs.submit("Ann", "Ann", partial(note, "Ann"))  # who comes back comes last
    assert [seen(jobs, owner, owner).place for owner in owners] == [2, 0, 1]
    climb.end()
    idle()
    assert order == ["Bob", "Cem", "Ann"]


def test_as_many_run_at_a_time_as_there_are_workers(clock: Clock) -> None:
    jobs = Jobs[int, str](workers=2, clock=clock)
    climbs = [Climb() for _ in range(3)]
    states = [jobs.submit(str(number), str(number), climb).state for number, climb in enumerate(climbs)]
    assert states == ["running", "running", "waiting"]
    climbs[1].started().end()
    climbs[2].started().end()
    climbs[0].started().end()
    idle()
    assert [seen(jobs, str(number), "").state for number in range(3)] == ["done"] * 3


def test_too_many_waiting_jobs_are_refused_and_those_that_wait_are_done(jobs: Jobs[int, str]) -> None:
    climb = Climb()
    jobs.submit("first", "Zoe", climb)
    for owner in ("Ann", "Bob", "Cem"):
        jobs.submit(owner, owner, at_once)
    with pytest.raises(QueueFullError, match=r"^3 jobs wait, and no more than 3 can; try again later$"):
        jobs.submit("Dan", "Dan", never)
    assert jobs.look("Dan", "Dan") is None
    assert jobs.submit("Cem", "Dan", never).place == 2  # joining takes no place
    climb.end()
    idle()
    assert [seen(jobs, owner, owner).state for owner in ("Bob", "Cem")] == ["done", "done"]
    assert_next_works(jobs)


def test_a_job_whose_owner_has_not_looked_for_long_stops_and_keeps_how_far_it_came(
    jobs: Jobs[int, str], clock: Clock
) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    climb.started()
    for _ in range(3):
        clock.now += 8
        climb.step()
        seen(jobs, "a", "Ann")
    clock.now += 8.1
    climb.ask()
    assert seen(jobs, "a", "Ann") == JobView("stopped", done=3, of=10, preview=3)
    assert_next_works(jobs)


def test_one_who_looks_keeps_a_shared_job_going(jobs: Jobs[int, str], clock: Clock) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    jobs.submit("a", "Bob", never)
    climb.started()
    for _ in range(3):
        clock.now += 5
        seen(jobs, "a", "Bob")
        jobs.look("a", "Cem")  # a stranger does not count
        climb.step()
    assert seen(jobs, "a", "Ann").done == 3  # gone, and back in time
    climb.end()


def test_a_waiting_job_whose_owner_is_gone_neither_runs_nor_takes_a_place(jobs: Jobs[int, str], clock: Clock) -> None:
    climb = Climb()
    jobs.submit("first", "Zoe", climb)
    for owner in ("Ann", "Bob", "Cem"):
        jobs.submit(owner, owner, never)
    clock.now += 5
    seen(jobs, "first", "Zoe")
    jobs.submit("Dan", "Cem", at_once)
    clock.now += 5
    assert seen(jobs, "Dan", "Cem").place == 0
    assert seen(jobs, "Ann", "Ann").state == "stopped"
    climb.end()
    idle()
    assert seen(jobs, "Dan", "Cem").result == "summit"


def test_a_waiting_job_is_dropped_though_nobody_called_since_its_owner_went(jobs: Jobs[int, str], clock: Clock) -> None:
    climb = Climb()
    jobs.submit("a", "Ann", climb)
    jobs.submit("b", "Bob", never)
    clock.now += 10
    climb.started().ask()
    assert [seen(jobs, key, owner).state for key, owner in (("a", "Ann"), ("b", "Bob"))] == ["stopped", "stopped"]


class Stubborn:
    """Work that goes on when told to stop, until ``finish`` is set, and returns an incomplete result."""

    def __init__(self) -> None:
        self.told, self.finish = threading.Event(), threading.Event()

    def __call__(self, report: Report[int], cancel: Cancel) -> str:
        while not cancel():
            self.told.wait(0.001)
        self.told.set()
        assert self.finish.wait(TIMEOUT)
        assert cancel()  # there is no way back
        return "half way"

    def stopped(self, jobs: Jobs[int, str]) -> "Stubborn":
        """Ask for it as "a", and cancel."""
        jobs.submit("a", "Ann", self)
        jobs.cancel("a", "Ann")
        assert self.told.wait(TIMEOUT)
        return self


def test_what_a_job_returns_after_it_was_told_to_stop_is_no_result(jobs: Jobs[int, str]) -> None:
    Stubborn().stopped(jobs).finish.set()
    idle()
    assert jobs.look("a", "Bob") is None
    assert seen(jobs, "a", "Ann") == JobView("stopped")


def test_what_was_told_to_stop_is_begun_anew_for_who_asks(jobs: Jobs[int, str]) -> None:
    stubborn = Stubborn().stopped(jobs)
    assert jobs.submit("a", "Bob", at_once).state == "waiting"
    stubborn.finish.set()
    idle()
    assert seen(jobs, "a", "Bob").result == "summit"


def test_a_job_may_end_after_it_was_forgotten(jobs: Jobs[int, str]) -> None:
    stubborn = Stubborn().stopped(jobs)
    for key in ("b", "c"):
        jobs.submit(key, "Bob", never)
        jobs.cancel(key, "Bob")
    jobs.submit("d", "Bob", at_once)
    assert jobs.look("a", "Ann") is None
    stubborn.finish.set()
    idle()
    assert seen(jobs, "d", "Bob").result == "summit"
    assert_next_works(jobs)


def test_a_result_that_came_before_the_question_whether_to_stop_is_kept(jobs: Jobs[int, str]) -> None:
    ready = threading.Event()

    def deaf(report: Report[int], cancel: Cancel) -> str:
        assert ready.wait(TIMEOUT)
        return "summit"

    jobs.submit("a", "Ann", deaf)
    jobs.cancel("a", "Ann")
    ready.set()
    idle()
    assert seen(jobs, "a", "Bob").result == "summit"


@pytest.mark.parametrize("error", [SelectionError("there is no such unit"), KeyError("oops"), SystemExit()], ids=repr)
def test_a_failure_leaves_the_next_job_working(
    jobs: Jobs[int, str], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    climb = Climb(error)
    jobs.submit("a", "Ann", climb)
    climb.started().step()
    jobs.submit("b", "Bob", at_once)
    climb.end()
    idle()
    expected = isinstance(error, SelectionError)
    sentence = "there is no such unit" if expected else None
    assert seen(jobs, "a", "Ann") == JobView("failed", done=1, of=10, preview=1, error=sentence)
    assert seen(jobs, "b", "Bob").result == "summit"
    jobs.submit("b", "Ann", never)
    assert seen(jobs, "a", "Ann").state == "failed"  # also when she has asked for something else
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == ([] if expected else [error])
    assert_next_works(jobs)


def test_a_defect_in_a_preview_is_one_of_the_job(jobs: Jobs[int, str], caplog: pytest.LogCaptureFixture) -> None:
    def blind(report: Report[int], cancel: Cancel) -> str:
        report(1, 10, lambda: 1 // 0)
        return "summit"

    with caplog.at_level(logging.ERROR, "zfnet"):
        jobs.submit("a", "Ann", blind)
        idle()
    assert seen(jobs, "a", "Ann") == JobView("failed", done=1, of=10)
    assert "job a failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_what_failed_is_tried_again_for_who_asks(jobs: Jobs[int, str]) -> None:
    climb = Climb(SelectionError("not now"))
    jobs.submit("a", "Ann", climb)
    climb.started().end()
    idle()
    assert seen(jobs, "a", "Ann").error == "not now"
    jobs.submit("a", "Ann", at_once)
    idle()
    assert seen(jobs, "a", "Ann").result == "summit"


def test_many_threads_at_once_get_what_they_asked_for(clock: Clock) -> None:
    jobs = Jobs[int, str](workers=2, limit=100, keep=200, clock=clock)
    wrong: list[object] = []
    running = threading.Semaphore(2)

    def work(key: str, report: Report[int], cancel: Cancel) -> str:
        if not running.acquire(blocking=False):
            wrong.append("more than two run")
        report(1, 1, lambda: 0)
        running.release()
        return key

    def visit(owner: str) -> None:
        for number in range(41):
            key, leaves = str(number), number % 3 == 0
            jobs.submit(key, owner, partial(work, key))
            if leaves:
                jobs.cancel(key, owner)
            view = jobs.look(key, owner)
            expected = ["running", "waiting", "done", *(["stopped", None] if leaves else [])]
            if (view and view.state) not in expected or (view and view.result not in (None, key)):
                wrong.append(view)

    visitors = [threading.Thread(target=visit, args=(f"visitor {number}",)) for number in range(8)]
    for visitor in visitors:
        visitor.start()
    idle(*visitors)
    idle()
    assert wrong == []
    assert seen(jobs, "40", "visitor 0").result == "40"
    assert_next_works(jobs)

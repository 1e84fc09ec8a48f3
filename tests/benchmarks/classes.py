"""A class at work, and what it noted: how long every run took, what went wrong, what server and students cost."""

import asyncio
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.processes import Meter, resident_megabytes
from tests.benchmarks.students import Step, Student, own_picture, plan
from tests.benchmarks.visits import Lost, Visit
from tests.browser.server import Server

FIRST = "first view"


@dataclass(frozen=True, slots=True)
class Class:
    """How many students come, evenly over ``ramp`` seconds, and what they do for ``measured`` seconds after that.

    ``think`` is their pause between two things on average.
    """

    students: int
    weights: Mapping[str, int]
    ramp: float = 60.0
    measured: float = 120.0
    think: float = 5.0

    @property
    def own(self) -> bool:
        """Return whether each brings a picture."""
        return "upload" in self.weights

    def steps(self, number: int) -> Iterator[Step]:
        """Return what one of the students does."""
        return plan(number, self.weights, self.think)

    def pictures(self, number: int) -> list[bytes]:
        """Return as many pictures as one of the students can send in that time."""
        sent, passed = 1, 0.0
        for step in self.steps(number):
            passed += step.pause
            if passed > self.ramp + self.measured:
                break
            sent += step.kind == "upload"
        return [own_picture(1000 * number + i) for i in range(sent)]


@dataclass
class Notes:
    """Seconds of every run by what was done, troubles, and costs in seconds and megabytes."""

    times: dict[str, list[float]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    lost: int = 0
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    wall: float = math.nan
    server: float = math.nan
    own: float = math.nan
    memory: float = math.nan

    def add(self, kind: str, seconds: float) -> None:
        """Note how long something took."""
        self.times.setdefault(kind, []).append(seconds)

    @property
    def runs(self) -> list[float]:
        """Return the times of all runs but first views."""
        return [seconds for kind, times in self.times.items() if kind != FIRST for seconds in times]


def at_most(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so many of all do not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)] if values else math.nan


async def work(url: str, servers: Sequence[Server], here: Class) -> Notes:
    """Let a class work, and return what was noted after all had come. First views are noted always."""
    notes, pids = Notes(), [server.process.pid for server in servers]
    pictures = [here.pictures(i) if here.own else [] for i in range(here.students)]
    begin = time.perf_counter()
    coming = (_attend(url, here, i, begin, notes, iter(own)) for i, own in enumerate(pictures))
    students = [asyncio.create_task(one) for one in coming]
    await asyncio.sleep(here.ramp)
    meter = Meter(pids)
    await asyncio.sleep(here.measured)
    notes.wall, notes.server, notes.own = meter.read()
    notes.memory = sum(map(resident_megabytes, pids))
    await asyncio.gather(*students)
    return notes


async def _attend(url: str, here: Class, number: int, begin: float, notes: Notes, pictures: Iterator[bytes]) -> None:
    """Come, work, and go when time is over; a lost student does not come again."""
    visit = Visit(url)
    student = Student(visit, pictures)
    await asyncio.sleep(here.ramp * number / here.students)
    try:
        notes.add(FIRST, await visit.open())
        await visit.look()
        if here.own:
            await student.upload()
        for step in here.steps(number):
            await asyncio.sleep(step.pause)
            started = time.perf_counter() - begin
            if started > here.ramp + here.measured:
                break
            kind, seconds = await student.take(step)
            if started >= here.ramp:
                notes.add(kind, seconds)
    except Lost as lost:
        notes.lost += 1
        notes.troubles.append(str(lost))
    notes.troubles += visit.troubles
    await visit.leave()

"""The server's memory while visitors come, upload pictures one after another, and go."""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from tests.benchmarks.processes import resident_megabytes
from tests.benchmarks.students import PAGES, Student, own_picture
from tests.benchmarks.tables import table
from tests.benchmarks.visits import Lost, Visit, listed
from tests.browser.server import Server

# Visitors at a time, and how many pictures each sends before another one comes: one more than a session keeps.
_VISITORS, _EACH = 4, 9
_EVERY, _SETTLED, _GROWTH = 250, 500, 0.1


@dataclass
class Curve:
    """Megabytes that the server holds after so many uploads."""

    load: float = field(default_factory=lambda: os.getloadavg()[0])
    memory: dict[int, float] = field(default_factory=dict)
    minutes: float = 0.0
    done: int = 0
    troubles: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Return the curve as a table."""
        settled = self.memory.get(_SETTLED)
        rows = [(f"{count}", f"{held:.0f} MB", _growth(held, settled)) for count, held in self.memory.items()]
        told = table(("Uploads", "the server holds", f"against upload {_SETTLED}"), rows)
        took = f"{self.done} uploads in {self.minutes:.0f} minutes, load before {self.load:.1f}"
        return f"{told}\n\n{took}, errors: {len(self.troubles)}.{listed(self.troubles)}"


def _growth(held: float, settled: float | None) -> str:
    if settled is None:
        return ""
    grown = held / settled - 1
    return f"{grown:+.1%}" + (f" (missed: {_GROWTH:.0%})" if grown >= _GROWTH else "")


async def uploads(server: Server, count: int) -> Curve:
    """Upload pictures through sessions that come and go, and look at the memory every so often."""
    curve = Curve()
    curve.memory[0] = resident_megabytes(server.process.pid)
    numbers = iter(range(count))
    begin = time.perf_counter()
    await asyncio.gather(*(_visitors(server, numbers, curve) for _ in range(_VISITORS)))
    curve.minutes = (time.perf_counter() - begin) / 60
    return curve


async def _visitors(server: Server, numbers: Iterator[int], curve: Curve) -> None:
    """Let one visitor after another come."""
    while batch := list(islice(numbers, _EACH)):
        visit = Visit(server.url)
        student = Student(visit, map(own_picture, batch))
        try:
            await visit.open(PAGES[batch[0] // _EACH % len(PAGES)])
            for _ in batch:
                await student.upload()
                await visit.look()
                curve.done += 1
                if curve.done % _EVERY == 0:
                    curve.memory[curve.done] = resident_megabytes(server.process.pid)
        except Lost as lost:
            curve.troubles.append(str(lost))
        curve.troubles += visit.troubles
        await visit.leave()

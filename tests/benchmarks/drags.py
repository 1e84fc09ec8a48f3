"""One visitor drags a slider or runs through tiles as fast as a hand can, while another one works."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.benchmarks.classes import at_most
from tests.benchmarks.students import ON_SAMPLES, Student, pick, plan, tile_count
from tests.benchmarks.visits import Visit, clicked, slid
from tests.browser.server import Server

# An event at a part of the way, 0 to 1.
Event = Callable[[Visit, float], WidgetState]

_PER_SECOND, _TARGET = 20, 1.5
# One way along a slider, in seconds.
_WAY = 1.0
# What the other one does: so many things, after pauses of so many seconds on average. It takes about 20 seconds.
_STEPS, _THINK, _SEED, _ROUNDS = 30, 0.5, 7, 2


@dataclass
class Drag:
    """Seconds of the one who works, alone and meanwhile, and how many events became runs that ended."""

    name: str
    alone: list[float] = field(default_factory=list)
    meanwhile: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    events: int = 0
    ended: int = 0

    def add(self, other: "Drag") -> None:
        """Add what was found with another hand."""
        self.alone += other.alone
        self.meanwhile += other.meanwhile
        self.troubles += other.troubles
        self.events += other.events
        self.ended += other.ended

    def told(self) -> tuple[str, ...]:
        """Return a row of a table."""
        alone, meanwhile = at_most(self.alone, 0.95), at_most(self.meanwhile, 0.95)
        missed = " (missed)" if meanwhile > _TARGET * alone else ""
        ratio = f"{meanwhile / alone:.2f}×{missed}"
        times = (f"{late:.2f} s ({len(of)} reruns)" for late, of in ((alone, self.alone), (meanwhile, self.meanwhile)))
        return (self.name, *times, ratio, f"{self.events}", f"{self.ended}", f"{len(self.troubles)}")


def _crop(visit: Visit, part: float) -> WidgetState:
    return slid(visit.page.widget("choose_offset"), round(part, 2))


def _square(visit: Visit, part: float) -> WidgetState:
    return slid(visit.page.widget("choose_size"), pick(range(16, 97, 4), part))


def _tiles(visit: Visit, part: float) -> WidgetState:
    tiles = visit.page.widget("channels")
    return clicked(tiles, pick(range(tile_count(tiles)), part))


# What is said of it, the page and its address, and one event.
_HANDS: tuple[tuple[str, tuple[str, str], Event], ...] = (
    ("moves the crop on Grad-CAM", ("gradcam", "crop=move"), _crop),
    ("moves the crop on DeconvNet, nine units", ("deconvnet", "crop=move&start=nine"), _crop),
    ("sizes the square of occlusion", ("occlusion", ""), _square),
    ("runs through the maps of conv3", ("feature-maps", "layer=conv3"), _tiles),
)


async def drags(server: Server) -> list[Drag]:
    """Let somebody work alone and beside every hand, in turn; the last row is of all."""
    await _work(server.url)  # warms up
    found = [await _drag(server.url, *hand) for hand in _HANDS]
    together = Drag("all of these")
    for one in found:
        together.add(one)
    return [*found, together]


async def _drag(url: str, name: str, opened: tuple[str, str], event: Event) -> Drag:
    drag = Drag(name)
    for _ in range(_ROUNDS):
        drag.alone += await _work(url)
        visit = Visit(url)
        await visit.open(*opened)
        hand = [asyncio.create_task(_move(visit, event, drag)), asyncio.create_task(_hear(visit, drag))]
        drag.meanwhile += await _work(url)
        for task in hand:
            task.cancel()
        ends = await asyncio.gather(*hand, return_exceptions=True)
        await visit.leave()
        drag.troubles += visit.troubles + [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)]
    return drag


async def _move(visit: Visit, event: Event, drag: Drag) -> None:
    """Send events without waiting for what they do."""
    begin = time.perf_counter()
    while True:
        drag.events += 1
        part = abs(drag.events / _PER_SECOND / _WAY % 2 - 1)
        await visit.send(event(visit, part))
        await asyncio.sleep(max(begin + drag.events / _PER_SECOND - time.perf_counter(), 0))


async def _hear(visit: Visit, drag: Drag) -> None:
    """Take what comes, and count the runs that came to their end. There may be none as long as the hand moves."""
    while True:
        message = await visit.hear(patience=None)
        drag.ended += (
            message.WhichOneof("type") == "script_finished"
            and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        )


async def _work(url: str) -> list[float]:
    """Do the same things as every time, in a session of its own; return how long each took."""
    visit, seconds = Visit(url), []
    student = Student(visit, iter(()))
    await visit.open()
    for step in islice(plan(_SEED, ON_SAMPLES, _THINK), _STEPS):
        await asyncio.sleep(step.pause)
        seconds.append((await student.take(step))[1])
    await visit.leave()
    return seconds

"""How the dashboard holds a class: students who work at the same time, uploads, memory, and a hand that drags sliders.

``python -m tests.benchmarks.load --all --write`` measures everything, for about an hour, and writes the tables
between the marks in README.md. Everything runs on this machine, the students too; what they cost is told.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.classes import FIRST, Class, Notes, at_most, work
from tests.benchmarks.drags import Drag, drags
from tests.benchmarks.memory import uploads
from tests.benchmarks.students import ON_OWN, ON_SAMPLES
from tests.benchmarks.tables import table
from tests.benchmarks.visits import listed
from tests.browser.proxy import proxy
from tests.browser.server import ROOT, Server, serve

T = TypeVar("T")

_README = ROOT / "README.md"
_MARKS = re.compile(r"(<!-- load -->\n).*?(<!-- /load -->)", re.DOTALL)
_SCENARIOS = ("samples", "own", "replicas", "memory", "sliders")
# The 95th percentile of a rerun, in seconds, at most.
_TARGETS = {"samples": 0.5, "own": 3.0}
_THREADS = 32


def main() -> None:
    """Measure what was asked for and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="what is measured")
    parser.add_argument("--all", action="store_true", help="measure everything")
    parser.add_argument("--write", action="store_true", help="write the tables into README.md")
    parser.add_argument("--students", type=int, help="another number of students, for a try")
    parser.add_argument("--ramp", type=float, default=60, help="seconds in which they come")
    parser.add_argument("--seconds", type=float, default=120, help="how long is measured after that")
    parser.add_argument("--uploads", type=int, default=2000, help="uploads of the scenario memory")
    options = parser.parse_args()
    wanted = _SCENARIOS if options.all else options.scenarios
    classes = {
        "samples": Class(options.students or 30, ON_SAMPLES, options.ramp, options.seconds),
        "own": Class(options.students or 30, ON_OWN, options.ramp, options.seconds),
        "replicas": Class(options.students or 100, ON_SAMPLES | {"reconnect": 5}, options.ramp, options.seconds),
    }
    noted = {name: _class(name, here) for name, here in classes.items() if name in wanted}
    parts = [_crowds(classes, noted), _kinds(noted)] if noted else []
    if "memory" in wanted:
        parts.append(_with_server(lambda server: uploads(server, options.uploads)).told())
    if "sliders" in wanted:
        parts.append(_drags(_with_server(drags)))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.write:
        readme = _README.read_text("utf-8")
        _README.write_text(_MARKS.sub(lambda marks: f"{marks[1]}{text}{marks[2]}", readme), "utf-8")


def _class(name: str, here: Class) -> Notes:
    """Let a class work with one server, or with two behind a proxy."""
    with _servers(2 if name == "replicas" else 1) as (url, servers):
        return _run(work(url, servers, here))


def _with_server(measure: Callable[[Server], Awaitable[T]]) -> T:
    with _servers(1) as (_, servers):
        return _run(measure(servers[0]))


@contextmanager
def _servers(count: int) -> Iterator[tuple[str, Sequence[Server]]]:
    """Start servers, and a proxy before them where there are several; yield the address that visitors open.

    What the servers have written of errors is printed at the end.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        settings = {"OMP_NUM_THREADS": "1"} if count > 1 else {}
        servers = [stack.enter_context(serve(folder / f"server-{i}.log", **settings)) for i in range(count)]
        door = stack.enter_context(proxy(folder, servers)) if count > 1 else servers[0]
        yield door.url, servers
        for server in servers:
            sys.stderr.writelines(line for line in server.said().splitlines(True) if '"level": "error"' in line)


def _run(measuring: Awaitable[T]) -> T:
    async def measured() -> T:
        # Requests of a student wait in threads.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
        return await measuring

    return asyncio.run(measured())


def _crowds(classes: dict[str, Class], noted: dict[str, Notes]) -> str:
    heading = (
        "Class",
        "reruns",
        "median",
        "95 of 100",
        "longest",
        "errors",
        "lost sessions",
        "server's CPU for a rerun",
        "server busy",
        "students busy",
        "server's memory",
        "load before",
    )
    rows = [_crowd(name, classes[name], notes) for name, notes in noted.items()]
    return table(heading, rows) + listed([f"{name}: {one}" for name, notes in noted.items() for one in notes.troubles])


def _crowd(name: str, here: Class, notes: Notes) -> tuple[str, ...]:
    runs, target = notes.runs, _TARGETS.get(name)
    late = at_most(runs, 0.95)
    asked = f" ({'missed' if late > target else 'at most'}: {target:g} s)" if target else ""
    what = {"samples": "samples", "own": "a picture of their own each", "replicas": "samples, two servers behind nginx"}
    return (
        f"{here.students} students, {what[name]}",
        f"{len(runs)}",
        f"{at_most(runs, 0.5):.2f} s",
        f"{late:.2f} s{asked}",
        f"{max(runs):.2f} s",
        f"{len(notes.troubles)}",
        f"{notes.lost}",
        f"{notes.server / len(runs) * 1000:.0f} ms",
        f"{notes.server / notes.wall:.0%} of a core",
        f"{notes.own / notes.wall:.0%} of a core",
        f"{notes.memory:.0f} MB",
        f"{notes.load:.1f}",
    )


def _kinds(noted: dict[str, Notes]) -> str:
    kinds = dict.fromkeys(kind for notes in noted.values() for kind in sorted(notes.times) if kind != FIRST)
    rows = [(kind, *(_times(notes.times.get(kind, [])) for notes in noted.values())) for kind in (*kinds, FIRST)]
    return table(("Median / 95 of 100 / longest, in seconds", *noted), rows)


def _times(values: list[float]) -> str:
    if not values:
        return ""
    return f"{at_most(values, 0.5):.2f} / {at_most(values, 0.95):.2f} / {max(values):.2f} ({len(values)})"


def _drags(found: list[Drag]) -> str:
    heading = (
        "While somebody else, 20 times a second",
        "95 of 100 reruns alone",
        "meanwhile",
        "ratio, at most 1.5×",
        "events",
        "runs that ended",
        "errors",
    )
    return table(heading, [one.told() for one in found]) + listed(found[-1].troubles)


if __name__ == "__main__":
    main()

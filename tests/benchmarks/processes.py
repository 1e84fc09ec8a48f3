"""What processes cost: processor time and memory."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    # The name before the fields may hold anything, a parenthesis too.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process holds."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


class Meter:
    """Processor time and wall time since it was made, of servers and of this process."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._begin = (time.perf_counter(), self._server(), self._own())

    def _server(self) -> float:
        return sum(map(cpu_seconds, self._pids))

    def _own(self) -> float:
        return cpu_seconds(os.getpid())

    def read(self) -> tuple[float, float, float]:
        """Return the seconds of wall, of the servers' processors, and of this process's."""
        wall, server, own = self._begin
        return time.perf_counter() - wall, self._server() - server, self._own() - own

"""The real server in a process of its own, and the Chromium that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
_LISTENING = "0A"
_START_SECONDS, _STOP_SECONDS = 60, 10
# No host but this machine can be reached, so that nothing depends on a network or speaks to one unseen.
_CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A dashboard that answers at ``url``."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Return what the server has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def chromium_path() -> str | None:
    """Return the browser that ``ZFNET_CHROMIUM`` names, else the first one on PATH; None if there is none.

    A variable that is set but empty says that none was found.
    """
    named = os.environ.get("ZFNET_CHROMIUM")
    if named is not None:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def chromium_options() -> dict[str, Any]:
    """Return what Playwright needs to start that browser."""
    return {"executable_path": chromium_path(), "args": list(_CHROMIUM_ARGUMENTS)}


@contextmanager
def serve(log: Path, base: str = "", **settings: str) -> Iterator[Server]:
    """Run the dashboard on a free port of this machine, ready to answer.

    Args:
        log: takes what it writes.
        base: the path below which it is hosted, such as "/lab/zfnet".
        settings: variables of its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", f"--server.baseUrlPath={base}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=os.environ | settings
        )
    server = Server(f"http://127.0.0.1:{port}{base}", process, log)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(server: Server) -> None:
    """Return as soon as the server answers, having made sure that it is this one and no other."""
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(server.url):
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{server.said()}")
        time.sleep(0.05)
    port = urlsplit(server.url).port or 0
    # The kernel's list may leave out a socket while others come and go.
    if not any(_listens(server.process, port, server.said()) or time.sleep(0.2) for _ in range(10)):
        raise RuntimeError(f"another process than the one just started listens on port {port}:\n{server.said()}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _listens(process: subprocess.Popen[bytes], port: int, log: str) -> bool:
    """Return whether it is the process, or a child of it, that has the port."""
    if process.poll() is not None:
        return False
    if not Path("/proc/net/tcp").exists():
        return f":{port}" in log
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return any(
        process.pid in _ancestry(int(folder.name))
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and not sockets.isdisjoint(_descriptors(folder))
    )


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _descriptors(process: Path) -> set[str]:
    """Return what the open files of a process are; nothing for one that has gone or belongs to somebody else."""
    try:
        return {str(link.readlink()) for link in (process / "fd").iterdir()}
    except OSError:
        return set()


def _ancestry(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        # The name before it may hold anything, a parenthesis too.
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

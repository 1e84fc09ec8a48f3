"""nginx as it is shipped, in front of dashboards of this machine."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.server import ROOT, Server

CONFIGURATION = ROOT / ".docker" / "nginx.conf"
NO_NGINX = "there is no nginx here: neither on PATH nor named by ZFNET_NGINX"
_PORT = re.compile(r"listen (\d+);")
_REPLICA = re.compile(r"server \w+:8501;")
_START_SECONDS, _STOP_SECONDS = 10, 5


def nginx_path() -> str | None:
    """Return the nginx that ``ZFNET_NGINX`` names, else the one on PATH; None if there is none.

    A variable that is set but empty says that none was found.
    """
    return shutil.which(os.environ.get("ZFNET_NGINX", "nginx")) if os.environ.get("ZFNET_NGINX") != "" else None


def command(folder: Path, port: int, replicas: Sequence[str]) -> list[str]:
    """Return how nginx is started: as it is shipped, but for addresses and the folder that it may write into."""
    addresses = iter(replicas)
    text = CONFIGURATION.read_text(encoding="utf-8")
    text, listens = _PORT.subn(f"listen 127.0.0.1:{port};", text)
    text, servers = _REPLICA.subn(lambda _: f"server {next(addresses)};", text)
    assert (listens, servers) == (1, len(replicas))
    path = folder / "nginx.conf"
    path.write_text(text.replace(" /tmp/", f" {folder}/"), encoding="utf-8")
    return [str(nginx_path()), "-p", str(folder), "-c", str(path), "-e", "/dev/stderr", "-g", "daemon off;"]


@contextmanager
def proxy(folder: Path, replicas: Sequence[Server]) -> Iterator[Server]:
    """Run nginx in front of dashboards that are hosted below one path; ``log`` has a line for every answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "nginx.txt"
    with log.open("wb") as output:
        arguments = command(folder, port, [urlsplit(replica.url).netloc for replica in replicas])
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    server = Server(f"http://127.0.0.1:{port}{urlsplit(replicas[0].url).path}", process, log)
    try:
        _wait_until_it_listens(server, port)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(server: Server, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx did not start:\n{server.said()}") from None
            time.sleep(0.05)

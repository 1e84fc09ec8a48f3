"""What processes cost: processor time, memory, and the proxy before several servers."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 10
# As little as keeps a visitor, known by a cookie, at the same server.
_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $cookie_replica $replica {{ "" $request_id; default $cookie_replica; }}
  map $http_upgrade $connection_upgrade {{ "" ""; default upgrade; }}
  upstream dashboards {{ hash $replica consistent; {servers} }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 21m;
    location / {{
      proxy_pass http://dashboards;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 1d;
      proxy_buffering off;
      add_header Set-Cookie "replica=$replica; Path=/; HttpOnly; SameSite=Lax";
    }}
  }}
}}
"""


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


@contextmanager
def balanced(urls: Sequence[str], folder: Path) -> Iterator[str]:
    """Run nginx before several servers, and yield its address."""
    program = shutil.which("nginx")
    if program is None:
        raise RuntimeError("there is no nginx here, which stands before several servers")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers = " ".join(f"server {url.removeprefix('http://')};" for url in urls)
    written = folder / "nginx.conf"
    written.write_text(_NGINX.format(folder=folder, servers=servers, port=port))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(written), "-e", str(folder / "error.log")])
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not (folder / "nginx.pid").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is not None:
            raise RuntimeError(f"nginx did not start:\n{(folder / 'error.log').read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()

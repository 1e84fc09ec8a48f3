"""What the files for hosting promise: the image, the services, nginx, and the check of their health."""

import fnmatch
import http.server
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.browser.proxy import CONFIGURATION, NO_NGINX, command, nginx_path
from tests.browser.server import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
DASHBOARDS = [name for name in SERVICES if name != "proxy"]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def started(profile: str | None) -> set[str]:
    """Return the services that start with a profile, or with none."""
    return {name for name, service in SERVICES.items() if profile in service.get("profiles", [profile])}


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0]: line.partition("==")[2] for line in lines if line and line[0] not in "#-"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_change_nothing_and_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert re.fullmatch(r"/tmp:size=\d+m", service["tmpfs"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "stop_grace_period"} <= set(service)
    assert service["restart"] == "unless-stopped"
    assert "privileged" not in service
    assert "cap_add" not in service


def test_no_service_runs_as_root() -> None:
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.M) == ["10001"]
    assert [SERVICES[name].get("user") for name in DASHBOARDS] == [None] * len(DASHBOARDS)
    assert SERVICES["proxy"]["user"] == "101"


@pytest.mark.parametrize(
    ("profile", "services"),
    [(None, {"dashboard"}), ("class", {"dashboard", "second", "proxy"}), ("gpu", {"dashboard", "gpu"})],
)
def test_a_profile_starts_what_it_should_on_ports_of_their_own(profile: str | None, services: set[str]) -> None:
    assert started(profile) == services
    published = [re.sub(r"\$\{\w+:-([\d.]+)\}", r"\1", port) for n in services for port in SERVICES[n].get("ports", [])]
    hosts = [port.split(":")[-2] for port in published]
    assert len(set(hosts)) == len(hosts)
    # Only nginx, which keeps numbers about visitors to itself, is open to the network unasked.
    assert [port for port in published if not port.startswith("127.0.0.1:")] == ["8080:8080"] * ("proxy" in services)


def test_replicas_differ_in_nothing_that_a_visitor_meets() -> None:
    first, second = (SERVICES[name] for name in ("dashboard", "second"))
    own = {"ports", "profiles", "command"}
    assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}
    assert set(SERVICES["proxy"]["depends_on"]) == {"dashboard", "second"}


def test_a_second_replica_asks_for_the_secret_that_both_share() -> None:
    shell, option, script = SERVICES["second"]["command"]
    environment = {k: v for k, v in os.environ.items() if k != "STREAMLIT_SERVER_COOKIE_SECRET"}
    ran = subprocess.run(
        [shell, option, script.replace("$$", "$")], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    assert "STREAMLIT_SERVER_COOKIE_SECRET: set it to a long random text" in ran.stderr
    # What runs then is what the image runs by itself.
    assert script.split("exec ")[1].split() == re.findall(r'"([^"]+)"', re.findall(r"^CMD (.+)$", DOCKERFILE, re.M)[0])


def test_nginx_passes_what_the_dashboard_accepts_and_little_more() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    limit = re.search(r"client_max_body_size (\d+)m;", text)
    assert limit
    assert int(limit[1]) == CONFIG["server"]["maxUploadSize"] + 1
    assert re.findall(r"server (\w+):8501;", text) == ["dashboard", "second"]
    assert f"listen {SERVICES['proxy']['ports'][0].rpartition(':')[2]};" in text


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    if nginx_path() is None:
        pytest.skip(NO_NGINX)
    ran = subprocess.run(
        [*command(tmp_path, 8080, ["127.0.0.1:8501", "127.0.0.1:8502"]), "-t"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_image_has_the_versions_of_the_requirements_on_a_python_that_is_declared() -> None:
    wanted, locked = pins("requirements.txt"), pins("requirements-lock.txt")
    assert all(wanted.values())
    assert all(locked.values())
    assert {name: locked.get(name) for name in wanted} == wanted
    assert "-r requirements.txt -c requirements-lock.txt" in DOCKERFILE
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"python:3.11-slim-bookworm"}
    cuda = SERVICES["gpu"]["build"]["args"]["TORCH_INDEX"]
    assert f"--build-arg TORCH_INDEX={cuda} ." in DOCKERFILE


def test_what_the_image_copies_is_there_and_let_through() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [source for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.M) for source in line.split()]
    assert {"app.py", "pages", "zfnet", "assets", ".streamlit", ".docker/health.py"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, rule) for rule in let_through), source


@contextmanager
def answering(status: int, body: bytes, path: str = "/api/ready") -> Iterator[int]:
    """Answer so at a path and 404 elsewhere; give the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def health(port: int, **settings: str) -> tuple[int, str]:
    """Return how the image's check ends, and what it says."""
    environment = os.environ | {"STREAMLIT_SERVER_PORT": str(port)} | settings
    ran = subprocess.run(
        [sys.executable, ROOT / ".docker" / "health.py"], env=environment, capture_output=True, text=True, check=False
    )
    assert not ran.stderr
    return ran.returncode, ran.stdout.strip()


def test_a_container_is_healthy_when_its_network_is_loaded() -> None:
    with answering(200, b'{"ready": true}') as port:
        assert health(port) == (0, '{"ready": true}')
        # A proxy is for the world outside.
        assert health(port, http_proxy="http://127.0.0.1:9")[0] == 0


def test_a_container_is_healthy_below_a_path() -> None:
    with answering(200, b'{"ready": true}', "/lab/zfnet/api/ready") as port:
        assert health(port, STREAMLIT_SERVER_BASE_URL_PATH="/lab/zfnet/")[0] == 0
        assert health(port)[0] == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b'{"ready": false}'), (200, b'{"ready": false}'), (200, b"<!doctype html>"), (200, b"[]"), (500, b"")],
)
def test_a_container_is_ill_in_any_other_case(status: int, body: bytes) -> None:
    with answering(status, body) as port:
        assert health(port)[0] == 1


def test_a_container_is_ill_where_nobody_answers() -> None:
    with answering(200, b"") as port:
        pass
    code, said = health(port)
    assert code == 1
    assert "refused" in said

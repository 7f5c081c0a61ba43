"""Another user of the machine can use neither socket, files, scheduler, workers nor dashboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from running_hosts import SECONDS, hosts_in

from speccluster_lab.link.connections import connection_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import RunningHost

NOBODY = 65534

# Tries everything with nothing but the standard library, and says what it could do.
INTRUDER = """
import http.client, json, os, socket, ssl, sys

uid, asked = int(sys.argv[1]), json.load(sys.stdin)
# Read now: the library may be where the other user finds nothing.
"".encode("idna")
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
could = []

def attempt(what, action):
    try:
        if action():
            could.append(what)
    except OSError:
        pass

def read(path):
    with open(path, "rb") as file:
        file.read(1)
    return True

def unix(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(path)
    return True

def dashboard(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(10)
        one.connect(path)
        one.sendall(b"GET /status HTTP/1.0\\r\\n\\r\\n")
        return one.recv(1) != b""

def speaks(port, wrap):
    with socket.create_connection(("127.0.0.1", port), timeout=3) as bare:
        with wrap(bare) as one:
            one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            return one.recv(1) != b""

def tls(bare):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(bare)

def http_answers(port, path):
    one = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    one.request("GET", path)
    return one.getresponse().status != 404

for path in asked["files"]:
    attempt(f"read {path}", lambda: read(path))
for path in asked["folders"]:
    attempt(f"list {path}", lambda: os.listdir(path) is not None)
for path in asked["sockets"]:
    attempt(f"connect {path}", lambda: unix(path))
    attempt(f"ask {path}", lambda: dashboard(path))
for port in asked["tls"]:
    attempt(f"hear {port}", lambda: speaks(port, lambda bare: bare))
    attempt(f"hear {port} by TLS", lambda: speaks(port, tls))
for port in asked["http"]:
    for path in ("/", "/status", "/metrics", "/health", "/info/main/workers.html", "/info"):
        attempt(f"see {path} of {port}", lambda: http_answers(port, path))
for pid in asked["processes"]:
    for name in ("environ", "mem", "fd"):
        place = f"/proc/{pid}/{name}"
        attempt(place, lambda: os.listdir(place) is not None if name == "fd" else read(place))
    attempt(f"signal {pid}", lambda: os.kill(pid, 0) is None)
json.dump(could, sys.stdout)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """Start two workers of the usual kind, in places that only they keep others from."""
    folder = tmp_path_factory.mktemp("hosts")
    with hosts_in(folder) as found:
        host = found.start("local", entries=2)
        host.until_running()
        # pytest's own folders are closed as well, and not what this is about.
        closed = [one for one in (folder, *folder.parents) if one.stat().st_mode & 0o077 == 0]
        closed.append(Path(os.environ["XDG_RUNTIME_DIR"]))
        for one in closed:
            one.chmod(0o755)
        yield host
        for one in closed:
            one.chmod(0o700)


@pytest.fixture(scope="module")
def asked(host: RunningHost) -> dict[str, Any]:
    """Return everything that there is to be tried."""
    ours = Path(host.connection.socket).parent
    processes = host.processes()
    connections = [one for process in processes for one in process.net_connections("inet")]
    ports = {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
    plain = {port for port in ports if not _is_tls(port)}
    below = [*host.folder.rglob("*"), *ours.rglob("*")]
    return {
        "files": [str(connection_file(host.id)), *(str(one) for one in below if one.is_file())],
        "folders": [str(one) for one in (host.folder, ours, *below) if one.is_dir()],
        "sockets": [str(one) for one in below if one.is_socket()],
        "tls": sorted(ports - plain),
        "http": sorted(plain),
        "processes": [process.pid for process in processes],
    }


def _is_tls(port: int) -> bool:
    """Return whether it says nothing to a plain request."""
    import http.client

    one = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        one.request("GET", "/")
        one.getresponse()
    except (OSError, http.client.HTTPException):
        return True
    finally:
        one.close()
    return False


def _could(uid: int, asked: dict[str, Any]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", INTRUDER, str(uid)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd="/",
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as another user")
def test_another_user_can_do_nothing(asked: dict[str, Any]) -> None:
    assert _could(NOBODY, asked) == []


def test_its_owner_can(asked: dict[str, Any]) -> None:
    """Or else the test above could not fail; and what TLS guards, it guards from its owner too."""
    could = _could(0, asked)
    # Scheduler and two nannies in the host, and a port of each worker.
    assert len(asked["tls"]) == 5
    assert len(asked["http"]) == 2
    assert len(asked["processes"]) >= 4
    names = {Path(one).name for one in asked["files"]}
    assert {"launch.json", "certificates.json", "worker.pem", "host.log"} <= names
    # That of the host, and that of which workers are forked.
    assert len(asked["sockets"]) == 2
    for path in asked["files"]:
        assert f"read {path}" in could
    for path in asked["folders"]:
        assert f"list {path}" in could
    for path in asked["sockets"]:
        assert f"connect {path}" in could
    assert not [one for one in could if one.startswith(("hear ", "see "))]

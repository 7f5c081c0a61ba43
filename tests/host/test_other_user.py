"""Another user of the machine can use neither socket, files, scheduler, workers nor dashboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from running_hosts import SECONDS, hosts_in

from speccluster_lab.link.connections import connection_file, read_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from running_hosts import Hosts

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


# A cluster that publishes itself: a notebook's but for the ports of its kernel.
PROGRAM = """
import sys

from distributed import Nanny, Worker
from speccluster_lab import SpecCluster

if __name__ == "__main__":
    one = {"cls": Nanny, "options": {"nthreads": 1}}
    here = {"cls": Worker, "options": {"nthreads": 1}}
    with SpecCluster(workers={"0": one, "1": one, "2": here}, publish=True) as cluster:
        cluster.wait_for_workers(3)
        print(cluster.published_as, flush=True)
        sys.stdin.read()
"""


@contextmanager
def _open_place(folder: Path) -> Iterator[Hosts]:
    """Give a place for clusters that only they themselves keep others from."""
    with hosts_in(folder) as found:
        # pytest's own folders are closed as well, and not what this is about.
        closed = [one for one in (folder, *folder.parents) if one.stat().st_mode & 0o077 == 0]
        closed.append(Path(os.environ["XDG_RUNTIME_DIR"]))
        for one in closed:
            one.chmod(0o755)
        yield found
        for one in closed:
            one.chmod(0o700)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give all that there is to be tried of two workers of the usual kind, and their host."""
    with _open_place(tmp_path_factory.mktemp("hosts")) as place:
        host = place.start("local", entries=2)
        host.until_running()
        yield _all_of(host.id, [host.folder], host.processes())


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give the same of a cluster that a program has made for itself."""
    folder = tmp_path_factory.mktemp("program")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    with (
        _open_place(folder),
        subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        id = process.stdout.readline().strip()
        here = psutil.Process(process.pid)
        yield _all_of(id, [], [here, *here.children(recursive=True)])
        process.stdin.close()
        process.wait(SECONDS)


def _all_of(id: str, state: Sequence[Path], processes: Sequence[psutil.Process]) -> dict[str, Any]:
    folders = [*state, Path(read_connection(id).socket).parent]
    connections = [one for process in processes for one in process.net_connections("inet")]
    ports = {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
    plain = {port for port in ports if not _is_tls(port)}
    below = [one for top in folders for one in top.rglob("*")]
    return {
        "files": [str(connection_file(id)), *(str(one) for one in below if one.is_file())],
        "folders": [str(one) for one in (*folders, *below) if one.is_dir()],
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
@pytest.mark.parametrize("kind", ["hosted", "published"])
def test_another_user_can_do_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    assert _could(NOBODY, request.getfixturevalue(kind)) == []


def test_its_owner_can(hosted: dict[str, Any]) -> None:
    """Or else the test above could not fail; and what TLS guards, it guards from its owner too."""
    could = _could(0, hosted)
    # Scheduler and two nannies in the host, and a port of each worker.
    assert len(hosted["tls"]) == 5
    assert len(hosted["http"]) == 2
    assert len(hosted["processes"]) >= 4
    names = {Path(one).name for one in hosted["files"]}
    assert {"launch.json", "certificates.json", "worker.pem", "host.log"} <= names
    # That of the host, and that of which workers are forked.
    assert len(hosted["sockets"]) == 2
    _could_all(hosted, could)


def test_its_owner_can_with_one_of_a_program(published: dict[str, Any]) -> None:
    could = _could(0, published)
    # One more than those of the host have: a worker in the program's own process.
    assert len(published["tls"]) == 6
    assert len(published["http"]) == 3
    assert len(published["processes"]) >= 3
    assert len(published["files"]) == len(published["sockets"]) == 1
    _could_all(published, could)


def _could_all(asked: dict[str, Any], could: list[str]) -> None:
    for path in asked["files"]:
        assert f"read {path}" in could
    for path in asked["folders"]:
        assert f"list {path}" in could
    for path in asked["sockets"]:
        assert f"connect {path}" in could
    assert not [one for one in could if one.startswith(("hear ", "see "))]

"""A Jupyter server of its own with real clusters: its orderly end, and its death."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nothing_left import processes_of

from speccluster_lab.link.connections import list_connections
from speccluster_lab.spec.api import API_PREFIX

SECONDS = 60.0
TOKEN = "a-token"


class Server:
    """``jupyter server`` with the extension."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
        command += [f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"]
        command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.folder}"]
        command += ['--ServerApp.jpserver_extensions={"speccluster_lab": True}']
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{API_PREFIX}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read())

    def clusters(self, count: int) -> list[dict[str, Any]]:
        """Return the clusters once there are so many that run, and all of their workers."""
        deadline = time.monotonic() + SECONDS
        while True:
            with suppress(urllib.error.URLError, ConnectionError):
                found: list[dict[str, Any]] = self.call("GET", "/clusters")
                if len(found) == count and all(map(_is_whole, found)):
                    return found
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _is_whole(cluster: dict[str, Any]) -> bool:
    counts = cluster["counts"]
    there = counts["registered"] == counts["expected"] > 0
    return bool(cluster["phase"] == "running" and there)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.process.kill()
        found.process.wait()


def test_its_orderly_end_ends_three_clusters_in_time(
    server: Server, own_folders: Path, tmp_path: Path
) -> None:
    server.clusters(0)
    for number in range(3):
        server.call("POST", "/clusters", {"template": "local", "name": f"number {number}"})
    server.clusters(3)
    assert server.process is not None
    hosts = [one.process for one in list_connections()]
    assert len(hosts) == 3
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    while any(one.is_alive() for one in hosts):
        time.sleep(0.01)
    assert time.monotonic() - began < 3.0
    assert server.process.wait(SECONDS) == 0
    assert processes_of(own_folders, wait=0) == []
    log = (tmp_path / "server.log").read_text()
    assert "Killing" not in log
    assert "Traceback" not in log
    assert list(tmp_path.glob("data/speccluster-lab/*/clusters/*")) == []


def test_its_death_ends_none_and_the_next_one_finds_them(server: Server, own_folders: Path) -> None:
    server.clusters(0)
    server.call("POST", "/clusters", {"template": "local", "name": "kept"})
    server.clusters(1)
    server.call("POST", "/clusters/kept/scale", {"entries": 2})
    server.call("PUT", "/clusters/kept/adaptive", {"minimum": 2, "maximum": 3})
    (before,) = server.clusters(1)
    events = server.call("GET", "/clusters/kept/events")
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.start()
    (after,) = server.clusters(1)
    for same in ("id", "generation", "spec", "adaptive", "scheduler", "created", "owner"):
        assert after[same] == before[same]
    assert server.call("GET", "/clusters/kept/events")[: len(events)] == events
    server.call("DELETE", "/clusters/kept")
    server.clusters(0)
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0

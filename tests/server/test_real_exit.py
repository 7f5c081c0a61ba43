"""A Jupyter server of its own with real clusters: its orderly end, and its death."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nothing_left import processes_of
from running_servers import SECONDS, Server

from speccluster_lab.link.connections import list_connections


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.process.kill()
        found.process.wait()


@pytest.fixture
def heeded_interrupts() -> Iterator[None]:
    """Have the server heed them, which a shell's background has it ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(signal.SIGTERM, id="SIGTERM"),
        # How JupyterHub stops a server on its own machine.
        pytest.param(signal.SIGINT, id="SIGINT"),
    ],
)
@pytest.mark.usefixtures("heeded_interrupts")
def test_its_orderly_end_ends_three_clusters_in_time(
    own_folders: Path, tmp_path: Path, server: Server, sent: signal.Signals
) -> None:
    server.clusters(0)
    for number in range(3):
        server.call("POST", "/clusters", {"template": "local", "name": f"number {number}"})
    server.clusters(3)
    assert server.process is not None
    hosts = [one.process for one in list_connections()]
    assert len(hosts) == 3
    began = time.monotonic()
    server.process.send_signal(sent)
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

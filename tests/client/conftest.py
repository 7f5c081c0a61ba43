"""What the tests of the command line, and those of handles, share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from command_line import Done
from running_hosts import hosts_in

from speccluster_lab import connect
from speccluster_lab.client.command import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import Here
    from running_hosts import Hosts, RunningHost

    from speccluster_lab.client import ClusterHandle


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Here:
    def run(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            status: Any = main(arguments)
        except SystemExit as end:
            status = end.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Folders of their own for all tests of this module."""
    with hosts_in(tmp_path_factory.mktemp("command")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def running(place: Hosts) -> RunningHost:
    """One cluster, for all tests that leave it there."""
    host = place.start(id="brave-otter", display_name="Brave otter", max_workers=8)
    host.until_running()
    return host


@pytest.fixture
def no_loop_is_left() -> Iterator[None]:
    """Check that whatever a test connects has ended with it."""
    yield
    loops = [thread for thread in threading.enumerate() if thread.name == "IO loop"]
    for thread in loops:
        thread.join(10)
    assert not any(thread.is_alive() for thread in loops)


@pytest.fixture
def handle(shared_host: RunningHost) -> Iterator[ClusterHandle]:
    """Connect to the running host; a test leaves it with one entry."""
    with connect(shared_host.id) as handle:
        yield handle

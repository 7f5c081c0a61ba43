"""What the tests of the command line share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from command_line import Done
from running_hosts import hosts_in

from speccluster_lab.client.command import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import Here
    from running_hosts import Hosts, RunningHost


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

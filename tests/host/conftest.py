"""What the tests of a host's API share, and those of clusters that publish themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kernels import Kernel
from published_clusters import IMPORTS
from running_hosts import hosts_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import Hosts, RunningHost


@pytest.fixture
def host(shared_host: RunningHost) -> Iterator[RunningHost]:
    """Check that a test leaves the host as it was, and that the host met nothing unexpected."""
    before = shared_host.get()
    yield shared_host
    after = shared_host.get()
    assert after.spec == before.spec
    assert after.phase == "running"
    assert [member.address for member in after.workers[0].members] == [
        member.address for member in before.workers[0].members
    ]
    # distributed has tracebacks and errors of its own in the log when a worker is retired.
    assert re.findall(r" ERROR (?!distributed\.).*", shared_host.log) == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Give a place of its own, in which nothing is left."""
    with hosts_in(tmp_path_factory.mktemp("notebooks")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def kernel(place: Hosts) -> Iterator[Kernel]:
    """One kernel for all; they close what they make."""
    found = Kernel(JPY_SESSION_NAME=str(Path.home() / "work" / "a.ipynb"))
    try:
        found.run(IMPORTS)
        yield found
    finally:
        found.end()

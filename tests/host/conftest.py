"""What the tests of a host's API share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import RunningHost


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

"""When the end of the log is read for a condition, and for how long that is shown."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

from speccluster_lab.host import logend
from speccluster_lab.host.logend import LogEnd
from speccluster_lab.spec.api import Condition, ConditionStatus

if TYPE_CHECKING:
    import pytest

NOW = datetime.datetime.now(datetime.UTC)


def condition(message: str, kind: str = "Degraded") -> Condition:
    return Condition(
        type=kind, status=ConditionStatus.TRUE, reason="StartsFail", message=message, since=NOW
    )


class Log:
    """A log that is read when it is told to be, and notes how often."""

    def __init__(self) -> None:
        self.lines = ["the last one"]
        self.error: OSError | None = None
        self.reads = 0
        self.changed = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.end = LogEnd(self._read, self.changed.set)

    async def _read(self) -> list[str]:
        self.reads += 1
        await self.goes_on.wait()
        if self.error is not None:
            raise self.error
        return self.lines

    def shown(self, *messages: str) -> str:
        others = condition("something else", "DataAtStake")
        first, *found = self.end.added_to([others, *map(condition, messages)])
        assert first == others
        return "".join(one.message for one in found)

    async def told(self) -> None:
        """Wait until somebody is to look again."""
        async with asyncio.timeout(10):
            await self.changed.wait()
        self.changed.clear()

    async def rested(self) -> None:
        """Wait until it may be read again."""
        if self.end._reading is not None:
            await self.end._reading


async def test_it_is_read_once_for_each_failure() -> None:
    log = Log()
    assert log.shown("failed 5 times") == "failed 5 times"
    await log.told()
    for _ in range(3):
        shown = log.shown("failed 5 times")
        assert shown == "failed 5 times. The end of the host's log:\nthe last one"
    log.lines = ["a newer one"]
    # Not at once, however many fail in a second.
    for number in range(6, 10):
        assert log.shown(f"failed {number} times").endswith("the last one")
    assert log.reads == 1
    await log.told()
    log.shown("failed 9 times")
    await log.told()
    assert log.shown("failed 9 times").endswith("a newer one")
    assert log.reads == 2
    await log.rested()


async def test_it_is_forgotten_with_the_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logend, "PAUSE", 0.0)
    log = Log()
    log.goes_on.clear()
    log.shown("failed 5 times")
    # While it is being read.
    assert log.shown() == ""
    log.goes_on.set()
    await log.told()
    assert log.shown("another failed 5 times") == "another failed 5 times"
    await log.told()
    assert log.shown("another failed 5 times").endswith("the last one")
    assert log.shown() == ""
    assert log.shown("failed 5 times") == "failed 5 times"
    await log.rested()


async def test_a_log_that_cannot_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    log.error = OSError("Input/output error")
    log.shown("failed 5 times")
    await log.told()
    for _ in range(3):
        assert log.shown("failed 5 times") == "failed 5 times"
    assert log.reads == 1
    assert [one.getMessage() for one in caplog.records] == [
        "The end of the log cannot be shown: Input/output error"
    ]

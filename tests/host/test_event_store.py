"""The stored events: numbered on and on, in batches, bounded, and never in anybody's way."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from speccluster_lab.cluster.history import History
from speccluster_lab.host import events as events_module
from speccluster_lab.host.events import EVENTS_FILE, OLDER_FILE, EventStore
from speccluster_lab.link.files import MAX_FILE_BYTES
from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from speccluster_lab.cluster.history import Transition
    from speccluster_lab.spec.api import Event

AT = 1_790_000_000.25


class Source:
    """A cluster to which things happen."""

    def __init__(self, limit: int = 10_000) -> None:
        self.history = History(limit)

    def happen(self, count: int = 1, **more: Any) -> None:
        for _ in range(count):
            self.history.note(AT, "0", "pending", "starting", **more)

    def since(self, seq: int) -> Sequence[Transition]:
        return self.history.since(seq)


class Run:
    """One host after the other in the same folder."""

    def __init__(self, folder: Path, limit: int = 10_000, **options: Any) -> None:
        self.source = Source(limit)
        self.store = EventStore(folder, **{"interval": 0.01, **options})

    async def __aenter__(self) -> Run:
        await self.store.follow(self.source.since)
        return self

    async def __aexit__(self, *error: object) -> None:
        async with asyncio.timeout(10):
            await self.store.close()

    def happen(self, count: int = 1, **more: Any) -> None:
        self.source.happen(count, **more)
        self.store.changed()

    async def seqs(self, since: int = 0, limit: int = 100_000) -> list[int]:
        async with asyncio.timeout(10):
            return [event.seq for event in await self.store.since(since, limit)]


def _upto(last: int, first: int = 1) -> list[int]:
    return list(range(first, last + 1))


def _lines(folder: Path, name: str = EVENTS_FILE) -> list[bytes]:
    return (folder / name).read_bytes().splitlines()


def _files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for what only a disk knows."""
    deadline = asyncio.get_running_loop().time() + 10
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of bytes of each write."""
    found: list[int] = []
    real = EventStore._write

    def write(self: EventStore, content: bytes) -> None:
        assert threading.current_thread() is not threading.main_thread()
        found.append(len(content))
        real(self, content)

    monkeypatch.setattr(EventStore, "_write", write)
    return found


async def test_what_is_stored(tmp_path: Path) -> None:
    async with Run(tmp_path) as run:
        run.source.history.note(AT, "a", None, "pending")
        run.source.history.note(AT, None, None, None, "SchedulerLost", "it has died")
        run.source.history.note(AT, "a", "pending", "backoff", "StartFailed", 'no "such"\nfile')
        first, second, third = await run.store.since(0, 10)
    assert (first.seq, first.entry, first.from_, first.to) == (1, "a", None, EntryPhase.PENDING)
    assert first.time.timestamp() == AT
    assert (first.reason, first.message) == (None, None)
    assert (second.entry, second.from_, second.to) == (None, None, None)
    assert (second.reason, second.message) == ("SchedulerLost", "it has died")
    assert [json.loads(line) for line in _lines(tmp_path)][2] == {
        "seq": 3,
        "time": "2026-09-21T14:13:20.250000Z",
        "entry": "a",
        "from": "pending",
        "to": "backoff",
        "reason": "StartFailed",
        "message": 'no "such"\nfile',
    }
    assert third.from_ is EntryPhase.PENDING
    assert stat.S_IMODE((tmp_path / EVENTS_FILE).stat().st_mode) == 0o600


async def test_the_next_host_goes_on_counting(tmp_path: Path) -> None:
    async def run_one(count: int) -> list[Event]:
        async with Run(tmp_path) as run:
            run.happen(count)
            return await run.store.since(0, 1000)

    assert [event.seq for event in await run_one(3)] == _upto(3)
    again = await run_one(2)
    assert [event.seq for event in again] == _upto(5)
    assert await run_one(0) == again
    assert len(_lines(tmp_path)) == 5


@pytest.mark.parametrize("since", range(9))
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_since_and_limit(tmp_path: Path, since: int, limit: int) -> None:
    async with Run(tmp_path) as run:
        run.happen(4)
    # Two that the cluster does not have any more, two that it has.
    async with Run(tmp_path, limit=2) as run:
        run.happen(2)
        await run.seqs()
        run.happen(1)
        await run.seqs()
        assert await run.seqs(since, limit) == _upto(7)[since : since + limit]


async def test_before_the_cluster_is_there(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    store.changed()
    assert await store.since(0, 10) == []
    await store.close()
    assert _files(tmp_path) == []
    async with Run(tmp_path) as run:
        run.happen(3)
    assert [one.seq for one in await EventStore(tmp_path).since(1, 10)] == [2, 3]


async def test_it_writes_in_batches(tmp_path: Path, writes: list[int]) -> None:
    async with Run(tmp_path, interval=0.2) as run:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 1.0:
            run.happen(10)
            await asyncio.sleep(0.001)
        took = loop.time() - began
        assert 2 <= len(writes) <= took / 0.2 + 1
    assert len(_lines(tmp_path)) == run.source.history.seq > 100


async def test_asking_does_not_write_more_often(tmp_path: Path, writes: list[int]) -> None:
    async with Run(tmp_path, interval=0.2) as run:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 1.0:
            run.happen()
            # It is all there, whatever has to be waited for.
            assert await run.seqs() == _upto(run.source.history.seq)
        assert len(writes) <= (loop.time() - began) / 0.2 + 2


async def test_an_answer_does_not_wait_for_what_comes_later(tmp_path: Path) -> None:
    async with Run(tmp_path, interval=0.05) as run:
        busy = True
        run.happen()

        async def churn() -> None:
            while busy:
                run.happen()
                await asyncio.sleep(0.001)

        churning = asyncio.create_task(churn())
        loop = asyncio.get_running_loop()
        for _ in range(5):
            began = loop.time()
            assert await run.seqs()
            assert loop.time() - began < 1
        busy = False
        await churning


async def test_the_end_stores_without_waiting(tmp_path: Path) -> None:
    run = Run(tmp_path, interval=60.0)
    async with run:
        run.happen()
        await run.seqs()
        run.happen()
    assert len(_lines(tmp_path)) == 2


async def test_a_slow_disk_does_not_hold_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    real = EventStore._write

    def slow(self: EventStore, content: bytes) -> None:
        assert may_write.wait(20)
        real(self, content)

    monkeypatch.setattr(EventStore, "_write", slow)
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.3)
    async with Run(tmp_path) as run:
        loop = asyncio.get_running_loop()
        run.happen(3)
        worst, began = 0.0, loop.time()
        while loop.time() < began + 0.3:
            before = loop.time()
            await asyncio.sleep(0.01)
            worst = max(worst, loop.time() - before)
        assert worst < 0.25
        # What is known is told all the same.
        assert await run.seqs() == [1, 2, 3]
        may_write.set()
    assert len(_lines(tmp_path)) == 3


@pytest.mark.parametrize(
    "end",
    [
        b'{"seq":4,"time":"2026-01-0',
        b"\x00" * 100,
        b'{"seq":4,"time":"2026-01-01T00:00:00Z","entry":null',
        b"garbled\n",
        b'{"seq":"x"}\n\n[]\n',
        b'{"seq":99,"half":true}\n',
        b"\xff\xfe\n",
    ],
)
async def test_a_garbled_end_is_left_out(tmp_path: Path, end: bytes) -> None:
    async with Run(tmp_path) as run:
        run.happen(3)
    file = tmp_path / EVENTS_FILE
    file.write_bytes(file.read_bytes() + end)
    assert [one.seq for one in await EventStore(tmp_path).since(0, 10)] == [1, 2, 3]
    async with Run(tmp_path) as run:
        assert await run.seqs() == [1, 2, 3]
        run.happen(2)
        assert await run.seqs() == _upto(5)
    async with Run(tmp_path) as run:
        assert await run.seqs() == _upto(5)


async def test_a_line_that_is_whole_but_for_its_end(tmp_path: Path) -> None:
    """It is taken for one that is not whole, and its number is given anew."""
    async with Run(tmp_path) as run:
        run.happen(3)
    file = tmp_path / EVENTS_FILE
    file.write_bytes(file.read_bytes()[:-1])
    async with Run(tmp_path) as run:
        run.happen()
        assert await run.seqs() == [1, 2, 3]
    assert [json.loads(line)["seq"] for line in _lines(tmp_path)] == [1, 2, 3]


async def test_the_files_are_bounded(tmp_path: Path) -> None:
    most, last = 5_000, 0
    for _ in range(3):
        async with Run(tmp_path, limit=40, file_bytes=most) as run:
            for _ in range(10):
                run.happen(30)
                last += 30
                found = await run.seqs()
                # No gap, and the newest are there.
                assert found == _upto(last, found[0])
                assert len(found) >= 30
    assert last == 900
    assert _files(tmp_path) == [EVENTS_FILE, OLDER_FILE]
    for name in (EVENTS_FILE, OLDER_FILE):
        file = tmp_path / name
        assert 0 < file.stat().st_size <= most
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert found[0] > 1


async def test_a_batch_larger_than_a_file(tmp_path: Path) -> None:
    async with Run(tmp_path, file_bytes=2_000) as run:
        run.happen(500)
        assert await run.seqs() == _upto(500)
        assert await run.seqs(490) == _upto(500, 491)
    for name in (EVENTS_FILE, OLDER_FILE):
        assert (tmp_path / name).stat().st_size <= 2_000
    async with Run(tmp_path, file_bytes=2_000) as run:
        run.happen()
        found = await run.seqs()
        assert found == _upto(501, found[0])


async def test_only_the_older_file_is_left(tmp_path: Path) -> None:
    async with Run(tmp_path) as run:
        run.happen(3)
    (tmp_path / EVENTS_FILE).rename(tmp_path / OLDER_FILE)
    async with Run(tmp_path) as run:
        run.happen()
        assert await run.seqs() == _upto(4)


async def test_texts_are_bounded_and_can_be_written(tmp_path: Path) -> None:
    async with Run(tmp_path) as run:
        run.happen(message="x" * 1_000_000)
        run.happen(reason="odd\udc80", message="\ud800\x00\u2028<img>")
        told = await run.store.since(0, 10)
    stored = await EventStore(tmp_path).since(0, 10)
    assert told == stored
    assert told[0].message is not None
    assert len(told[0].message) == events_module.MAX_CHARACTERS
    assert told[1].reason == "odd?"
    assert told[1].message == "?\x00\u2028<img>"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
async def test_a_full_disk_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.1)
    caplog.set_level(logging.WARNING)
    with monkeypatch.context() as patch:
        patch.setattr(
            events_module, "open_private_log", lambda file: os.open("/dev/full", os.O_WRONLY)
        )
        async with Run(tmp_path) as run:
            run.happen(3)
            assert await run.seqs() == [1, 2, 3]
            await asyncio.sleep(0.3)
            run.happen()
            assert await run.seqs() == [1, 2, 3, 4]
            assert not (tmp_path / EVENTS_FILE).exists()
            patch.undo()
            await _until((tmp_path / EVENTS_FILE).exists)
            run.happen()
    assert len(_lines(tmp_path)) == 5
    said = [one.getMessage() for one in caplog.records]
    assert said == ["The cluster's events cannot be stored: [Errno 28] No space left on device"]


async def test_a_write_that_was_interrupted_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.05)
    real, calls = os.write, 0

    def half(descriptor: int, content: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return real(descriptor, bytes(content)[:50])
        if calls == 2:
            raise OSError(28, "No space left on device")
        return real(descriptor, content)

    async with Run(tmp_path) as run:
        monkeypatch.setattr(events_module.os, "write", half)
        run.happen(3)
        assert await run.seqs() == [1, 2, 3]
        await _until(lambda: calls >= 3)
        monkeypatch.undo()
    assert [json.loads(line)["seq"] for line in _lines(tmp_path)] == [1, 2, 3]


async def test_a_disk_that_stays_full_does_not_hold_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path) -> int:
        raise PermissionError(13, "no")

    monkeypatch.setattr(events_module, "open_private_log", refuse)
    async with Run(tmp_path) as run:
        run.happen(3)
    assert _files(tmp_path) == []


@pytest.mark.parametrize("kind", ["link", "open to others", "too large", "folder"])
async def test_a_file_that_cannot_be_ours(tmp_path: Path, kind: str) -> None:
    folder, file = tmp_path / "cluster", tmp_path / "cluster" / EVENTS_FILE
    folder.mkdir()
    other = tmp_path / "other"
    async with Run(folder) as run:
        run.happen(3)
    match kind:
        case "link":
            file.rename(other)
            file.symlink_to(other)
        case "open to others":
            file.chmod(0o644)
        case "too large":
            os.truncate(file, MAX_FILE_BYTES + 1)
        case "folder":
            file.unlink()
            file.mkdir()
    async with Run(folder) as run:
        run.happen(2)
        assert await run.seqs() == [1, 2]
        (condition,) = run.store.conditions
        assert (condition.type, condition.reason) == ("StateSetAside", "NotTrusted")
        assert f"set aside as {EVENTS_FILE}.bad-1" in condition.message
    assert f"{EVENTS_FILE}.bad-1" in _files(folder)
    assert len(_lines(folder)) == 2
    async with Run(folder) as run:
        assert run.store.conditions == []
    if kind == "link":
        assert len(other.read_bytes().splitlines()) == 3


async def test_the_files_are_taken_away_meanwhile(tmp_path: Path) -> None:
    async with Run(tmp_path, file_bytes=600) as run:
        for number in range(1, 8):
            run.happen()
            assert await run.seqs() == _upto(number)
            for name in _files(tmp_path):
                (tmp_path / name).unlink()


async def test_nothing_new_is_not_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Run(tmp_path) as run:
        run.happen(3)
        assert await run.seqs() == [1, 2, 3]
        monkeypatch.setattr(EventStore, "_read", None)
        assert await run.seqs(3) == []
        assert await run.seqs(10**15) == []
        assert await run.seqs(1) == [2, 3]

"""The events: in order, coalesced, bounded, and always enough to know the cluster."""

from __future__ import annotations

import asyncio
import datetime
import json
import random
from typing import Any

import jsonpatch

from speccluster_lab.host.stream import Stream
from speccluster_lab.link.feed import Reader, as_message
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    Counts,
    Entry,
    EntryPhase,
    Member,
    Owner,
    OwnerKind,
    PatchEvent,
    SnapshotEvent,
)
from speccluster_lab.spec.limits import DEFAULT_QUEUED_EVENTS
from speccluster_lab.spec.models import ClusterSpec

CREATED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Source:
    """A cluster's document that a test changes."""

    def __init__(self) -> None:
        self.generation = 1
        self.workers: list[Entry] = []

    def document(self) -> Cluster:
        return Cluster(
            id="test",
            display_name="Test",
            template=None,
            owner=Owner(kind=OwnerKind.COMMAND),
            phase=ClusterPhase.RUNNING,
            generation=self.generation,
            observed_generation=self.generation,
            created=CREATED,
            counts=Counts(entries=len(self.workers)),
            spec=ClusterSpec(),
            workers=self.workers,
        )


class Mirror:
    """What somebody knows who only hears the messages, as they are on the wire."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.kinds: list[str] = []
        self.cluster: Any = None
        self._heard = asyncio.Event()

    async def until(self, cluster: Any) -> None:
        """Wait until this is what is known."""
        async with asyncio.timeout(10):
            while self.cluster != cluster:
                self._heard.clear()
                await self._heard.wait()

    def hear(self, event: SnapshotEvent | PatchEvent) -> None:
        message = json.loads(as_message(event))
        self.seqs.append(message["seq"])
        if "snapshot" in message:
            self.kinds.append("snapshot")
            self.cluster = message["snapshot"][0] if message["snapshot"] else None
        elif message["patch"] == [{"op": "remove", "path": ""}]:
            self.kinds.append("gone")
            self.cluster = None
        else:
            self.kinds.append("patch")
            self.cluster = jsonpatch.JsonPatch(message["patch"]).apply(self.cluster)
        self._heard.set()


async def _hear_all(reader: Reader, mirror: Mirror) -> None:
    async for event in reader:
        mirror.hear(event)


async def _next(reader: Reader, mirror: Mirror) -> None:
    async with asyncio.timeout(10):
        mirror.hear(await anext(reader))


def _entry(choice: random.Random, number: int) -> Entry:
    members = [
        Member(name=f"{number}-{i}", cpu=choice.random(), status=choice.choice(["a", "b", None]))
        for i in range(choice.randrange(4))
    ]
    phase = choice.choice(list(EntryPhase))
    return Entry(name=f"/~{number}", phase=phase, cls="a.B", generation=1, members=members)


def test_a_listener_knows_the_cluster_after_any_changes() -> None:
    async def main() -> None:
        choice = random.Random(4)
        source = Source()
        stream = Stream(source.document, interval=0)
        mirror = Mirror()
        reader = stream.feed.open()
        hearing = asyncio.create_task(_hear_all(reader, mirror))
        for generation in range(150):
            source.generation = generation // 2
            source.workers = [_entry(choice, n) for n in range(8) if choice.random() < 0.6]
            stream.changed()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        stream.changed()
        await mirror.until(source.document().model_dump(mode="json"))
        assert mirror.kinds.count("patch") > 20
        stream.end()
        await asyncio.wait_for(hearing, 10)
        assert mirror.kinds[0] == "snapshot"
        assert mirror.kinds[-1] == "gone"
        assert mirror.seqs == list(range(len(mirror.seqs)))

    asyncio.run(main())


def test_changes_are_coalesced() -> None:
    async def main() -> None:
        source = Source()
        stream = Stream(source.document, interval=0.1)
        mirror = Mirror()
        hearing = asyncio.create_task(_hear_all(stream.feed.open(), mirror))
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.55
        while loop.time() < end:
            source.generation += 1
            stream.changed()
            await asyncio.sleep(0.001)
        await mirror.until(source.document().model_dump(mode="json"))
        # Six tenths of a second, and the first one at once.
        assert 1 <= mirror.kinds.count("patch") <= 7
        stream.end()
        await hearing

    asyncio.run(main())


def test_what_has_not_changed_is_not_said() -> None:
    async def main() -> None:
        source = Source()
        stream = Stream(source.document, interval=0)
        mirror = Mirror()
        reader = stream.feed.open()
        await _next(reader, mirror)
        for _ in range(3):
            stream.changed()
            await asyncio.sleep(0.01)
        source.generation = 7
        stream.changed()
        await _next(reader, mirror)
        assert mirror.kinds == ["snapshot", "patch"]
        assert mirror.cluster["generation"] == 7
        stream.end()

    asyncio.run(main())


def test_a_slow_reader_gets_a_snapshot_instead_of_a_queue_without_end() -> None:
    async def main() -> None:
        source = Source()
        stream = Stream(source.document, interval=0)
        slow, mirror = stream.feed.open(), Mirror()
        await _next(slow, mirror)
        for generation in range(2, DEFAULT_QUEUED_EVENTS + 20):
            source.generation = generation
            stream.changed()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(slow._waiting) <= DEFAULT_QUEUED_EVENTS
        await _next(slow, mirror)
        assert mirror.kinds == ["snapshot", "snapshot"]
        assert mirror.cluster["generation"] == source.generation
        source.generation += 1
        stream.changed()
        await _next(slow, mirror)
        assert mirror.kinds[-1] == "patch"
        assert mirror.cluster["generation"] == source.generation
        assert mirror.seqs == [0, 1, 2]
        stream.end()

    asyncio.run(main())


def test_a_snapshot_on_request_fits_what_follows() -> None:
    async def main() -> None:
        source = Source()
        stream = Stream(source.document, interval=0.05)
        reader, mirror = stream.feed.open(), Mirror()
        other, others_mirror = stream.feed.open(), Mirror()
        await _next(reader, mirror)
        await _next(other, others_mirror)
        # The change is not published yet when the snapshot is asked for.
        source.generation = 5
        stream.changed()
        reader.request_snapshot()
        await _next(reader, mirror)
        assert mirror.cluster["generation"] == 5
        source.generation = 6
        stream.changed()
        await _next(reader, mirror)
        assert mirror.kinds == ["snapshot", "snapshot", "patch"]
        # The other reader misses nothing of it.
        await _next(other, others_mirror)
        await _next(other, others_mirror)
        assert others_mirror.kinds == ["snapshot", "patch", "patch"]
        assert mirror.cluster == others_mirror.cluster == source.document().model_dump(mode="json")
        stream.end()

    asyncio.run(main())


def test_the_last_change_is_told_before_the_end() -> None:
    async def main() -> None:
        source = Source()
        stream = Stream(source.document, interval=60)
        reader, mirror = stream.feed.open(), Mirror()
        await _next(reader, mirror)
        source.generation = 2
        stream.changed()
        stream.end()
        await _next(reader, mirror)
        assert mirror.cluster["generation"] == 2
        await _next(reader, mirror)
        assert mirror.kinds == ["snapshot", "patch", "gone"]

    asyncio.run(main())


def test_who_comes_after_the_end_hears_of_nothing() -> None:
    async def main() -> None:
        stream = Stream(Source().document)
        stream.end()
        stream.end()
        stream.changed()
        mirror = Mirror()
        await asyncio.wait_for(_hear_all(stream.feed.open(), mirror), 10)
        assert mirror.kinds == ["snapshot"]
        assert mirror.cluster is None

    asyncio.run(main())


def test_a_closed_reader_is_forgotten() -> None:
    async def main() -> None:
        source = Source()
        stream = Stream(source.document, interval=0)
        reader, mirror = stream.feed.open(), Mirror()
        await _next(reader, mirror)
        stream.feed.forget(reader)
        source.generation = 2
        stream.changed()
        await asyncio.sleep(0.01)
        await asyncio.wait_for(_hear_all(reader, mirror), 10)
        assert mirror.kinds == ["snapshot"]
        assert not stream.feed

    asyncio.run(main())

"""What waits for a reader: in order, without a gap, and never without bound."""

from typing import Any

import pytest

from speccluster_lab.link.feed import Feed, Reader
from speccluster_lab.spec.api import PatchEvent, PatchOperation, SnapshotEvent
from speccluster_lab.spec.limits import DEFAULT_QUEUED_EVENTS

CHANGE = [PatchOperation(op="replace", path="/phase", value="running")]


async def drain(reader: Reader, count: int) -> list[SnapshotEvent | PatchEvent]:
    return [await anext(reader) for _ in range(count)]


async def test_a_snapshot_and_then_every_change_in_order() -> None:
    feed = Feed(list)
    reader, late = feed.open(), feed.open()
    (first,) = await drain(reader, 1)
    assert first == SnapshotEvent(seq=0, snapshot=[])
    for name in ("a", "b", "c"):
        feed.publish(name, CHANGE)
    events = await drain(reader, 3)
    assert [(event.seq, event.cluster) for event in events] == [(1, "a"), (2, "b"), (3, "c")]
    # One that has not read its snapshot yet has everything in it.
    assert await drain(late, 1) == [SnapshotEvent(seq=0, snapshot=[])]
    feed.publish("d", CHANGE)
    assert await drain(late, 1) == [PatchEvent(seq=1, cluster="d", patch=CHANGE)]


async def test_a_slow_reader_gets_a_snapshot_and_holds_up_nobody() -> None:
    taken: list[Any] = []

    def snapshot() -> list[Any]:
        taken.append(None)
        return []

    feed = Feed(snapshot, 5)
    slow, quick = feed.open(), feed.open()
    await drain(slow, 1)
    await drain(quick, 1)
    for number in range(5 + 1):
        feed.publish(str(number), CHANGE)
        (event,) = await drain(quick, 1)
        assert event == PatchEvent(seq=number + 1, cluster=str(number), patch=CHANGE)
    assert len(slow._waiting) == 0
    (event,) = await drain(slow, 1)
    assert event == SnapshotEvent(seq=1, snapshot=[])
    assert len(taken) == 3
    feed.publish("z", CHANGE)
    assert await drain(slow, 1) == [PatchEvent(seq=2, cluster="z", patch=CHANGE)]


@pytest.mark.parametrize("length", [1, 5, DEFAULT_QUEUED_EVENTS])
async def test_a_reader_of_its_full_length_loses_nothing(length: int) -> None:
    feed = Feed(list, length)
    reader = feed.open()
    await drain(reader, 1)
    for number in range(length):
        feed.publish(str(number), CHANGE)
    events = await drain(reader, length)
    assert [event.cluster for event in events] == [str(n) for n in range(length)]


async def test_a_snapshot_on_request_takes_the_place_of_what_waits() -> None:
    feed = Feed(list)
    reader = feed.open()
    await drain(reader, 1)
    feed.publish("a", CHANGE)
    reader.request_snapshot()
    reader.request_snapshot()
    assert await drain(reader, 1) == [SnapshotEvent(seq=1, snapshot=[])]
    feed.publish("b", CHANGE)
    assert await drain(reader, 1) == [PatchEvent(seq=2, cluster="b", patch=CHANGE)]


async def test_who_has_gone_is_handed_nothing_more() -> None:
    feed = Feed(list)
    reader = feed.open()
    feed.forget(reader)
    feed.publish("a", CHANGE)
    with pytest.raises(StopAsyncIteration):
        await anext(reader)
    assert len(reader._waiting) == 0


async def test_the_end_comes_after_what_waits() -> None:
    feed = Feed(list)
    reader = feed.open()
    await drain(reader, 1)
    feed.publish("a", CHANGE)
    feed.close()
    for one in (reader, feed.open()):
        await drain(one, 1)
        with pytest.raises(StopAsyncIteration):
            await anext(one)

"""``SpecCluster`` on a real scheduler: what is asked for is what runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from distributed import Client, wait

import speccluster_lab
from speccluster_lab.cluster import SpecCluster
from speccluster_lab.errors import GroupMismatch, InvalidClass, InvalidInput
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import ClusterPhase, EntryPhase, Scale
from speccluster_lab.spec.models import ClusterSpec

from .conftest import QUICK, SCHEDULER, cluster_of, entry, group, names, observed, run, until
from .workers import Failing, Hanging

HERE = Failing.__module__


def phases(cluster: SpecCluster) -> dict[str, EntryPhase]:
    return {one.name: one.phase for one in cluster.entries()}


def test_it_is_a_stock_cluster() -> None:
    import distributed

    assert issubclass(speccluster_lab.SpecCluster, distributed.SpecCluster)


def test_scale_adds_entries_of_the_form_that_are_copies() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(3)
            assert list(cluster.worker_spec) == [0, 1, 2]
            await cluster
            assert names(cluster) == ["0", "1", "2"]
            assert list(cluster.workers) == [0, 1, 2]
            cluster.worker_spec[0]["options"]["nthreads"] = 2
            await observed(cluster)
            threads = {str(w.name): w.nthreads for w in cluster.scheduler.workers.values()}
            assert threads == {"0": 2, "1": 1, "2": 1}
            assert cluster.new_spec["options"]["nthreads"] == 1

    run(test)


def test_scale_down_loses_no_result() -> None:
    """Faults 1 and 2 of the stock class: names where addresses belong, and groups."""

    async def test() -> None:
        async with (
            cluster_of(worker=group(2)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            cluster.scale(2)
            await observed(cluster)
            assert names(cluster) == ["0-0", "0-1", "1-0", "1-1"]
            results = client.map(lambda x: x + 1, range(200))
            await wait(results)
            scattered = await client.scatter(dict.fromkeys("abcdef", 1))
            ran = cluster.scheduler.transition_counter
            cluster.scale(1)
            await observed(cluster)
            assert names(cluster) == ["0-0", "0-1"]
            assert {future.status for future in [*results, *scattered.values()]} == {"finished"}
            assert sum(await client.gather(results)) == sum(range(201))
            assert await client.gather(scattered) == dict.fromkeys("abcdef", 1)
            again = [
                story
                for future in results
                for story in cluster.scheduler.story(future.key)
                if story[2] == "processing"
            ]
            assert len(again) == len(results), f"computed again; {ran} transitions before"

    run(test)


def test_an_edited_entry_is_replaced_and_keeps_its_results() -> None:
    """Even when it is the only one, so that a holder has to take the data meanwhile."""

    async def test() -> None:
        async with (
            cluster_of({"only": group(2)}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            results = client.map(lambda x: x + 1, range(50))
            await wait(results)
            scattered = await client.scatter(7)
            before = cluster.generation
            cluster.worker_spec["only"]["options"]["nthreads"] = 2
            await cluster
            assert cluster.generation == before + 1
            await observed(cluster)
            await until(lambda: names(cluster) == ["only-0", "only-1"])
            assert [w.nthreads for w in cluster.scheduler.workers.values()] == [2, 2]
            assert {future.status for future in [*results, scattered]} == {"finished"}
            assert await client.gather(scattered) == 7

    run(test)


def test_a_failing_entry_does_not_break_the_others() -> None:
    """Faults 4 and 5: a start or a constructor that raises."""

    async def test() -> None:
        Failing.left.clear()
        workers = {
            "good": entry(),
            "unlucky": entry(f"{HERE}.Failing", failures=2),
            "hopeless": {"cls": f"{HERE}.FailingConstructor"},
            "nowhere": {"cls": "no.such.thing"},
        }
        async with cluster_of(workers) as cluster:
            await until(lambda: "good" in names(cluster))
            await until(lambda: "unlucky" in names(cluster))
            found = {one.name: one for one in cluster.entries()}
            assert found["good"].phase is EntryPhase.RUNNING
            assert found["unlucky"].attempts == 2
            hopeless = found["hopeless"]
            assert hopeless.phase in {EntryPhase.BACKOFF, EntryPhase.STARTING, EntryPhase.CLOSING}
            assert (hopeless.reason, hopeless.message) == ("TypeError", "TypeError: not like this")
            assert found["nowhere"].reason == "InvalidClass"
            assert cluster.phase is ClusterPhase.DEGRADED
            await until(lambda: any(c.type == "Degraded" for c in cluster.conditions))
            degraded = next(c for c in cluster.conditions if c.type == "Degraded")
            assert "start failed" in degraded.message

            for name in ("hopeless", "nowhere"):
                del cluster.worker_spec[name]
            await observed(cluster)
            assert phases(cluster).keys() == {"good", "unlucky"}
            await until(
                lambda: cluster.phase is ClusterPhase.RUNNING or cluster.entries()[1].attempts
            )

    run(test)


def test_a_start_that_hangs_holds_nothing_up() -> None:
    """Faults 6, 7 and 8: others start, it can be removed, and close ends."""

    async def test() -> None:
        Hanging.closed.clear()
        async with cluster_of({"a": {"cls": Hanging}, "b": entry()}) as cluster:
            await until(lambda: names(cluster) == ["b"])
            cluster.worker_spec["c"] = entry()
            cluster._align()
            await until(lambda: names(cluster) == ["b", "c"])
            del cluster.worker_spec["a"]
            await observed(cluster)
            assert Hanging.closed == ["a"]
            cluster.worker_spec["d"] = {"cls": Hanging}
            cluster._align()
            await until(lambda: phases(cluster)["d"] is EntryPhase.STARTING)
        assert Hanging.closed == ["a", "d"]

    run(test)


@pytest.mark.parametrize("form", [entry("distributed.Nanny"), group(2)], ids=["nanny", "group"])
def test_a_start_that_is_not_wanted_any_more_leaves_no_process(form: dict[str, Any]) -> None:
    """Fault 7, and that a cancelled nanny leaves its process behind: the fixture counts."""

    async def test() -> None:
        async with cluster_of(worker=form, policy=Policy()) as cluster:
            for _ in range(2):
                cluster.scale(2)
                await until(lambda: list(phases(cluster).values()) == [EntryPhase.STARTING] * 2)
                cluster.scale(0)
                await observed(cluster)
                assert cluster.entries() == []
            cluster.scale(1)
            await until(lambda: list(phases(cluster).values()) == [EntryPhase.STARTING])

    run(test)


def test_a_class_needs_no_more_than_the_documentation_says() -> None:
    async def test() -> None:
        async with cluster_of({"a": {"cls": f"{HERE}.Bare"}}) as cluster:
            await observed(cluster)
            assert names(cluster) == ["a"]
            del cluster.worker_spec["a"]
            await cluster
            assert names(cluster) == []

    run(test)


def test_a_worker_that_dies_is_replaced() -> None:
    """Fault 10."""

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(2)
            await observed(cluster)
            await cluster.workers[0].close()
            await until(lambda: names(cluster) == ["1"])
            await until(lambda: names(cluster) == ["0", "1"])

    run(test)


def test_no_more_starts_at_once_than_allowed() -> None:
    async def test() -> None:
        policy = Policy(max_concurrent_starts=2, close_timeout=1)
        async with cluster_of(worker={"cls": Hanging}, policy=policy) as cluster:
            cluster.scale(5)
            await until(lambda: len(cluster._executor._starting) == 2)
            assert list(phases(cluster).values()).count(EntryPhase.PENDING) == 3

    run(test)


def test_scaling_down_takes_what_has_not_started_first() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.worker_spec["stuck"] = {"cls": Hanging}
            cluster._align()
            cluster.scale(3)
            await until(lambda: list(phases(cluster).values()).count(EntryPhase.RUNNING) == 2)
            cluster.scale(2)
            await observed(cluster)
            assert names(cluster) == ["0", "1"]

    run(test)


def test_data_with_nowhere_to_go_is_kept_and_said() -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry()}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter([1, 2, 3])
            cluster.scale(0)
            await cluster
            await until(lambda: cluster.entries()[0].reason == "NoRoomForData")
            assert cluster.entries()[0].message == "3 results have no other worker to go to"
            stake = next(c for c in cluster.conditions if c.type == "DataAtStake")
            assert stake.message == "a: 3 results have no other worker to go to"
            assert await client.gather(kept) == [1, 2, 3]
            del kept
            await until(lambda: names(cluster) == [])
            await until(lambda: cluster.entries() == [])

    run(test)


def test_one_who_stops_waiting_stops_nothing() -> None:
    """Fault 9: a waiter's timeout cancels the shared pass."""

    async def test() -> None:
        async with cluster_of(worker=group(2)) as cluster:
            cluster.scale(1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(cluster, 0.01)
            await observed(cluster)
            assert names(cluster) == ["0-0", "0-1"]

    run(test)


def test_entering_raises_what_the_first_failing_worker_raised() -> None:
    async def test() -> None:
        Failing.left.clear()
        with pytest.raises(RuntimeError, match="a has no luck"):
            async with SpecCluster(
                workers={"a": entry(f"{HERE}.Failing", failures=1), "b": entry()},
                scheduler=SCHEDULER,
                asynchronous=True,
                policy=QUICK,
            ):
                pytest.fail("must not get here")

    run(test)


def test_synchronous_use() -> None:
    with SpecCluster(scheduler=SCHEDULER, worker=entry(), policy=QUICK) as cluster:
        cluster.scale(2)
        with Client(cluster) as client:
            client.wait_for_workers(2, timeout=30)
            assert client.submit(sum, [1, 2, 3]).result(timeout=30) == 6
        assert "2" in repr(cluster)


def test_scaling_without_a_form_says_so_and_changes_nothing() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            with pytest.raises(InvalidInput, match="no worker form"):
                cluster.scale(3)
            assert list(cluster.worker_spec) == ["a"]

    run(test)


def test_names_that_are_the_same_as_text_are_refused() -> None:
    async def test() -> None:
        async with cluster_of({0: entry()}) as cluster:
            cluster.worker_spec["0"] = entry()
            with pytest.raises(InvalidInput, match="same name as text"):
                await cluster
            del cluster.worker_spec["0"]
            await observed(cluster)

    run(test)


def test_scale_in_any_unit() -> None:
    async def test() -> None:
        async with cluster_of(worker=group(3, nthreads=2) | {}) as cluster:
            cluster.new_spec["options"]["memory_limit"] = "1 GiB"
            sizes = {
                Scale(entries=4): 4,
                Scale(workers=4): 2,
                Scale(cores=7): 2,
                Scale(memory="7 GiB"): 3,
                Scale(memory=3 * 2**30): 1,
            }
            for scale, entries in sizes.items():
                assert cluster.entries_for(scale) == entries, scale
            assert cluster.members_after(4) == 12
        async with cluster_of({"a": entry()}) as cluster:
            with pytest.raises(InvalidInput) as caught:
                cluster.entries_for(Scale(entries=2))
            assert caught.value.field == "entries"

    run(test)


def test_a_document_is_applied_whole_or_not_at_all() -> None:
    async def test() -> None:
        form = entry()
        async with cluster_of({"a": entry()}, worker=form) as cluster:
            await observed(cluster)
            first = cluster.document()
            before = cluster.generation
            bad: list[tuple[dict[str, Any], type[InvalidInput], str]] = [
                ({"cls": "os.path.join"}, InvalidClass, "workers.b.cls"),
                ({"cls": "collections.OrderedDict"}, InvalidClass, "workers.b.cls"),
                ({"cls": "no.such.thing"}, InvalidClass, "workers.b.cls"),
                (entry(colour="red"), InvalidInput, "workers.b.options.colour"),
                (
                    entry("distributed.Nanny", nthreadz=1),
                    InvalidInput,
                    "workers.b.options.nthreadz",
                ),
                ({**group(3), "group": ["-0"]}, GroupMismatch, "workers.b.group"),
                (group(3) | {"group": None}, GroupMismatch, "workers.b.group"),
                (entry("distributed.Nanny") | {"group": ["-0"]}, GroupMismatch, "workers.b.group"),
            ]
            for one, error, field in bad:
                document = first.model_dump()
                document["workers"]["b"] = one
                with pytest.raises(error) as caught:
                    cluster.apply(ClusterSpec.model_validate(document))
                assert caught.value.field == field
                assert cluster.document() == first
            document = first.model_dump()
            document["scheduler"]["options"]["dashboard"] = True
            with pytest.raises(InvalidInput) as caught:
                cluster.apply(ClusterSpec.model_validate(document))
            assert caught.value.field == "scheduler"
            assert cluster.generation == before

            cluster.apply(first)
            assert cluster.generation == before, "the same document changes nothing"
            document = first.model_dump()
            document["workers"] = {"b": form, "a": document["workers"]["a"]}
            document["worker"]["options"]["nthreads"] = 3
            cluster.apply(ClusterSpec.model_validate(document))
            assert cluster.generation == before + 1
            assert cluster.document() == ClusterSpec.model_validate(document)
            kept = cluster.workers["a"]
            await observed(cluster)
            assert names(cluster) == ["a", "b"]
            assert cluster.workers["a"] is kept, "an entry that nobody changed goes on"

    run(test)


def test_what_the_api_shows() -> None:
    async def test() -> None:
        async with cluster_of(worker=group(2)) as cluster:
            assert cluster.phase is ClusterPhase.STARTING or not cluster.entries()
            changes: list[int] = []
            unsubscribe = cluster.subscribe(lambda: changes.append(cluster.generation))
            cluster.set_entries(1)
            (one,) = cluster.entries()
            assert one.phase in {EntryPhase.PENDING, EntryPhase.STARTING}
            assert [m.name for m in one.members] == ["0-0", "0-1"]
            assert [m.address for m in one.members] == [None, None]
            await observed(cluster)
            await until(lambda: all(m.memory_used for m in cluster.entries()[0].members))
            counts = cluster.counts()
            assert (counts.entries, counts.expected, counts.registered) == (1, 2, 2)
            assert counts.nthreads == 2
            assert counts.memory_used > 2**20
            (ready,) = cluster.conditions
            assert (ready.type, ready.reason) == ("Ready", "AllMembersRegistered")
            assert ready.message == "2 of 2 workers have registered"
            status = cluster.scheduler_status()
            assert status.address == cluster.scheduler.address
            assert (status.status, status.dashboard) == ("running", True)
            assert changes
            unsubscribe()
            seen = len(changes)
            cluster.set_entries(0)
            await observed(cluster)
            assert len(changes) == seen

    run(test)


def test_a_worker_that_nobody_expects_is_shown() -> None:
    async def test() -> None:
        from distributed import Worker

        async with cluster_of(worker=entry()) as cluster:
            async with Worker(cluster.scheduler.address, name="stranger", host="127.0.0.1"):
                await until(lambda: [m.name for m in cluster.unexpected()] == ["stranger"])
            await until(lambda: cluster.unexpected() == [])

    run(test)

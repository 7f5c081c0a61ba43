"""``SpecCluster`` on a real scheduler: what is asked for is what runs."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
from distributed import Client, Worker, wait

import speccluster_lab
from speccluster_lab.errors import GroupMismatch, InvalidClass, InvalidInput
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import EntryPhase, Scale
from speccluster_lab.spec.models import ClusterSpec

from .conftest import PATIENT, cluster_of, entry, group, names, observed, phases, run, until
from .machine_rules import Anything
from .misbehaving import entry_of


def test_it_is_a_stock_cluster() -> None:
    import distributed

    assert issubclass(speccluster_lab.SpecCluster, distributed.SpecCluster)


def test_an_edited_entry_is_replaced_and_keeps_its_results() -> None:
    """Even when it is the only one, so that a holder has to take the data meanwhile."""

    async def test() -> None:
        async with (
            cluster_of({"only": group(2)}, policy=PATIENT) as cluster,
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


def test_an_entry_is_replaced_whose_group_is_a_set_that_was_edited() -> None:
    machine = Anything()
    try:
        machine.begin(room=(2, 1, 0), first=[], calm=False, remote=False)
        machine.spec["g"] = {**entry_of(), "group": {"-0", "-1"}}
        machine.align()
        machine.wait(1.0)
        cluster = machine.cluster
        assert names(cluster) == ["g-0", "g-1"]
        before = cluster.generation
        machine.spec["g"]["group"].add("-2")
        machine.do(machine._await_cluster())
        assert cluster.generation == before + 1
        machine.wait(1.0)
        assert names(cluster) == ["g-0", "g-1", "g-2"]
    finally:
        machine.teardown()


@pytest.mark.parametrize("form", [entry("distributed.Nanny"), group(2)], ids=["nanny", "group"])
def test_a_start_that_is_not_wanted_any_more_leaves_no_process(form: dict[str, Any]) -> None:
    """Fault 7, and that a cancelled nanny leaves its process behind: the fixture counts."""

    async def test() -> None:
        async with cluster_of(worker=form, policy=Policy()) as cluster:
            for _ in range(2):
                cluster.scale(2)
                await until(lambda: list(phases(cluster).values()) == [EntryPhase.STARTING] * 2)
                cluster.scale(0)
                await observed(cluster, 60)
                assert cluster.entries() == []
            cluster.scale(1)
            await until(lambda: list(phases(cluster).values()) == [EntryPhase.STARTING])

    run(test)


def test_less_than_nothing_is_refused_and_changes_nothing() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}, worker=entry()) as cluster:
            cluster.adapt(minimum=1, maximum=1)
            for ask in (cluster.scale, cluster.set_entries):
                with pytest.raises(InvalidInput, match="cannot have -1 entries"):
                    ask(-1)
            assert list(cluster.worker_spec) == ["a"]
            assert cluster.adaptive_range() == (1, 1)

    run(test)


def test_scale_in_any_unit() -> None:
    async def test() -> None:
        async with cluster_of(worker=group(3, nthreads=2), policy=PATIENT) as cluster:
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


def test_fewer_are_fewer_although_the_loop_is_reading_that_there_are_more() -> None:
    """Scaled down from another thread in the moment in which what was touched is read."""

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            changes = cluster._wanted._changes

            def interrupted(touched: Any) -> Any:
                if touched:
                    cluster._wanted._changes = changes  # type: ignore[method-assign]
                    owner = threading.Thread(target=cluster.scale, args=(2,))
                    owner.start()
                    owner.join()
                return changes(touched)

            cluster._wanted._changes = interrupted  # type: ignore[method-assign]
            cluster.scale(5)
            await cluster
            assert list(cluster.worker_spec) == [0, 1]
            await observed(cluster)
            assert names(cluster) == ["0", "1"]

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


@pytest.mark.parametrize("where", ["dict", "list", "set", "tuple"])
def test_what_one_worker_does_to_its_options_is_not_for_the_next(where: str) -> None:
    todo: Any = {"dict": {"a": 1}, "list": ["a"], "set": {"a"}, "tuple": (["a"],)}[where]
    before, seen = copy.deepcopy(todo), []

    class Doing(Worker):
        def __init__(self, scheduler: str, *, todo: Any, **options: Any) -> None:
            seen.append(copy.deepcopy(todo))
            (todo[0] if where == "tuple" else todo).clear()
            super().__init__(scheduler, **options)

    async def test() -> None:
        form = entry()
        form = {"cls": Doing, "options": {**form["options"], "todo": todo}}
        async with cluster_of(worker=form) as cluster:
            cluster.scale(2)
            await until(lambda: names(cluster) == ["0", "1"])
            assert seen == [before, before]
            for name in "01":
                one = cluster._wanted.entries[name]
                assert one.form.entry["options"]["todo"] == before

    run(test)


def test_entries_never_share_the_worker_form() -> None:
    """Fault 3 again, through a subclass that returns the form itself."""

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.worker_spec["mine"] = cluster.new_spec
            cluster.worker_spec["mine"]["options"]["nthreads"] = 2
            assert cluster.new_spec["options"]["nthreads"] == 1
            await observed(cluster)

    run(test)


def test_a_preview_says_what_would_happen_and_what_is_at_stake() -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry(), "b": entry()}, worker=entry()) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            (address,) = (w.address for w in cluster.scheduler.workers.values() if w.name == "a")
            kept = await client.scatter([1, 2, 3], workers=[address])
            generation = cluster.generation

            gone = await cluster.preview(remove=["a"])
            assert (gone.start, gone.replace, gone.retire) == ((), (), ("a",))
            assert (gone.stake.keys, gone.stuck) == (3, False)
            assert gone.stake.nbytes > 0
            none = await cluster.preview(scale=Scale(entries=0))
            assert set(none.retire) == {"a", "b"}
            assert (none.stake.keys, none.stuck) == (3, True)
            fewer = await cluster.preview(scale=Scale(entries=1))
            assert (fewer.retire, fewer.stake.keys) == (("b",), 0)
            more = await cluster.preview(scale=Scale(entries=4))
            assert (more.start, more.retire) == (("0", "1"), ())

            document = cluster.document().model_dump()
            document["workers"]["a"]["options"]["nthreads"] = 2
            document["workers"]["c"] = document["workers"].pop("b")
            edited = await cluster.preview(spec=ClusterSpec.model_validate(document))
            assert (edited.start, edited.replace, edited.retire) == (("c",), ("a",), ("b",))
            assert edited.stuck

            with pytest.raises(InvalidInput, match="there is no entry 'x'"):
                await cluster.preview(remove=["x"])
            with pytest.raises(InvalidInput, match="exactly one"):
                await cluster.preview()
            assert cluster.generation == generation
            assert list(cluster.worker_spec) == ["a", "b"]
            assert len(kept) == 3

    run(test)


def test_a_spec_that_cannot_be_is_said_and_left_as_it_was() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await observed(cluster)
            cluster.worker_spec["b"] = {"options": {}}
            with pytest.raises(InvalidInput, match="class of its workers"):
                await cluster
            refused = next(c for c in cluster.conditions if c.type == "SpecRefused")
            assert refused.message == (
                "worker_spec is left as it was: workers.b.cls: must say the class of its workers"
            )
            assert phases(cluster) == {"a": EntryPhase.RUNNING}
            cluster.worker_spec["b"] = entry()
            await observed(cluster)
            assert names(cluster) == ["a", "b"]
            assert all(c.type != "SpecRefused" for c in cluster.conditions)

    run(test)

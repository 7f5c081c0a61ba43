"""The smaller faults of the stock class."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from distributed.core import Status

from speccluster_lab.errors import InvalidInput

from ..conftest import cluster_of, entry, names, registered, run, several, until
from ..workers import Counted

HERE = Counted.__module__


@pytest.mark.parametrize("how", ["scale", "scale_up", "set_entries"])
def test_also_scaling_without_a_form_poisons_nothing(how: str) -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            with pytest.raises(InvalidInput, match="no worker form"):
                getattr(cluster, how)(3)
            assert list(cluster.worker_spec) == ["a"]
            await registered(cluster, "a")
            assert not cluster._supports_scaling

    run(test)


def test_also_scaling_to_cores_counts_those_that_are_there() -> None:
    async def test() -> None:
        workers = {"large": entry(nthreads=32)}
        async with cluster_of(workers, worker=entry(nthreads=1)) as cluster:
            await registered(cluster, "large")
            cluster.scale(cores=32)
            assert list(cluster.worker_spec) == ["large"]
            cluster.scale(cores=34)
            assert list(cluster.worker_spec) == ["large", 0, 1]
            await registered(cluster, "large", "0", "1")
            cluster.scale(cores=33)
            await until(lambda: len(names(cluster)) == 2)
            assert "large" in names(cluster)

    run(test)


def test_also_scaling_to_memory_counts_what_is_there() -> None:
    async def test() -> None:
        workers = {"large": entry(memory_limit="4 GiB")}
        async with cluster_of(workers, worker=entry(memory_limit="1 GiB")) as cluster:
            cluster.scale(memory="4 GiB")
            assert list(cluster.worker_spec) == ["large"]
            cluster.scale(memory="4.5 GiB")
            assert list(cluster.worker_spec) == ["large", 0]

    run(test)


@pytest.mark.parametrize(
    ("asked", "entries"),
    [({"n": 2}, 2), ({"memory": "6 GB"}, 2), ({"cores": 10}, 3), ({"n": 4, "cores": 10}, 4)],
    ids=str,
)
def test_scaling_means_entries_for_groups_too(asked: dict[str, Any], entries: int) -> None:
    async def test() -> None:
        form = several(2)
        # As the stock class does: what the options say is the entry's.
        form["options"] |= {"nthreads": 4, "memory_limit": "4 GB"}
        async with cluster_of(worker=form) as cluster:
            cluster.scale(**asked)
            assert list(cluster.worker_spec) == list(range(entries))
            await cluster
            await until(lambda: len(names(cluster)) == 2 * entries)

    run(test)


def test_also_scaling_down_leaves_what_was_described_by_hand_to_the_last() -> None:
    async def test() -> None:
        workers = {"mine": entry(nthreads=2), "too": entry(nthreads=3)}
        async with cluster_of(workers, worker=entry()) as cluster:
            cluster.scale(5)
            await registered(cluster, "mine", "too", "0", "1", "2")
            cluster.scale(2)
            assert list(cluster.worker_spec) == ["mine", "too"]
            await registered(cluster, "mine", "too")

    run(test)


def test_also_nothing_is_done_after_close() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}, worker=entry(f"{HERE}.Counted")) as cluster:
            cluster.scale(2)
            await registered(cluster, "a", "0")
            made = list(Counted.made)
            # Its timer is still running when the cluster closes.
            await cluster.workers["a"].close()
            await cluster.close()
            cluster.scale(5)
            cluster.worker_spec["b"] = entry(f"{HERE}.Counted")
            await cluster
            await cluster._correct_state()
            await cluster.close()
            await asyncio.sleep(1)
            assert Counted.made == made
            assert cluster.workers == {}
            assert cluster.status is Status.closed

    run(test)


def test_also_the_status_of_a_worker_is_not_frozen() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await registered(cluster, "a")
            await until(lambda: cluster.entries()[0].members[0].status == "running")
            (address,) = cluster.scheduler.workers
            assert cluster.info("a")["status"] == "running"
            await until(
                lambda: cluster.scheduler_info["workers"][address]["status"] == "running", 6
            )

    run(test)


def test_also_waiting_for_workers_ends() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(2)
            async with asyncio.timeout(10):
                await cluster._wait_for_workers(2)
            assert names(cluster) == ["0", "1"]

    run(test)


def test_also_losses_pile_nothing_up() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            for _ in range(3):
                await until(lambda: names(cluster) == ["a"] and "a" in cluster.workers)
                worker = cluster.workers["a"]
                await worker.close()
                await until(lambda worker=worker: cluster.workers.get("a") is not worker)
            assert len(cluster._futures) == 0

    run(test)


def test_also_a_class_needs_no_status_and_no_name() -> None:
    async def test() -> None:
        async with cluster_of({"a": {"cls": f"{HERE}.Bare"}}, worker=entry()) as cluster:
            await registered(cluster, "a")
            cluster.worker_spec["b"] = {"cls": f"{HERE}.Bare"}
            await registered(cluster, "a", "b")
            del cluster.worker_spec["a"]
            await registered(cluster, "b")
            await cluster.close()
            assert cluster.status is Status.closed

    run(test)


def test_also_errors_are_said_where_one_looks(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        with caplog.at_level(logging.WARNING):
            async with cluster_of(worker=entry(f"{HERE}.Failing", failures=1)) as cluster:
                cluster.scale(1)
                await until(lambda: "RuntimeError" in [one.reason for one in cluster.events()])
                await until(lambda: names(cluster) == ["0"])
        assert "entry '0': the start failed" in caplog.text
        assert not [one for one in caplog.records if one.name.startswith("tornado")]

    run(test)

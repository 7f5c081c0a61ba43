"""Our reconciler under somebody else's class."""

from __future__ import annotations

import distributed
import pytest
from distributed import Client, LocalCluster

from speccluster_lab import SpecCluster, reconciled
from speccluster_lab.errors import InvalidClass
from speccluster_lab.reconcile import Policy

from .conftest import QUICK, names, observed, run, until


class Workers(LocalCluster):
    """Counts workers, where the stock class counts entries, as dask-jobqueue's classes do."""

    def scale(self, n: int = 0, **options: object) -> object:
        return super().scale(2 * n, **options)

    def _new_worker_name(self, worker_number: int) -> str:
        return f"mine-{worker_number}"


OPTIONS = {
    "n_workers": 1,
    "threads_per_worker": 1,
    "processes": False,
    "dashboard_address": "127.0.0.1:0",
    "host": "127.0.0.1",
    "protocol": "tcp",
}


def test_a_subclass_is_kept_and_reconciled() -> None:
    async def test() -> None:
        ours = reconciled(LocalCluster)
        assert issubclass(ours, (LocalCluster, SpecCluster))
        assert (ours.__name__, ours.__doc__) == ("LocalCluster", LocalCluster.__doc__)
        async with ours(**OPTIONS, asynchronous=True) as cluster:
            cluster._executor.policy = QUICK
            assert names(cluster) == ["0"]
            await cluster.workers[0].close()
            await until(lambda: names(cluster) == [])
            await until(lambda: names(cluster) == ["0"])
            cluster.worker_spec[0]["options"]["nthreads"] = 3
            await observed(cluster)
            assert [w.nthreads for w in cluster.scheduler.workers.values()] == [3]

    run(test)


def test_a_subclass_keeps_to_the_policy_that_it_is_given() -> None:
    async def test() -> None:
        ours = reconciled(LocalCluster)
        async with ours(**OPTIONS, policy=QUICK, asynchronous=True) as cluster:
            assert cluster.policy == QUICK
            assert "policy" not in cluster.worker_spec[0]["options"]
            assert names(cluster) == ["0"]
        async with ours(**OPTIONS, asynchronous=True) as cluster:
            assert cluster.policy.backoff_first == Policy().backoff_first

    run(test)


def test_what_a_subclass_overrides_stays() -> None:
    async def test() -> None:
        async with reconciled(Workers)(**OPTIONS, asynchronous=True) as cluster:
            cluster.scale(2)
            await observed(cluster)
            assert len(names(cluster)) == 4
            assert {"mine-0", "mine-1", "mine-2"} <= set(names(cluster))

    run(test)


def test_what_counts_entries_does_so_where_a_subclass_counts_otherwise() -> None:
    async def test() -> None:
        async with reconciled(Workers)(**OPTIONS, policy=QUICK, asynchronous=True) as cluster:
            cluster.set_entries(3)
            assert len(cluster.worker_spec) == 3
            await observed(cluster)
            assert len(names(cluster)) == 3
            cluster.adapt(minimum=2, maximum=2, interval="20ms", wait_count=1)
            await until(lambda: len(cluster.worker_spec) == 2)
            sizes: set[int] = set()
            cluster.subscribe(lambda: sizes.add(len(cluster.worker_spec)))
            cluster.adapt(minimum=4, maximum=4, interval="20ms", wait_count=1)
            await until(lambda: len(names(cluster)) == 4)
            assert max(sizes) == 4

    run(test)


def test_it_is_used_as_the_class_it_is_like() -> None:
    with (
        reconciled(LocalCluster)(**OPTIONS) as cluster,
        Client(cluster) as client,
    ):
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3


def test_ours_is_ours_already() -> None:
    assert reconciled(SpecCluster) is SpecCluster
    assert reconciled(LocalCluster) is reconciled(LocalCluster)


@pytest.mark.parametrize("cls", [object, distributed.Worker, "LocalCluster"])
def test_anything_else_is_refused(cls: type) -> None:
    with pytest.raises(InvalidClass, match=r"no subclass of distributed\.SpecCluster"):
        reconciled(cls)

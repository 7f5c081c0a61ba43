"""How often the scheduler is asked to let a worker go, and what becomes of one that cannot."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest
from distributed import Client, fire_and_forget
from distributed.core import Status

from .conftest import cluster_of, entry, names, observed, registered, run, several, until


async def leave_a_task_behind(cluster: Any) -> None:
    """Have the scheduler keep a task for nobody who is connected."""
    async with Client(cluster, asynchronous=True) as client:
        # Of which there is none, so that it stays.
        fire_and_forget(client.submit(sum, [1], resources={"a thing": 1}))
        await until(lambda: len(cluster.scheduler.tasks) == 1)
    await until(lambda: set(cluster.scheduler.clients) == {"fire-and-forget"})


class Sum:
    """What an actor keeps."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> int:
        """Return the sum with this, too."""
        self.total += number
        return self.total


@pytest.mark.parametrize("form", [entry(), several(2)], ids=["one", "group"])
def test_an_actor_stays_where_it_is_once_its_entry_is_wanted_again(form: dict[str, Any]) -> None:
    async def test() -> None:
        async with (
            cluster_of({0: form}, worker=form) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            actor = await client.submit(Sum, actor=True)
            assert await actor.add(2) == 2
            before = cluster.workers[0]
            cluster.scale(0)
            await cluster
            await until(lambda: cluster.entries()[0].reason == "HoldsActor")
            cluster.scale(2)
            await observed(cluster)
            assert cluster.workers[0] is before
            assert await actor.add(3) == 5
            workers = cluster.scheduler.workers.values()
            await until(lambda: {one.status for one in workers} == {Status.running})

    run(test)


@pytest.mark.parametrize(
    ("who", "asked"),
    [("nobody", [True]), ("a client", [False, True]), ("a task", [False, True])],
)
def test_where_nothing_can_be_on_its_way_once_is_enough(who: str, asked: list[bool]) -> None:
    """What a client was sending to a worker that is chosen to go is known a moment later."""

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster, AsyncExitStack() as stack:
            cluster.scale(2)
            await registered(cluster, "0", "1")
            match who:
                case "a client":
                    await stack.enter_async_context(Client(cluster, asynchronous=True))
                case "a task":
                    await leave_a_task_behind(cluster)
            seen = []
            retire = cluster.scheduler.retire_workers

            async def retire_workers(**how: Any) -> Any:
                seen.append(how["remove"])
                return await retire(**how)

            cluster.scheduler.retire_workers = retire_workers
            cluster.scale(1)
            await cluster
            await until(lambda: len(names(cluster)) == 1)
            assert seen == asked

    run(test)

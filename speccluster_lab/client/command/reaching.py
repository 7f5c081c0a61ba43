"""A cluster by its id, for as long as a verb needs it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from speccluster_lab.client.awaiting import follow, is_settled, within
from speccluster_lab.client.finding import find
from speccluster_lab.client.plain import many
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.names import is_id
from speccluster_lab.spec.redaction import hide_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Cluster

__all__ = ["check_id", "in_short", "reached", "tell", "told", "wait_for"]

REACH_SECONDS: Final = 10.0


def check_id(id: str) -> None:
    """Refuse what can be no cluster's id, such as a name with a space in it."""
    if not is_id(id):
        raise InvalidInput(
            f"{id!r} can be no cluster's id; `jupyter speccluster list` shows which there are",
            field="id",
        )


@asynccontextmanager
async def reached(id: str) -> AsyncIterator[ApiClient]:
    """Give the way to a cluster; waits for one that has just been started.

    Raises
    ------
    InvalidInput
        It can be no cluster's id.
    ClusterNotFound, HostNotResponding, StartFailed
        As :func:`find`.
    """
    check_id(id)
    host = await find(id, REACH_SECONDS)
    try:
        yield host
    finally:
        host.close()


async def wait_for(
    host: ApiClient, generation: int, seconds: float | None, output: Output
) -> Cluster:
    """Return the cluster once what is wanted has come about, or at once if that is not asked for.

    Parameters
    ----------
    host : ApiClient
        The way to it.
    generation : int
        Of what is wanted.
    seconds : float or None
        To wait.
    output : Output
        Where it is said that this waits.
    """
    if seconds is None:
        return await host.get()
    output.say("Waiting until all workers are there …")
    there = follow(host, lambda cluster: is_settled(cluster, generation))
    await within(seconds, there, f"cluster {host.id!r} has not all of its workers")
    return await host.get()


async def told(host: ApiClient, cluster: Cluster, seconds: float | None, output: Output) -> int:
    """Wait if that is asked for, and say how a cluster is that has been changed."""
    if seconds is not None:
        cluster = await wait_for(host, cluster.generation, seconds, output)
    tell(cluster, output)
    return 0


def tell(cluster: Cluster, output: Output) -> None:
    """Say how a cluster is: in a few words, or all of it but its secrets for a program."""
    if output.as_json:
        output.data(hide_secrets(cluster.model_dump(mode="json")))
    output.say(in_short(cluster))


def in_short(cluster: Cluster) -> str:
    """Return a cluster in a few words."""
    counts = cluster.counts
    return (
        f"{cluster.display_name} ({cluster.id}): {cluster.phase.value}, "
        f"{many(counts.entries, 'entry', 'entries')}, "
        f"{counts.registered} of {many(counts.expected, 'worker', 'workers')}"
    )

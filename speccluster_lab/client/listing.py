"""The clusters that there are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from distributed.utils import LoopRunner

from speccluster_lab.errors import SpecClusterError
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import list_connections
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    from speccluster_lab.link.connections import Connection

__all__ = ["ClusterSummary", "list_clusters"]


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """A cluster in one line.

    Parameters
    ----------
    id : str
        What :func:`connect` takes.
    display_name : str
        What people call it; may be any text.
    template : str or None
        What it was made from.
    phase : ClusterPhase
        Where it is; ``unreachable`` when its host does not answer, and the rest is not known.
    entries, expected, registered : int
        Entries, the members that they are expected to have, and those that are there.
    """

    id: str
    display_name: str
    template: str | None
    phase: ClusterPhase
    entries: int = 0
    expected: int = 0
    registered: int = 0


def list_clusters(timeout: float = 10.0) -> list[ClusterSummary]:
    """Return this user's clusters on this machine, by id.

    Parameters
    ----------
    timeout : float
        Seconds that the hosts, which are all asked at once, have to answer.
    """
    # On a loop of its own: this works in a cell, where a loop runs already.
    return cast("list[ClusterSummary]", LoopRunner().run_sync(_ask_all, timeout))


async def _ask_all(seconds: float) -> list[ClusterSummary]:
    return list(await asyncio.gather(*(_ask(one, seconds) for one in list_connections())))


async def _ask(connection: Connection, seconds: float) -> ClusterSummary:
    host = HostClient(connection, seconds)
    try:
        cluster = await host.get()
    except SpecClusterError:
        return ClusterSummary(connection.id, connection.id, None, ClusterPhase.UNREACHABLE)
    finally:
        host.close()
    return ClusterSummary(
        id=cluster.id,
        display_name=cluster.display_name,
        template=cluster.template,
        phase=cluster.phase,
        entries=cluster.counts.entries,
        expected=cluster.counts.expected,
        registered=cluster.counts.registered,
    )

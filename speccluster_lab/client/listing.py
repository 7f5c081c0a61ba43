"""The clusters that there are, for a notebook or a script."""

from __future__ import annotations

from typing import cast

from distributed.utils import LoopRunner

from speccluster_lab.client.survey import ClusterSummary, survey
from speccluster_lab.client.tables import Clusters

__all__ = ["list_clusters"]


def list_clusters(timeout: float = 10.0) -> list[ClusterSummary]:
    """Return this user's clusters on this machine, by id, those that have failed among them.

    The list is displayed as a table.

    Parameters
    ----------
    timeout : float
        Seconds that the hosts, which are all asked at once, have to answer.

    Raises
    ------
    StartFailed
        The folders in which clusters are cannot be used.
    """
    # On a loop of its own: this works in a cell, where a loop runs already.
    return Clusters(cast("list[ClusterSummary]", LoopRunner().run_sync(survey, timeout)))

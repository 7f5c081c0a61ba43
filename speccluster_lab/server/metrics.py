"""What a Prometheus server reads: the clusters in numbers, as their hosts have told last."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from jupyter_server.auth.decorator import authorized
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from tornado import web

from speccluster_lab.server.handlers import SpecClusterHandler
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from speccluster_lab.server.manager import ClusterManager

__all__ = ["METRICS_ROUTE", "MetricsHandler"]

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
# By name: where a cluster has it, and what it is.
_OF_EACH: Final = {
    "entries": ("counts.entries", "Entries of the spec."),
    "members_expected": ("counts.expected", "Members that the spec asks for."),
    "members_registered": ("counts.registered", "Expected members that the scheduler has."),
    "threads": ("counts.nthreads", "Threads of the workers."),
    "memory_limit_bytes": ("counts.memory_limit", "Memory that the workers may use."),
    "memory_used_bytes": ("counts.memory_used", "Memory that the workers use."),
    "generation": ("generation", "Of the spec."),
    "observed_generation": ("observed_generation", "Of the spec that was last come up to."),
}


class _Clusters(Collector):
    """The metrics, worked out when they are asked for, from what is known of each cluster."""

    def __init__(self, manager: ClusterManager) -> None:
        self._manager = manager

    def collect(self) -> Iterator[Metric]:
        """Return them; called by the registry."""
        clusters = self._manager.clusters()
        phases = Counter(cluster.phase for cluster in clusters)
        by_phase = GaugeMetricFamily("speccluster_clusters", "Clusters.", labels=["phase"])
        for phase in ClusterPhase:
            by_phase.add_metric([phase.value], phases[phase])
        yield by_phase
        for name, (place, text) in _OF_EACH.items():
            value_of = attrgetter(place)
            family = GaugeMetricFamily(f"speccluster_{name}", text, labels=["cluster"])
            for cluster in clusters:
                family.add_metric([cluster.id], value_of(cluster))
            yield family


class MetricsHandler(SpecClusterHandler):
    """The clusters in numbers; other than for Jupyter's own metrics a login is always needed."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send them."""
        # Not the registry of the process, whose metrics may be open to everybody.
        registry = CollectorRegistry()
        registry.register(_Clusters(self.manager))
        await self.finish(generate_latest(registry), set_content_type=_TEXT)


METRICS_ROUTE: Final = ("/speccluster-lab/metrics", MetricsHandler)
"""The path below Jupyter's base URL (design.md, section 7), and who answers there."""

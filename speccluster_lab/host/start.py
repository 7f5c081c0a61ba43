"""Making the cluster; the only module of the host that imports ``distributed``.

Apart, because the host answers on its socket before this is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dask.config
from distributed.utils import format_dashboard_link

from speccluster_lab.cluster import Given, SpecCluster
from speccluster_lab.host.certificates import Certificates

if TYPE_CHECKING:
    from speccluster_lab.link.launch import Launch

__all__ = ["configure_dask", "dashboard_link", "make_cluster"]

LOOPBACK: Final = "127.0.0.1"

_ORIGINS: Final = "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin"


def configure_dask() -> None:
    """Close what dask leaves open by default; nannies hand this on to their workers."""
    routes = dask.config.get("distributed.scheduler.http.routes")
    origins = dask.config.get(_ORIGINS)
    dask.config.set(
        {
            "distributed.comm.require-encryption": True,
            # Relays to any host and port that a caller names.
            "distributed.scheduler.http.routes": [
                route for route in routes if route != "distributed.http.proxy"
            ],
            "distributed.worker.http.routes": [],
            # By default pages of any site may read the dashboard's websocket. None is, to bokeh,
            # localhost and the dashboard's own port, which is what the host's link says.
            _ORIGINS: [] if origins == ["*"] else origins,
        }
    )


def make_cluster(launch: Launch) -> tuple[SpecCluster, Certificates]:
    """Return the cluster of ``launch``, not started yet, and its certificates.

    To be called on the loop that the cluster will run on.

    Parameters
    ----------
    launch : Launch
        Its id and its spec.
    """
    configure_dask()
    certificates = Certificates.issue(launch.id)
    everywhere: dict[str, Any] = {"host": LOOPBACK, "protocol": "tls"}
    cluster = SpecCluster.from_document(
        launch.spec,
        name=launch.id,
        asynchronous=True,
        security=certificates.for_client(),
        given=Given(
            scheduler={
                **everywhere,
                "security": certificates.for_scheduler(),
                "dashboard_address": f"{LOOPBACK}:0",
                "dashboard": True,
            },
            worker={**everywhere, "security": certificates.for_worker()},
        ),
    )
    return cluster, certificates


def dashboard_link(cluster: SpecCluster) -> str | None:
    """Return where dask's dashboard is, under the name that its websocket answers to."""
    port = cluster.scheduler_info.get("services", {}).get("dashboard")
    return None if port is None else str(format_dashboard_link("localhost", port))

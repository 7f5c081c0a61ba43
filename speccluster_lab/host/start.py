"""Making the cluster; until this is imported the host does without ``distributed``.

Apart, because the host answers on its socket before that.
"""

from __future__ import annotations

import ipaddress
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import dask.config
import psutil
from dask.system import CPU_COUNT
from distributed.utils import get_ip_interface

from speccluster_lab.cluster import Given, SpecCluster
from speccluster_lab.errors import InvalidInput
from speccluster_lab.host.dashboard import HAS_BOKEH, PROXY, without_port
from speccluster_lab.host.nannies import start_workers_by
from speccluster_lab.host.scratch import usual_place

if TYPE_CHECKING:
    from distributed.security import Security

    from speccluster_lab.host.forkserver import Forkserver
    from speccluster_lab.host.keyfiles import KeyFiles
    from speccluster_lab.spec.models import ClusterSpec
    from speccluster_lab.spec.policies import PolicyOverlay

__all__ = ["LOOPBACK", "configure_dask", "given_for", "make_cluster"]

LOOPBACK: Final = "127.0.0.1"
# One that is spawned has a core to itself for most of its start: where more begin than there are
# cores, all of them come late. What is forked has the most of its start behind it.
CONCURRENT_SPAWNS: Final = max(2, CPU_COUNT)
CONCURRENT_FORKS: Final = 8

_ORIGINS: Final = "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin"


def configure_dask() -> None:
    """Close what dask leaves open by default; nannies hand this on to their workers.

    Raises
    ------
    StartFailed
        There is no place for what they write.
    """
    # Not in the configuration, which is handed on to other machines as well.
    if (place := usual_place()) != dask.config.get("temporary-directory"):
        tempfile.tempdir = place
    routes = dask.config.get("distributed.scheduler.http.routes")
    origins = dask.config.get(_ORIGINS)
    dask.config.set(
        {
            "distributed.comm.require-encryption": True,
            "distributed.scheduler.http.routes": [route for route in routes if route != PROXY],
            "distributed.worker.http.routes": [],
            # By default pages of any site may read the dashboard's websocket. Who is let in by the
            # host is no page, and says no origin.
            _ORIGINS: [] if origins == ["*"] else origins,
        }
    )


def make_cluster(
    id: str,
    spec: ClusterSpec,
    keys: KeyFiles,
    forkserver: Forkserver | None,
    bind: str | None,
    concurrent_starts: int | None = None,
    policy: PolicyOverlay | None = None,
) -> SpecCluster:
    """Return a cluster that is not started yet.

    To be called on the loop that the cluster will run on.

    Parameters
    ----------
    id : str
        The cluster's.
    spec : ClusterSpec
        What is wanted of it.
    keys : KeyFiles
        Of its parts.
    forkserver : Forkserver or None
        What forks its workers; without one they are spawned.
    bind : str or None
        Where scheduler and workers listen; see :func:`listening_at`.
    concurrent_starts : int, optional
        How many entries may start at a time.
    policy : PolicyOverlay, optional
        What else it is to keep to, as far as that is not the usual.

    Raises
    ------
    InvalidInput
        They cannot listen there.
    """
    configure_dask()
    start_workers_by(forkserver)
    given = given_for(
        listening_at(bind),
        scheduler=keys.for_scheduler(),
        worker=keys.for_worker(),
        elsewhere=keys.for_worker_elsewhere(),
    )
    # The dashboard's pages come later; without bokeh it is the scheduler that says so.
    scheduler = {**given.scheduler, "dashboard": not HAS_BOKEH}
    cluster = SpecCluster.from_document(
        spec,
        name=id,
        asynchronous=True,
        security=keys.for_client(),
        given=replace(given, scheduler=scheduler, scheduler_class=without_port),
    )
    usual = CONCURRENT_SPAWNS if forkserver is None else CONCURRENT_FORKS
    at_once = usual if concurrent_starts is None else concurrent_starts
    said = {} if policy is None else policy.given()
    cluster.policy = replace(cluster.policy, max_concurrent_starts=at_once, **said)
    if forkserver is not None:
        forkserver.tell(cluster._note)
    return cluster


def given_for(
    host: str, *, scheduler: Security, worker: Security, elsewhere: Security | None
) -> Given:
    """Return the options that have the parts of a cluster listen in one place, and speak TLS.

    Parameters
    ----------
    host : str
        The address at which they listen.
    scheduler, worker : Security
        What each proves itself with.
    elsewhere : Security or None
        The same for workers that may run on another machine.
    """
    everywhere: dict[str, Any] = {"host": host, "protocol": "tls"}
    return Given(
        scheduler={
            **everywhere,
            "security": scheduler,
            "dashboard_address": f"{LOOPBACK}:0",
            "dashboard": True,
        },
        worker={**everywhere, "security": worker},
        elsewhere={"security": elsewhere},
    )


def listening_at(bind: str | None) -> str:
    """Return the address at which to listen.

    Parameters
    ----------
    bind : str or None
        An address, or the name of a network interface; this machine alone if ``None``.

    Raises
    ------
    InvalidInput
        There is no such interface.
    """
    if bind is None:
        return LOOPBACK
    try:
        return str(ipaddress.ip_address(bind))
    except ValueError:
        pass
    try:
        return str(get_ip_interface(bind))
    except ValueError:
        known = ", ".join(sorted(psutil.net_if_addrs()))
        raise InvalidInput(
            f"there is no network interface {bind!r} with an address; there are: {known}",
            field="bind",
        ) from None

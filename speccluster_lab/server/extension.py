"""The Jupyter server extension and its settings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Float, Integer, List, Unicode

from speccluster_lab.server.dashboard import DASHBOARD_ROUTES
from speccluster_lab.server.events import EventsHandler
from speccluster_lab.server.handlers import MANAGER_SETTING, ROUTES
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.spec.admission import DEFAULT_MAX_WORKERS, Admission, installed_classes
from speccluster_lab.spec.api import API_PREFIX
from speccluster_lab.spec.lifetimes import DEFAULT_ORPHAN_TIMEOUT
from speccluster_lab.spec.limits import (
    DEFAULT_BODY_BYTES,
    DEFAULT_QUEUED_EVENTS,
    MAX_BODY_BYTES,
    Limits,
)

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["SpecClusterLab"]


class SpecClusterLab(ExtensionApp):
    """Dask clusters described by a spec, kept as described, seen in JupyterLab."""

    name = "speccluster_lab"

    allowed_classes = List(
        Unicode(),
        help="""Import paths of worker classes that a spec may name, beside those that installed
        packages offer through the entry point group "speccluster_lab.worker_classes" and those
        that the cluster's template names. Whoever may create a cluster can have these classes
        called with options of their choice.""",
    ).tag(config=True)

    allow_code_options = Bool(
        False,
        help="""Whether a spec may set options that load code, such as "preload", "plugins" and
        "env". Templates always may.""",
    ).tag(config=True)

    max_workers = Integer(
        DEFAULT_MAX_WORKERS,
        min=1,
        help="How many workers one cluster may have.",
    ).tag(config=True)

    max_clusters = Integer(
        16,
        min=0,
        help="How many clusters there may be at a time.",
    ).tag(config=True)

    max_body_bytes = Integer(
        DEFAULT_BODY_BYTES,
        min=1024,
        max=MAX_BODY_BYTES,
        help="How many bytes the body of a request may have, such as a spec that is applied.",
    ).tag(config=True)

    max_queued_events = Integer(
        DEFAULT_QUEUED_EVENTS,
        min=1,
        max=100_000,
        help="""How many changes wait for a page that takes them slowly. When there are more they
        are dropped, and it gets all clusters as they are.""",
    ).tag(config=True)

    max_concurrent_starts = Integer(
        None,
        min=1,
        max=10_000,
        allow_none=True,
        help="""How many entries of one cluster may start at a time. None: 8 where workers are
        forked, and one for each core where they are spawned, 2 at least.""",
    ).tag(config=True)

    shutdown_clusters_on_exit = Bool(
        True,
        help="""Whether the clusters that this server has started are stopped when it ends in
        order. A server that is killed leaves them running either way.""",
    ).tag(config=True)

    orphan_timeout = Float(
        DEFAULT_ORPHAN_TIMEOUT,
        min=1.0,
        allow_none=True,
        help="""Seconds after which a cluster stops by itself when nobody has asked for it in that
        time: no server follows it, no notebook has asked, no client is connected, and it computes
        nothing. A template may say otherwise. None: never.""",
    ).tag(config=True)

    clusters_keep_server_alive = Bool(
        True,
        help="""Whether a server that Jupyter, or JupyterHub, ends for want of activity stays for as
        long as a cluster runs. What the panel asks by itself is never activity.""",
    ).tag(config=True)

    manager: ClusterManager

    def initialize_settings(self) -> None:
        """Make the manager; called by Jupyter before the handlers are."""
        # What `link` has to say belongs in Jupyter's log as well.
        logging.getLogger("speccluster_lab").parent = self.log
        self.manager = ClusterManager(
            admission=Admission(
                worker_classes=installed_classes() | frozenset(self.allowed_classes),
                max_workers=self.max_workers,
                allow_code_options=self.allow_code_options,
            ),
            max_clusters=self.max_clusters,
            log=self.log,
            orphan_timeout=self.orphan_timeout,
            limits=Limits(
                body_bytes=self.max_body_bytes,
                queued_events=self.max_queued_events,
                concurrent_starts=self.max_concurrent_starts,
            ),
        )
        self.settings[MANAGER_SETTING] = self.manager

    def initialize_handlers(self) -> None:
        """Name the handlers; called by Jupyter, which puts its base URL before the paths."""
        self.handlers.append((f"{API_PREFIX}/events", EventsHandler))
        self.handlers.extend(DASHBOARD_ROUTES)
        self.handlers.extend(ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Find the clusters of others, now and later; called by Jupyter on its running loop."""
        self.manager.watch()
        await self.manager.attach()

    async def stop_extension(self) -> None:
        """End what this server has started; called by Jupyter when it ends in order."""
        # Whatever is raised here would keep Jupyter from ending its kernels.
        try:
            await self.manager.close(stop_clusters=self.shutdown_clusters_on_exit)
        except Exception:
            self.log.exception("The clusters could not be stopped in order")

    def current_activity(self) -> dict[str, Any] | None:
        """Return what keeps the server from ending for want of activity; called by Jupyter."""
        running = self.manager.count_running() if self.clusters_keep_server_alive else 0
        return {"clusters": running} if running else None

"""The Jupyter server extension and its settings."""

from __future__ import annotations

import datetime
import logging
import signal
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import PeriodicCallback
from traitlets import Bool

from speccluster_lab.link.settings import ClusterSettings
from speccluster_lab.server.dashboard import DASHBOARD_ROUTES
from speccluster_lab.server.events import EventsHandler
from speccluster_lab.server.handlers import MANAGER_SETTING, ROUTES
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.server.metrics import METRICS_ROUTE
from speccluster_lab.spec.api import API_PREFIX

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_server.serverapp import ServerApp

__all__ = ["SpecClusterLab"]

# What Jupyter's settings know by such a name counts as activity; JupyterHub asks for no more
# than that (`ServerWebApplication.last_activity` of jupyter_server).
LAST_ACTIVITY: Final = "speccluster_lab_last_activity"
# JupyterHub is told every five minutes, unless its configuration says otherwise.
ACTIVITY_SECONDS: Final = 60.0


class SpecClusterLab(ClusterSettings, ExtensionApp):
    """Dask clusters described by a spec, kept as described, seen in JupyterLab."""

    name = "speccluster_lab"

    shutdown_clusters_on_exit = Bool(
        True,
        help="""Whether the clusters that this server has started are stopped when it ends in
        order. A server that is killed leaves them running either way.""",
    ).tag(config=True)

    spare_host = Bool(
        True,
        help="""Whether a process waits for the next cluster while JupyterLab is open, so that it
        starts in a fraction of the time. It takes about 100 MiB.""",
    ).tag(config=True)

    clusters_keep_server_alive = Bool(
        True,
        help="""Whether a server that Jupyter, or JupyterHub, ends for want of activity stays for as
        long as a cluster runs. What the panel asks by itself is never activity.""",
    ).tag(config=True)

    _activity: PeriodicCallback | None = None

    manager: ClusterManager

    def initialize_settings(self) -> None:
        """Make the manager; called by Jupyter before the handlers are."""
        # What `link` has to say belongs in Jupyter's log as well.
        logging.getLogger("speccluster_lab").parent = self.log
        self.manager = ClusterManager(
            admission=self.admission(),
            max_clusters=self.max_clusters,
            log=self.log,
            orphan_timeout=self.orphan_timeout,
            limits=self.limits(),
            kernels=self._kernels(),
            spare_host=self.spare_host,
        )
        self.settings[MANAGER_SETTING] = self.manager

    def _kernels(self) -> KernelSpecManager | None:
        """Return who knows this server's kernels: other folders, and conda's environments."""
        found = None if self.serverapp is None else self.serverapp.kernel_spec_manager
        # Those of a gateway run elsewhere, and are asked for by a coroutine.
        return None if iscoroutinefunction(getattr(found, "get_kernel_spec", None)) else found

    def initialize_handlers(self) -> None:
        """Name the handlers; called by Jupyter, which puts its base URL before the paths."""
        self.handlers.append((f"{API_PREFIX}/events", EventsHandler))
        self.handlers.extend(DASHBOARD_ROUTES)
        self.handlers.append(METRICS_ROUTE)
        self.handlers.extend(ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Find the clusters of others, now and later; called by Jupyter on its running loop."""
        _end_in_order_when_interrupted(serverapp)
        note = partial(self._note_activity, serverapp.web_app.settings)
        self._activity = PeriodicCallback(note, ACTIVITY_SECONDS * 1_000)
        self._activity.start()
        self.manager.watch()
        await self.manager.attach()

    async def stop_extension(self) -> None:
        """End what this server has started; called by Jupyter when it ends in order."""
        if self._activity is not None:
            self._activity.stop()
        # Whatever is raised here would keep Jupyter from ending its kernels.
        try:
            await self.manager.close(stop_clusters=self.shutdown_clusters_on_exit)
        except Exception:
            self.log.exception("The clusters could not be stopped in order")

    def current_activity(self) -> dict[str, Any] | None:
        """Return what keeps the server from ending for want of activity; called by Jupyter."""
        running = self.manager.count_running() if self.clusters_keep_server_alive else 0
        return {"clusters": running} if running else None

    def _note_activity(self, settings: dict[str, Any]) -> None:
        if self.current_activity() is not None:
            settings[LAST_ACTIVITY] = datetime.datetime.now(datetime.UTC)


def _end_in_order_when_interrupted(serverapp: ServerApp) -> None:
    """Have an interrupt do what SIGTERM does where Jupyter leaves it to Python.

    It does without a terminal, and then ends without a word to its extensions. JupyterHub's
    spawners of local processes interrupt a server to stop it.
    """
    end = signal.getsignal(signal.SIGTERM)
    if getattr(end, "__self__", None) is not serverapp:
        # The process is somebody else's.
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)

"""dask's dashboard without a port: it has no login, so it is served where the API is.

The scheduler makes its HTTP application as ever, and opens nothing for it. The host's socket hands
it the requests below ``…/dashboard/`` of callers that know the host's nonce; pages of browsers
come through a Jupyter server, which knows who asks.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import distributed
from distributed.http.routing import RoutingApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.web import Application

    from speccluster_lab.cluster import SpecCluster

__all__ = ["dashboard_of", "without_port"]


class _NoServer:
    """What stands for the HTTP server of a scheduler that has none; bokeh asks for its port."""

    port: Final = 0


class _WithoutPort:
    """Makes the HTTP application of a scheduler, and lets somebody else serve it."""

    serves_dashboard: Final = True

    def start_http_server(self, routes: Any, *args: Any, **options: Any) -> None:
        """Open no port; called by the scheduler while it is made."""
        self.http_application = RoutingApplication(routes)
        self.http_server = _NoServer()


def without_port(cls: Callable[..., Any]) -> Callable[..., Any]:
    """Return a scheduler class like ``cls`` whose HTTP application has no port.

    Parameters
    ----------
    cls : type
        One whose scheduler is not in this process is returned as it is: it binds its dashboard as
        narrowly as its own options say.
    """
    if not (inspect.isclass(cls) and issubclass(cls, distributed.Scheduler)):
        return cls
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (_WithoutPort, cls), names)


def dashboard_of(cluster: SpecCluster) -> Application | None:
    """Return the HTTP application of a cluster's scheduler, where this process is to serve it."""
    scheduler = cluster.scheduler
    if not isinstance(scheduler, _WithoutPort):
        return None
    return scheduler.http_application

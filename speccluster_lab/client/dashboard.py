"""Where dask's dashboard of a cluster is, or why nowhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from speccluster_lab.client.finding import known_servers
from speccluster_lab.client.reaching import Reaching
from speccluster_lab.link.remote import RemoteClient, base_url
from speccluster_lab.spec.api import API_PREFIX, DASHBOARD_PAGE

__all__ = ["WithDashboard", "link_here"]


class WithDashboard(Reaching):
    """The part of a handle that leads to the dashboard."""

    @property
    def dashboard_link(self) -> str | None:
        """Where dask's dashboard is, through a Jupyter server; :attr:`no_dashboard` says why not.

        A path on the server that shows the notebook, or a URL of the one that the handle was
        made for: the dashboard has no port of its own, where anybody on the machine could see it.
        """
        return None if self.no_dashboard else self._dashboard_link()

    @property
    def no_dashboard(self) -> str | None:
        """Why there is no :attr:`dashboard_link`; ``None`` where there is one."""
        # For people who look at a client of a handle that was closed as well.
        if self._cluster is None or not self._closed:
            self._now()
        if self._cluster is not None and not self._cluster.scheduler.dashboard:
            return "the scheduler is not there, or has no dashboard that its host serves"
        if self._dashboard_link() is None:
            return (
                "dashboards are shown by a Jupyter server, and this process does not belong to "
                "one; open the cluster's card in JupyterLab, or connect with server=..."
            )
        return None

    def _dashboard_link(self) -> str | None:
        if isinstance(self._host, RemoteClient):
            return self._host.server + _page_of(self.id)
        return link_here(self.id)


def link_here(id: str) -> str | None:
    """Return where the dashboard of a cluster is on the server that this process belongs to.

    Parameters
    ----------
    id : str
        The cluster's.
    """
    servers = known_servers()
    # A path: this process does not know by which name a browser calls the server.
    return urlsplit(base_url(servers[0].url)).path + _page_of(id) if servers else None


def _page_of(id: str) -> str:
    return f"{API_PREFIX}/clusters/{id}/{DASHBOARD_PAGE}".lstrip("/")

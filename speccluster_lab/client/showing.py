"""A handle where it is displayed: the widget, and beside it what is shown without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from speccluster_lab.client.display import as_html, as_text
from speccluster_lab.client.reaching import Reaching
from speccluster_lab.errors import NotRunning, SpecClusterError

if TYPE_CHECKING:
    from speccluster_lab.client.widget import ClusterWidget
    from speccluster_lab.spec.api import Cluster

__all__ = ["Showing"]


class Showing(Reaching):
    """The part of a handle that displays its cluster."""

    _widget: ClusterWidget | None = None

    @property
    def widget(self) -> ClusterWidget:
        """The widget that a notebook shows where the handle is a cell's value.

        Raises
        ------
        NotRunning
            Nothing is known of the cluster yet.
        """
        if self._widget is None or self._widget.comm is None:
            # Not before it is needed: scripts have nobody to show it to.
            from speccluster_lab.client.following import HostSource
            from speccluster_lab.client.widget import ClusterWidget

            self._reach()
            if self._cluster is None:
                raise NotRunning(f"this handle of cluster {self.id!r} has not been awaited")
            source = HostSource(self.id, self._server, self._token)
            self._widget = ClusterWidget(source, self._cluster.model_dump(mode="json"))
        return self._widget

    def close(self, timeout: float | None = None) -> Any:
        """Leave the cluster, which goes on.

        Parameters
        ----------
        timeout : float, optional
            Not used; ``Client`` gives it to what it closes.
        """
        if self._widget is not None and not self._closed:
            self._widget.freeze("The handle has been closed; this is how the cluster was then.")
        return super().close(timeout)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        cluster, note = self._to_show()
        if cluster is None:
            return {"text/plain": repr(self)}
        bundle = {"text/plain": as_text(cluster, note), "text/html": as_html(cluster, note)}
        return bundle | self._live()

    def _live(self) -> dict[str, Any]:
        """Return what shows the widget, where there is somebody who can see one."""
        from speccluster_lab.client.widget import can_show, live_bundle

        if self._closed or not can_show():
            return {}
        return live_bundle(self.widget)

    def _repr_html_(self) -> str | None:
        """Return the HTML of the bundle; ``Client`` shows it as a part of its own."""
        cluster, note = self._to_show()
        return "" if cluster is None else as_html(cluster, note)

    def _to_show(self) -> tuple[Cluster | None, str | None]:
        """Return the newest that is known, and why that may be old. Showing never fails."""
        if self._closed:
            return self._cluster, "This handle has been closed; this is how the cluster was then."
        try:
            return self._now(), None
        except SpecClusterError as error:
            return self._cluster, f"This is how the cluster was before: {error.message}"

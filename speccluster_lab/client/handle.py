"""The handle: what a notebook or a script holds of a cluster that runs in a host of its own."""

from __future__ import annotations

from typing import Any, NoReturn

from speccluster_lab.client.changing import Changing
from speccluster_lab.client.dashboard import WithDashboard
from speccluster_lab.client.display import in_short
from speccluster_lab.client.history import History
from speccluster_lab.client.reaching import CONNECT_SECONDS
from speccluster_lab.client.scheduler import WithScheduler
from speccluster_lab.client.showing import Showing
from speccluster_lab.client.state import State
from speccluster_lab.client.stopping import Stopping

__all__ = ["ClusterHandle", "connect"]


def connect(
    id: str,
    *,
    server: str | None = None,
    token: str | None = None,
    asynchronous: bool = False,
    timeout: float = CONNECT_SECONDS,
) -> Any:
    """Return a handle of a cluster of this user.

    It is looked for on this machine first, and then at the Jupyter servers that this process
    belongs to: JupyterHub's, and the one that has started this kernel.

    Parameters
    ----------
    id : str
        The cluster's, as the panel shows it.
    server : str, optional
        The URL of the Jupyter server that shows it, to go through that one and nowhere else.
    token : str, optional
        What that server knows you by; ``JUPYTERHUB_API_TOKEN`` of the environment if not given.
    asynchronous : bool
        Whether the handle is to be used on the running event loop. It is to be awaited then, or
        used with ``async with``.
    timeout : float
        Seconds that a host which has just been launched may take to answer.

    Returns
    -------
    ClusterHandle
        Connected, unless ``asynchronous``.

    Raises
    ------
    ClusterNotFound
        There is none of this id; the message names those that there are, and who was asked.
    HostNotResponding
        It is there, but its process does not answer.
    StartFailed
        It is there, but has failed.

    Examples
    --------
    >>> cluster = connect("brave-otter")  # doctest: +SKIP
    >>> client = cluster.get_client()  # doctest: +SKIP
    """
    handle = ClusterHandle(
        id, server=server, token=token, asynchronous=asynchronous, timeout=timeout
    )
    if not asynchronous:
        try:
            handle.sync(handle._start)
        except BaseException:
            handle.close()
            raise
    return handle


class ClusterHandle(Showing, State, WithScheduler, WithDashboard, Changing, History, Stopping):
    """A cluster that runs in a host of its own; made by :func:`connect`.

    Works like a dask cluster: ``Client(handle)``, ``handle.scale(4)``. Everywhere but on an event
    loop its methods and attributes ask the host and wait for the answer; a handle made with
    ``asynchronous=True`` has the same methods to be awaited, and its attributes are those of the
    last answer (:meth:`refresh` gets a new one).

    Leaving it, by :meth:`close` or at the end of a ``with`` block, leaves the cluster running;
    :meth:`shutdown` stops it.

    Notes
    -----
    ``Client.shutdown`` closes the cluster object that it was given, and so only detaches as well.

    Parameters
    ----------
    id : str
        The cluster's.
    server, token : str, optional
        As :func:`connect` takes them.
    asynchronous : bool
        Whether it is used on the running event loop.
    timeout : float
        Seconds that the host may take to come up.
    """

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a ClusterHandle cannot be pickled, for it holds a key; call "
            f"speccluster_lab.connect({self.id!r}) where it is needed"
        )

    def __repr__(self) -> str:
        if self._closed:
            return f"<{type(self).__name__} {self.id!r}: closed>"
        cluster = self._last_known()
        if cluster is None:
            return f"<{type(self).__name__} {self.id!r}: not awaited>"
        return f"<{type(self).__name__} {self.id!r}: {in_short(cluster)}>"

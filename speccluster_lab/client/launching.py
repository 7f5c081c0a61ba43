"""Starting a cluster from a notebook or a script, in a host of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from speccluster_lab.client.handle import connect
from speccluster_lab.client.making import make_cluster
from speccluster_lab.client.reaching import CONNECT_SECONDS
from speccluster_lab.spec.api import CreateCluster
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from speccluster_lab.client.handle import ClusterHandle

__all__ = ["launch"]


def launch(
    template: str,
    /,
    name: str | None = None,
    *,
    kernel: str | None = None,
    asynchronous: bool = False,
    timeout: float = CONNECT_SECONDS,
    **fields: Any,
) -> Any:
    """Start a cluster on this machine, and return a handle of it.

    It runs in a process of its own, with the Python of this one unless ``kernel`` or its
    template says otherwise, is in JupyterLab's panel beside the others, and goes on when this
    process ends; :meth:`ClusterHandle.shutdown` stops it.

    Parameters
    ----------
    template : str
        The name of the template that it is made from.
    name : str, optional
        What people are to call it; one is suggested if not given.
    kernel : str, optional
        The kernel with whose Python it is to run, instead of the template's or this one.
    asynchronous : bool
        Whether the handle is to be used on the running event loop; what is returned is to be
        awaited then, and gives the handle.
    timeout : float
        Seconds that the cluster's process may take to answer.
    **fields
        Values for the template's form, such as ``nthreads=2``; those that are not given take the
        template's own.

    Returns
    -------
    ClusterHandle
        Connected; its workers may still be starting, which :meth:`ClusterHandle.wait` waits for.

    Raises
    ------
    TemplateNotFound
        There is none of this name; the message names those that there are.
    InvalidInput
        A field that the template does not have, or a value that it may not hold.
    NameInUse
        There is a cluster of this name already.
    TooManyClusters
        There are as many as Jupyter's configuration allows.
    UnfitInterpreter
        The kernel's Python lacks what a cluster needs; the message says what mends it.
    StartFailed
        The cluster's process could not be started.

    Examples
    --------
    >>> cluster = launch("local", nthreads=2)  # doctest: +SKIP
    >>> client = cluster.get_client()  # doctest: +SKIP
    """
    try:
        request = CreateCluster(template=template, name=name, kernel=kernel, fields=fields)
    except ValidationError as error:
        raise invalid_input(error) from None
    if asynchronous:
        return _launch(request, timeout)
    return connect(make_cluster(request).id, timeout=timeout)


async def _launch(request: CreateCluster, seconds: float) -> ClusterHandle:
    made = await asyncio.to_thread(make_cluster, request)
    handle: ClusterHandle = await connect(made.id, asynchronous=True, timeout=seconds)
    return handle

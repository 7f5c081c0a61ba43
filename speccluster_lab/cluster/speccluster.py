"""``SpecCluster``: the stock class's interface over our reconciler."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import dask
from dask.utils import parse_timedelta
from distributed.core import Status

from speccluster_lab.cluster.classes import Given
from speccluster_lab.cluster.displayed import Displayed
from speccluster_lab.cluster.publishing import Publishing
from speccluster_lab.errors import SpecClusterError
from speccluster_lab.reconcile import Policy

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["SpecCluster"]


class SpecCluster(Publishing, Displayed):
    """A :class:`distributed.SpecCluster` that keeps what its spec says.

    ``worker_spec`` is the desired state. It may be edited in place, from any thread; ``await
    cluster``, ``_correct_state()`` or the next period aligns the workers to it: an entry that was
    edited is replaced, one that was removed is retired before it is closed, one that fails or
    dies is started again without disturbing the others.

    Parameters
    ----------
    workers, scheduler, worker, asynchronous, loop, security, name, shutdown_on_close, \
scheduler_sync_interval, shutdown_scheduler
        As in :class:`distributed.SpecCluster`.
    silence_logs : int, str or False
        The level below which nothing is written to the standard error, neither here nor by
        workers whose class takes that option. If it is false everything is, as with the stock
        class; in a notebook warnings are, as with :class:`distributed.LocalCluster`. What is
        kept for ``get_logs`` is the same.
    policy : Policy, optional
        The limits that the reconciler keeps to.
    given : Given, optional
        Options that the scheduler and every worker get if their class takes them and the spec
        does not say otherwise.
    publish : bool, optional
        Whether it appears in the panel of this user's Jupyter servers, and can be changed there
        and connected to from other processes, for as long as this process has it. Its scheduler
        and its workers then speak TLS, with certificates made for it unless ``security`` has
        others; ``published_as`` is its id.

    Raises
    ------
    InvalidInput
        The spec cannot be, or the cluster is to be published without encryption.

    Notes
    -----
    As with the stock class, ``await cluster`` returns when every start has ended, and raises
    what the first one that failed raised. The entry is tried again all the same.
    """

    # Of a class between this one and its owner, which does not know of it.
    _given_policy: Policy | None = None

    def __init__(
        self,
        workers: Mapping[Hashable, dict[str, Any]] | None = None,
        scheduler: dict[str, Any] | None = None,
        worker: dict[str, Any] | None = None,
        asynchronous: bool = False,
        loop: Any = None,
        security: Any = None,
        silence_logs: Any = False,
        name: str | None = None,
        shutdown_on_close: bool = True,
        scheduler_sync_interval: Any = 1,
        shutdown_scheduler: bool = True,
        *,
        policy: Policy | None = None,
        given: Given | None = None,
        publish: bool = False,
    ) -> None:
        if not silence_logs and _is_kernel():
            silence_logs = logging.WARN
        given = given or Given()
        if silence_logs:
            # Workers in processes of their own write where this one does.
            given = replace(given, worker={"silence_logs": silence_logs, **given.worker})
        lost = parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout"))
        try:
            super().__init__(
                workers=workers,
                scheduler=scheduler,
                worker=worker,
                asynchronous=asynchronous,
                loop=loop,
                security=security,
                silence_logs=silence_logs,
                name=name,
                shutdown_on_close=shutdown_on_close,
                scheduler_sync_interval=scheduler_sync_interval,
                shutdown_scheduler=shutdown_scheduler,
                policy=policy or self._given_policy or Policy(lost_timeout=lost),
                given=given,
                publish=publish,
            )
            if asynchronous:
                self._align()
        except SpecClusterError:
            # Refused before anything has been started, or closed again.
            if getattr(self, "status", None) in (None, Status.created, Status.closed):
                self.status = Status.closed
                if hasattr(self, "_loop_runner"):
                    self._loop_runner.stop()
            raise

    @classmethod
    def from_document(cls, spec: ClusterSpec, **options: Any) -> Self:
        """Return a cluster of the desired state that a document describes.

        Parameters
        ----------
        spec : ClusterSpec
            The document; its classes are imported when they are first needed.
        **options
            Other arguments of the class.
        """
        document = spec.model_dump()
        return cls(
            scheduler=document["scheduler"],
            worker=document["worker"],
            workers=document["workers"],
            **options,
        )


def _is_kernel() -> bool:
    """Return whether this process is a notebook's, whose cells show what is written."""
    kernels: Any = sys.modules.get("ipykernel.kernelapp")
    return kernels is not None and bool(kernels.IPKernelApp.initialized())

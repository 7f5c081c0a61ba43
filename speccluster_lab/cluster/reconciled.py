"""Our reconciler under somebody else's subclass of the stock class."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import distributed

from speccluster_lab.cluster.publishing import new_publisher
from speccluster_lab.cluster.speccluster import SpecCluster
from speccluster_lab.errors import InvalidClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from speccluster_lab.reconcile import Policy

__all__ = ["reconciled"]


@functools.cache
def reconciled(cls: type) -> type[SpecCluster]:
    """Return a class like ``cls`` that keeps what its spec says.

    It takes ``policy`` and ``publish`` as well, as our own class does.

    Our class goes between ``cls`` and the stock one in the order of bases, so that what ``cls``
    overrides stays overridden, and what it calls on ``super()`` reaches ours.

    Parameters
    ----------
    cls : type
        A subclass of :class:`distributed.SpecCluster`, such as :class:`distributed.LocalCluster`
        or a class of dask-jobqueue.

    Raises
    ------
    InvalidClass
        It is none.

    Examples
    --------
    >>> from distributed import LocalCluster
    >>> issubclass(reconciled(LocalCluster), LocalCluster)
    True
    """
    bases = inspect.getmro(cls) if inspect.isclass(cls) else ()
    if distributed.SpecCluster not in bases:
        raise InvalidClass(f"{cls!r} is no subclass of distributed.SpecCluster")
    if SpecCluster in bases:
        return cls
    members = {
        "__init__": _with_ours(cls),
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
    }
    return type(cls.__name__, (cls, SpecCluster), members)


def _with_ours(cls: type) -> Callable[..., None]:
    """Return an ``__init__`` that takes what is ours for a class that does not know of it."""
    first: Any = cls.__init__  # type: ignore[misc]

    @functools.wraps(first)
    def initialize(
        self: SpecCluster,
        *args: Any,
        policy: Policy | None = None,
        publish: bool = False,
        **options: Any,
    ) -> None:
        known = inspect.signature(first).parameters
        if policy is not None and "policy" in known:
            # Its own, whatever it is to it.
            options["policy"] = policy
        else:
            # It would hand it to its workers.
            self._given_policy = policy
        if publish:
            self._publisher = new_publisher()
            # Such classes hand what they are given to all of their parts themselves.
            if options.get("security") is None:
                options["security"] = self._publisher.secure(None)
            if "dashboard_address" in known:
                # Theirs is a port for everybody; who wants one has to say so.
                options.setdefault("dashboard_address", None)
        first(self, *args, **options)

    return initialize

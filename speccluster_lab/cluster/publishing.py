"""Publishing a cluster: letting it be found, shown and changed from outside its process.

What serves it is of a layer above, and is found here by its name alone, once a cluster is to be
published. What is asked of it is all in :class:`Publisher`.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import distributed

from speccluster_lab.cluster.displayed import link_through_server
from speccluster_lab.cluster.living import Living

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed.security import Security

    from speccluster_lab.cluster.classes import Given

__all__ = ["Publisher", "Publishing", "new_publisher"]

logger = logging.getLogger(__name__)

PUBLISHER: Final = "speccluster_lab.host.publisher"


class Publisher(Protocol):
    """Serves one cluster to others, from before it starts until it has closed."""

    @property
    def id(self) -> str | None:
        """What others know the cluster by; ``None`` while it is not published."""

    def secure(self, security: Any) -> Security:
        """Return what all parts of the cluster are to prove to each other who they are with.

        Parameters
        ----------
        security : Security or None
            What the owner has given.

        Raises
        ------
        InvalidInput
            It does without encryption, or lacks what clients need.
        """

    def secured(
        self, security: Any, given: Given, scheduler: Mapping[str, Any]
    ) -> tuple[Security, Given]:
        """Return the same for a client, and for each part by what it is given.

        Parameters
        ----------
        security : Security or None
            What the owner has given,
        given : Given
            and what the parts are given already.
        scheduler : mapping
            What the spec says of it.

        Raises
        ------
        InvalidInput
            The scheduler is not to speak TLS, or as :meth:`secure`.
        StartFailed
            Somebody else holds the place for what workers put aside.
        """

    async def begin(self, cluster: Any, name: str | None) -> None:
        """Publish a cluster that has a scheduler; called on its loop.

        Parameters
        ----------
        cluster : SpecCluster
            The cluster.
        name : str or None
            What its owner calls it.

        Raises
        ------
        InvalidInput
            Its scheduler speaks no TLS.
        StartFailed
            It cannot be served.
        """

    async def end(self) -> None:
        """Have it no longer be found; harmless when it has not been; called on its loop."""


def new_publisher() -> Publisher:
    """Return what publishes one cluster."""
    return cast("Publisher", importlib.import_module(PUBLISHER).Publisher())


class Publishing(Living):
    """The part of a cluster that lets others find it.

    Parameters
    ----------
    publish : bool
        Whether it does.
    scheduler, name, security, given
        As the other parts take them.
    **options
        As the other parts take them.
    """

    # Set before there is a cluster by a class that hands its security on to all parts itself.
    _publisher: Publisher | None = None
    _closed_by: str | None = None

    def __init__(
        self,
        *,
        publish: bool,
        scheduler: dict[str, Any] | None,
        name: str | None,
        security: Any,
        given: Given,
        **options: Any,
    ) -> None:
        self._given_name = name
        if publish and self._publisher is None:
            self._publisher = new_publisher()
        if self._publisher is not None:
            # The stock class would make one that takes nothing of what is given.
            scheduler = scheduler or {"cls": distributed.Scheduler, "options": {}}
            security, given = self._publisher.secured(security, given, scheduler)
        super().__init__(scheduler=scheduler, name=name, security=security, given=given, **options)

    @property
    def published_as(self) -> str | None:
        """The id that :func:`speccluster_lab.connect` takes; ``None`` while not published."""
        return None if self._publisher is None else self._publisher.id

    @property
    def dashboard_link(self) -> str:
        """Where dask's dashboard is: its port, or a path on the Jupyter server of this kernel."""
        link: str = super().dashboard_link
        id = self.published_as
        if link or id is None or not getattr(self.scheduler, "serves_dashboard", False):
            return link
        return link_through_server(id) or ""

    async def _start_once(self) -> None:
        await super()._start_once()
        if self._publisher is not None:
            try:
                await self._publisher.begin(self, self._given_name)
            except BaseException:
                await self._close()
                raise

    async def _close_once(self) -> None:
        try:
            await super()._close_once()
        finally:
            if self._publisher is not None:
                await self._publisher.end()

    async def close_from_outside(self, by: str) -> None:
        """Close because somebody else has asked for it, and say so where the owner looks.

        Parameters
        ----------
        by : str
            Who or what has, for people.
        """
        self._closed_by = by
        self._note("ClosedFromOutside", f"the cluster is closed: {by}")
        logger.warning("Cluster %r is closed: %s", self.published_as or self.name, by)
        await self._close()

    def __repr__(self) -> str:
        text: str = super().__repr__()
        return text if self._closed_by is None else f"{text[:-1]}, closed: {self._closed_by})"

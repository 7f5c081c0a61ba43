"""The way to a cluster's scheduler: its address, the certificate for it, clients."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from distributed import Client

from speccluster_lab.client.security import ClientSecurity
from speccluster_lab.client.waiting import SCHEDULER_SECONDS, Waiting
from speccluster_lab.errors import NotRunning, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed.security import Security

    from speccluster_lab.spec.api import Cluster, ClusterPhase, Credentials

__all__ = ["WithScheduler"]


class WithScheduler(Waiting):
    """The part of a handle that leads to the scheduler."""

    _credentials: Credentials | None = None
    _security: Security | None = None

    async def _greet(self) -> None:
        # Both at once, for whoever connects most likely wants a client; and both to their end,
        # for the loop may stop when one of them has failed.
        both = super()._greet(), self._get_credentials_if_there()
        for result in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _get_credentials_if_there(self) -> None:
        with suppress(NotRunning):
            self._take(await self._reach().credentials())

    async def _wait(
        self, phase: ClusterPhase | None, generation: int | None, seconds: float
    ) -> None:
        await super()._wait(phase, generation, seconds)
        await self._get_credentials_if_up()

    async def _wait_for_all(self, seconds: float) -> None:
        await super()._wait_for_all(seconds)
        await self._get_credentials_if_up()

    async def _get_credentials_if_up(self) -> None:
        if self._cluster is not None and _is_up(self._cluster):
            with suppress(NotRunning):
                await self._get_credentials()

    @property
    def scheduler_address(self) -> str:
        """Where the scheduler is; waits until there is one, up to a minute."""
        return self._known_credentials().address

    @property
    def security(self) -> Security:
        """What a client connects with."""
        self._known_credentials()
        return cast("Security", self._security)

    def _known_credentials(self) -> Credentials:
        if self._credentials is None:
            self._reach()
            if self.asynchronous:
                raise NotRunning(
                    f"the scheduler of cluster {self.id!r} is not known yet: "
                    "await the handle's wait() first"
                )
            self.sync(self._get_credentials)
        return cast("Credentials", self._credentials)

    async def _get_credentials(self) -> None:
        if self._credentials is not None:
            return
        if self._cluster is None or not _is_up(self._cluster):
            what = f"the scheduler of cluster {self.id!r} has not come up"
            await self._until(_is_up, SCHEDULER_SECONDS, what)
        self._take(await self._reach().credentials())

    def _take(self, credentials: Credentials) -> None:
        _check_reachable(self.id, credentials)
        self._security = ClientSecurity(credentials)
        self._credentials = credentials

    def get_client(self, **options: Any) -> Any:
        """Return a client that is connected to the cluster; waits for the scheduler if need be.

        Parameters
        ----------
        **options
            Other arguments of :class:`distributed.Client`.

        Raises
        ------
        StartFailed
            The scheduler could not be started.
        TimedOut
            It has not come up within a minute.
        """
        self._reach()
        if self.asynchronous:
            return self._get_client(options)
        self.sync(self._get_credentials)
        return Client(self, **options)

    async def _get_client(self, options: Mapping[str, Any]) -> Client:
        await self._get_credentials()
        return cast("Client", await Client(self, **{"asynchronous": True, **options}))


def _is_up(cluster: Cluster) -> bool:
    return cluster.scheduler.address is not None


def _check_reachable(id: str, credentials: Credentials) -> None:
    """Raise when a scheduler listens for its own machine only, and that is not this one."""
    machine = credentials.machine
    host = urlsplit(credentials.address).hostname or ""
    try:
        only_there = ipaddress.ip_address(host).is_loopback
    except ValueError:
        only_there = host == "localhost"
    if only_there and machine not in ("", socket.gethostname()):
        raise Unreachable(
            f"the scheduler of cluster {id!r} listens on {machine!r} for that machine only, and "
            f"this is {socket.gethostname()!r}; use a template whose `bind` names an interface "
            "that can be reached from here"
        )

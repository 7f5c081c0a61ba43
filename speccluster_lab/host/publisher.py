"""Publishing one cluster: whether it is safe to, and with which certificates.

Found by its name from :mod:`speccluster_lab.cluster.publishing`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from distributed.core import Status
from distributed.security import Security

from speccluster_lab.cluster.classes import unfolded
from speccluster_lab.errors import InvalidInput
from speccluster_lab.host.bound import preloaded_by_nannies
from speccluster_lab.host.certificates import Certificates, Leaf, OwnersCertificates
from speccluster_lab.host.dashboard import HAS_BOKEH, without_pages, without_port
from speccluster_lab.host.keyfiles import security_of
from speccluster_lab.host.published import Published
from speccluster_lab.host.scratch import in_usual_place, usual_place
from speccluster_lab.host.start import LOOPBACK, given_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from speccluster_lab.cluster import Given, SpecCluster
    from speccluster_lab.host.control import ClientCertificates

__all__ = ["Publisher"]

# Whoever may use the machine may read what a worker's pages say. Without them its port has none.
_NO_PAGES: Final[Mapping[str, Any]] = {"distributed.worker.http.routes": []}
_ENCRYPTED: Final = ("tls://", "wss://")
_INSECURE: Final = (
    "a cluster whose scheduler is at {!r} cannot be published: whoever reaches one that does not "
    "speak TLS can run code as you"
)


class Publisher:
    """Publishes one cluster.

    :class:`speccluster_lab.cluster.publishing.Publisher` tells what it is asked for, and what it
    refuses.
    """

    def __init__(self) -> None:
        self._certificates: ClientCertificates | None = None
        self._made: Security | None = None
        self._published: Published | None = None
        # Not at the same time: a cluster can be closed while it starts.
        self._changing = asyncio.Lock()

    @property
    def id(self) -> str | None:
        """The id under which the cluster is served."""
        return None if self._published is None else self._published.launch.id

    def secure(self, security: Any) -> Security:
        """Return the owner's certificates if they do for clients too, and others for no owner's."""
        if security is None and not (configured := Security()).require_encryption:
            self._certificates = made = Certificates.issue("notebook")
            leaves = {"scheduler": made.scheduler, "worker": made.worker, "client": made.client}
            self._made = _security(made, **leaves)
            return self._made
        security = configured if security is None else security
        if not isinstance(security, Security):
            raise InvalidInput(
                "a cluster that is published has a Security object, or none and gets its own",
                field="security",
            )
        if security is not self._made:
            self._certificates = OwnersCertificates.of(security)
        return security

    def secured(
        self, security: Any, given: Given, scheduler: Mapping[str, Any]
    ) -> tuple[Security, Given]:
        """Return the same, each part's own certificate apart from a client's."""
        _, options = unfolded(scheduler.get("cls"), scheduler.get("options") or {})
        _refuse_plain(options)
        usual = {"local_directory": usual_place(), "config": _NO_PAGES}
        given = replace(
            given,
            stock={**usual, **preloaded_by_nannies(), **given.stock},
            scheduler_class=in_usual_place,
            prepare_worker=without_pages,
        )
        if options.get("dashboard_address") is None:
            # Nobody but who may use the cluster is to see it. Its pages come later.
            quiet = {**given.scheduler, "dashboard": not HAS_BOKEH}
            given = replace(given, scheduler=quiet, scheduler_class=_without_port)
        if security is self._made and security is not None:
            # Handed to the parts already.
            return security, given
        security = self.secure(security)
        made = self._certificates
        if not isinstance(made, Certificates):
            return security, given
        ours = given_for(
            LOOPBACK,
            scheduler=_security(made, scheduler=made.scheduler),
            worker=_security(made, worker=made.worker, client=made.worker),
            # Not the text of a key, of which a class may make a command line.
            elsewhere=None,
        )
        parts = ("scheduler", "worker", "elsewhere")
        both: dict[str, Any] = {
            part: {**getattr(ours, part), **getattr(given, part)} for part in parts
        }
        return _security(made, client=made.client), replace(given, **both)

    async def begin(self, cluster: SpecCluster, name: str | None) -> None:
        """Publish the cluster, unless it has been closed meanwhile."""
        address = cluster.scheduler_status().address or ""
        if not address.startswith(_ENCRYPTED):
            raise InvalidInput(_INSECURE.format(address), field="security")
        assert self._certificates is not None
        async with self._changing:
            if cluster.status == Status.running:
                published = Published(cluster, self._certificates, name)
                await published.begin()
                self._published = published

    async def end(self) -> None:
        """Have the cluster served no longer."""
        async with self._changing:
            published, self._published = self._published, None
            if published is not None:
                await published.end()


def _without_port(cls: Callable[..., Any]) -> Callable[..., Any]:
    return without_port(in_usual_place(cls))


def _refuse_plain(options: Mapping[str, Any]) -> None:
    """Refuse options of a scheduler that let it speak anything but TLS."""
    for key in ("protocol", "host", "contact_address"):
        value = options.get(key)
        if isinstance(value, str) and (key == "protocol" or "://" in value):
            address = value if "://" in value else f"{value}://"
            if not address.startswith(_ENCRYPTED):
                raise InvalidInput(_INSECURE.format(address), field=f"scheduler.options.{key}")


def _security(made: Certificates, **roles: Leaf) -> Security:
    # As text: there is no folder that would go with the process.
    pairs = {role: (leaf.certificate, leaf.key) for role, leaf in roles.items()}
    return security_of(made.authority, **pairs)

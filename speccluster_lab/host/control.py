"""What the API asks of one cluster, whatever process owns it: how it is, and to change it."""

from __future__ import annotations

import asyncio
import datetime
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from speccluster_lab.errors import (
    EntryNotFound,
    InvalidInput,
    NotRunning,
    NotStored,
    SpecClusterError,
    StaleGeneration,
    TimedOut,
)
from speccluster_lab.host.store import Desired
from speccluster_lab.link.files import check_storable
from speccluster_lab.link.interpreters import this_interpreter
from speccluster_lab.references import secret_values
from speccluster_lab.spec.api import (
    Adaptive,
    Condition,
    ConditionStatus,
    Credentials,
    Environment,
    Log,
    Plan,
    Stake,
)
from speccluster_lab.spec.logtext import log_lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from speccluster_lab.cluster import SpecCluster
    from speccluster_lab.cluster.preview import Preview
    from speccluster_lab.host.certificates import Leaf
    from speccluster_lab.link.launch import Launch
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import (
        Adapt,
        Cluster,
        CredentialsRequest,
        LogQuery,
        PlanRequest,
        Scale,
    )
    from speccluster_lab.spec.models import ClusterSpec

    _Wanted = tuple[int, ClusterSpec, Adaptive | None]

__all__ = ["ClientCertificates", "Control", "known_from"]

# Less than a server waits for an answer.
PLAN_SECONDS: Final = 8.0
LOG_SECONDS: Final = 5.0
# Between two tries to store what could not be.
RETRY_SECONDS: Final = 5.0
# No time takes more room in a file.
_LAST: Final = datetime.datetime.max.replace(tzinfo=datetime.UTC)


class ClientCertificates(Protocol):
    """What the clients of one cluster connect with."""

    @property
    def authority(self) -> str:
        """The certificate of who has signed the cluster's, as PEM text."""

    @property
    def client(self) -> Leaf:
        """A client's certificate, good for as long as the cluster is."""

    def client_for(self, lifetime: datetime.timedelta) -> Leaf:
        """Return a client's certificate that expires after ``lifetime``, from now."""


def known_from(launch: Launch) -> dict[str, Any]:
    """Return what is known of a cluster before it starts, and stays so; fields of its document.

    Parameters
    ----------
    launch : Launch
        What was to be run.
    """
    here = this_interpreter()
    return {
        "id": launch.id,
        "display_name": launch.display_name,
        "template": launch.template,
        "owner": launch.owner,
        "created": launch.created,
        "environment": Environment(python=here.path, versions=here.versions),
        "lifetimes": launch.lifetimes,
    }


class Control:
    """Stands over one cluster; everything here is to be called on the cluster's own loop.

    Parameters
    ----------
    launch : Launch
        What was to be run.
    known : dict
        What :func:`known_from` has said of it.
    cluster : SpecCluster
        The cluster.
    certificates : ClientCertificates
        Of its clients.
    changed : callable
        Is told of each change of what is wanted.
    save : callable, optional
        Has what is wanted on disk when it returns; where there is none, it is in memory only.
    """

    def __init__(
        self,
        launch: Launch,
        known: dict[str, Any],
        cluster: SpecCluster,
        certificates: ClientCertificates,
        changed: Callable[[], None],
        save: Callable[[Desired], Awaitable[None]] | None = None,
    ) -> None:
        self.cluster = cluster
        self._launch = launch
        self._known = known
        self._certificates = certificates
        self._tell = changed
        self._save = save
        # How many changes there were, up to which of them all is on disk, and what that one wanted.
        self._changes = self._stored = 0
        self._told = self._wanted()
        self._storing: set[asyncio.Task[None]] = set()
        # Why the newest change is not on disk, where that has been tried.
        self._unstored: Condition | None = None
        self._trying: asyncio.Task[None] | None = None

    @property
    def admission(self) -> Admission:
        """What may be asked for."""
        return self._launch.admission

    def trusted(self, spec: ClusterSpec) -> ClusterSpec:
        """Return what of a spec is allowed because somebody else has said it before."""
        return self._launch.trusted

    def document(self) -> Cluster:
        """Return the cluster as it is, and what is wanted of it as that is stored.

        A generation that is told would otherwise be given again, to another change, by a host that
        died before the first one was on disk. That the workers follow another spec is said.
        """
        cluster = self.cluster.as_shown(self._known)
        if self._stored == self._changes:
            return cluster
        generation, spec, adaptive = self._told
        update: dict[str, Any] = {
            "generation": generation,
            "observed_generation": min(generation, cluster.observed_generation),
            "adaptive": adaptive,
            "spec": spec,
            "workers": [
                entry.model_copy(update={"generation": min(generation, entry.generation)})
                for entry in cluster.workers
            ],
        }
        if self._unstored is not None:
            update["conditions"] = [*cluster.conditions, self._unstored]
        return cluster.model_copy(update=update)

    async def _change(self, make: Callable[[], object]) -> None:
        """Make a change that a person or a program has asked for, and take it in.

        Raises
        ------
        NotStored
            It cannot be written to disk.
        """
        if self._save is None:
            make()
            self._tell()
            return
        if self._stored == self._changes:
            self._told = self._wanted()
        make()
        self._changes += 1
        # Who stops waiting changes nothing about what is told.
        await asyncio.shield(self._begin_to_store(self._save))

    def _begin_to_store(self, save: Callable[[Desired], Awaitable[None]]) -> asyncio.Task[None]:
        storing = asyncio.create_task(
            self._store(save(self.desired()), self._changes, self._wanted())
        )
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        return storing

    async def _store(self, saving: Awaitable[None], number: int, wanted: _Wanted) -> None:
        try:
            await saving
        except NotStored as error:
            if number == self._changes:
                self._say_unstored(error)
            raise
        if number > self._stored:
            self._stored, self._told = number, wanted
        if self._stored == self._changes:
            self._unstored = None
        self._tell()

    def _say_unstored(self, error: NotStored) -> None:
        if self._unstored is None or error.message not in self._unstored.message:
            self._unstored = Condition(
                type="NotStored",
                status=ConditionStatus.TRUE,
                reason="StoreFailed",
                message=f"{error.message}. It is tried again; until then the spec is shown as it "
                "was before.",
                since=datetime.datetime.now(datetime.UTC),
            )
            self._tell()
        if self._trying is None or self._trying.done():
            self._trying = asyncio.create_task(self._try_again(), name="store what is wanted")

    async def _try_again(self) -> None:
        """Store what could not be, once that is possible."""
        assert self._save is not None
        while self._stored < self._changes:
            await asyncio.sleep(RETRY_SECONDS)
            if self._stored < self._changes and not self._storing:
                with suppress(NotStored):
                    await self._begin_to_store(self._save)

    def _wanted(self) -> _Wanted:
        cluster = self.cluster
        return cluster.generation, cluster.document(), _adaptive(cluster)

    def desired(self) -> Desired:
        """Return what is wanted now."""
        cluster = self.cluster
        return Desired(
            generation=cluster.generation,
            spec=cluster.lasting_document(),
            adaptive=_adaptive(cluster),
        )

    def _check_storable(
        self, spec: ClusterSpec, adaptive: Adaptive | None = None, *, field: str | None = None
    ) -> None:
        """Refuse a change that could not be stored, before anything of it is made."""
        if self._save is None:
            return
        wanted = Desired(
            generation=self.cluster.generation + 1, spec=spec, adaptive=adaptive, since=_LAST
        )
        check_storable(wanted.model_dump_json().encode(), field=field)

    async def replace_spec(self, spec: ClusterSpec, if_generation: int) -> None:
        """Replace the desired state.

        Parameters
        ----------
        spec : ClusterSpec
            The new one.
        if_generation : int
            The generation that the caller has seen.

        Raises
        ------
        StaleGeneration
            The desired state has changed since.
        InvalidInput
            The spec asks for what is not allowed or cannot be, or is too large to be stored.
        """
        # The caller has not seen one that is about to be stored, and goes by it nevertheless.
        while self._storing:
            await asyncio.wait(self._storing)
        cluster = self.cluster
        known = cluster.generation if self._stored == self._changes else self._told[0]
        if if_generation != known:
            raise StaleGeneration(
                f"the spec has changed: this is generation {known}, and the change is based on "
                f"generation {if_generation}",
                field="If-Match",
            )
        self.admission.check(spec, trusted=self.trusted(spec), prefix="")
        self._check_storable(spec, _adaptive(cluster))
        await self._change(lambda: cluster.apply(spec))

    async def scale(self, scale: Scale) -> None:
        """Set the size of the cluster.

        Raises
        ------
        InvalidInput
            That many are not allowed, the cluster cannot be scaled in this unit, or what it would
            be then is too large to be stored.
        """
        entries = self._entries_for(scale)
        await self._change(lambda: self.cluster.set_entries(entries))

    def _entries_for(self, scale: Scale) -> int:
        """Return how many entries have a size; refuse one that is not allowed."""
        entries = self.cluster.entries_for(scale)
        unit = next(iter(scale.model_dump(exclude_none=True)))
        self.admission.check_number(self.cluster.members_after(entries), field=unit)
        # Each is a copy of the worker form, which a small request can make as many as it likes.
        self._check_storable(self.cluster.document_of_size(entries), field=unit)
        return entries

    async def plan(self, request: PlanRequest) -> Plan:
        """Return what a change would do, which is not made.

        Raises
        ------
        InvalidInput
            The change would be refused.
        TimedOut
            The scheduler has not said in time what data there is.
        """
        try:
            async with asyncio.timeout(PLAN_SECONDS):
                preview = await self._preview(request)
        except TimeoutError as error:
            if isinstance(error, SpecClusterError):
                raise
            raise TimedOut(
                f"the scheduler of cluster {self._launch.id!r} has not said what data there is"
            ) from error
        return Plan(
            start=list(preview.start),
            replace=list(preview.replace),
            retire=list(preview.retire),
            at_stake=Stake(keys=preview.stake.keys, nbytes=preview.stake.nbytes),
            stuck=preview.stuck,
        )

    async def _preview(self, request: PlanRequest) -> Preview:
        if request.spec is not None:
            trusted = self.trusted(request.spec)
            self.admission.check(request.spec, trusted=trusted, prefix="spec")
            with _within("spec"):
                self._check_storable(request.spec, _adaptive(self.cluster))
                return await self.cluster.preview(spec=request.spec)
        if request.scale is not None:
            with _within("scale"):
                self._entries_for(request.scale)
                return await self.cluster.preview(scale=request.scale)
        return await self.cluster.preview(remove=request.remove or [])

    async def adapt(self, adapt: Adapt) -> None:
        """Have adaptive scaling keep to a range.

        Raises
        ------
        InvalidInput
            That many are not allowed, or there is nothing to make entries from.
        """
        cluster, admission = self.cluster, self.admission
        if not cluster.new_spec:
            raise InvalidInput("the cluster has no worker form to make entries from")
        maximum = admission.max_workers if adapt.maximum is None else adapt.maximum
        admission.check_number(maximum, field="maximum")
        # The minimum is kept with whole entries, if need be with more than the maximum.
        members = cluster.members_per_entry()
        least = -(-adapt.minimum // members) * members
        admission.check_number(least, field="minimum")
        self._check_storable(
            cluster.lasting_document(), Adaptive(minimum=adapt.minimum, maximum=maximum)
        )
        await self._change(lambda: cluster.adapt(minimum=adapt.minimum, maximum=maximum))

    async def end_adaptive(self) -> None:
        """End adaptive scaling; the cluster keeps its size.

        Raises
        ------
        InvalidInput
            With the entries that it has made, the spec is too large to be stored.
        """
        self._check_storable(self.cluster.document())
        await self._change(self.cluster.end_adaptive)

    async def retry(self, entry: str) -> None:
        """Try an entry again now, whatever its backoff says.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        """
        self._of_entry(self.cluster.retry, entry)

    async def restart_entry(self, entry: str) -> None:
        """Have an entry made anew although its spec says the same.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        """
        self._of_entry(self.cluster.restart_entry, entry)

    def _of_entry(self, do: Callable[[str], None], entry: str) -> None:
        try:
            do(entry)
        except InvalidInput as error:
            raise EntryNotFound(error.message) from None
        self._tell()

    def secrets(self) -> frozenset[str]:
        """Return what no text of the cluster may tell."""
        return secret_values(self.cluster.document().model_dump(mode="json"))

    async def log(self, query: LogQuery) -> Log:
        """Return the end of the log of a worker or an entry, or of the scheduler.

        Raises
        ------
        MemberNotFound
            No worker of this name is there, nor an entry of which there is anything to tell.
        TimedOut
            It has not been told in time.
        """
        try:
            async with asyncio.timeout(LOG_SECONDS):
                found = await self.cluster.log(query.member, query.tail, query.after)
        except TimeoutError as error:
            whose = "the scheduler" if query.member is None else repr(query.member)
            raise TimedOut(f"{whose} has not told its log in time") from error
        known = self.secrets()
        tail = len(found.text) + 1 if found.continues else query.tail
        told = await asyncio.to_thread(log_lines, found.text, tail, known=known)
        return Log(
            source=found.source,
            lines=told.lines,
            complete=told.complete and not found.continues,
            cursor=found.cursor,
            continues=found.continues,
        )

    async def credentials(self, request: CredentialsRequest) -> Credentials:
        """Return what a client connects with.

        Parameters
        ----------
        request : CredentialsRequest
            For how long.

        Raises
        ------
        NotRunning
            The scheduler is not there.
        """
        address = self.cluster.scheduler_status().address
        if address is None:
            raise NotRunning(f"the scheduler of cluster {self._launch.id!r} is not there yet")
        client = self._certificates.client
        if request.lifetime is not None:
            lifetime = datetime.timedelta(seconds=request.lifetime)
            client = self._certificates.client_for(lifetime)
        return Credentials(
            address=address,
            machine=socket.gethostname(),
            ca=self._certificates.authority,
            certificate=client.certificate,
            key=client.key,
        )


def _adaptive(cluster: SpecCluster) -> Adaptive | None:
    limits = cluster.adaptive_range()
    return None if limits is None else Adaptive(minimum=limits[0], maximum=limits[1])


@contextmanager
def _within(part: str) -> Iterator[None]:
    """Let what is refused say in which part of the request it stands."""
    try:
        yield
    except InvalidInput as error:
        error.field = f"{part}.{error.field}" if error.field else part
        raise

"""The HTTP API's requests, answers and events.

The host of a cluster and the Jupyter server serve the same paths with these models; the OpenAPI
file, and from it the TypeScript types, are generated from them. Names are fixed: add, do not
rename.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
    model_validator,
)

from speccluster_lab.spec.lifetimes import Lifetimes
from speccluster_lab.spec.logtext import MAX_LOG_LINES
from speccluster_lab.spec.models import ClusterSpec, Document, SpecOverlay
from speccluster_lab.spec.names import ClusterId, DisplayName, MemberName
from speccluster_lab.spec.options import MemorySize
from speccluster_lab.spec.templates import Template

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "API_PREFIX",
    "MAX_EVENTS",
    "MAX_GENERATIONS",
    "Adapt",
    "Adaptive",
    "ClassesQuery",
    "Cluster",
    "ClusterPhase",
    "Condition",
    "ConditionStatus",
    "Counts",
    "CreateCluster",
    "Credentials",
    "Entry",
    "EntryPhase",
    "ErrorBody",
    "Event",
    "EventsQuery",
    "Generation",
    "ListedTemplate",
    "Log",
    "LogQuery",
    "LogSource",
    "Member",
    "Owner",
    "OwnerKind",
    "Patch",
    "PatchEvent",
    "Plan",
    "PlanRequest",
    "Scale",
    "SchedulerStatus",
    "SnapshotEvent",
    "SnapshotRequest",
    "Stake",
    "Template",
    "TemplateQuery",
    "WorkerClass",
]

API_PREFIX: Final = "/speccluster-lab/api/v1"
MAX_EVENTS: Final = 10_000
MAX_GENERATIONS: Final = 50


DASHBOARD_PAGE: Final = "dashboard/status"
"""Where dask's dashboard begins, below the path of its cluster."""


class EntryPhase(StrEnum):
    """Where an entry is."""

    PENDING = "pending"
    STARTING = "starting"
    WAITING = "waiting"
    RUNNING = "running"
    DEGRADED = "degraded"
    REPLACING = "replacing"
    RETIRING = "retiring"
    CLOSING = "closing"
    BACKOFF = "backoff"
    LOST = "lost"


class ClusterPhase(StrEnum):
    """Where a cluster is."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Answer(Document):
    """Base of what the API answers: every field is always there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield what is shown of it in one line: what is known. Called by pydantic."""
        for name, value in super().__repr_args__():
            match value:
                case None:
                    pass
                case StrEnum():
                    yield name, value.value
                case datetime():
                    yield name, f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
                case _:
                    yield name, value


class Condition(Answer):
    """Why something is as it is, in words for a person."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    since: AwareDatetime


class Member(Answer):
    """One dask worker that an entry is expected to have, or that nobody expects.

    One that is not there has no address.
    """

    name: str
    address: str | None = None
    status: str | None = None
    nthreads: int | None = None
    memory_limit: int | None = Field(default=None, description="Bytes; 0 means no limit.")
    memory_used: int | None = Field(default=None, description="Bytes.")
    cpu: float | None = Field(default=None, description="Cores in use: 1.0 is one core.")
    tasks: int | None = Field(default=None, description="Tasks that run or are queued.")
    last_seen: AwareDatetime | None = None


class Entry(Answer):
    """One entry as it stands."""

    name: str
    phase: EntryPhase
    reason: str | None = None
    message: str | None = None
    cls: str
    generation: int
    attempts: int = 0
    next_retry: AwareDatetime | None = None
    engine: dict[str, Any] | None = None
    members: list[Member]

    @property
    def there(self) -> str:
        """How many of its members the scheduler has, in words."""
        return f"{sum(one.address is not None for one in self.members)} of {len(self.members)}"

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield what is shown of it in one line. Called by pydantic."""
        shown = {"name", "phase", "reason", "message"}
        yield from ((name, value) for name, value in super().__repr_args__() if name in shown)
        yield "members", self.there


class Counts(Answer):
    """A cluster in numbers."""

    entries: int = 0
    expected: int = Field(default=0, description="Members that the spec asks for.")
    registered: int = Field(default=0, description="Expected members that the scheduler has.")
    nthreads: int = 0
    memory_limit: int = Field(default=0, description="Bytes.")
    memory_used: int = Field(default=0, description="Bytes.")


class SchedulerStatus(Answer):
    """The scheduler as it stands."""

    address: str | None = None
    dashboard: bool = False
    status: str = "created"


class OwnerKind(StrEnum):
    """Who started a cluster."""

    SERVER = "server"
    NOTEBOOK = "notebook"
    COMMAND = "command"


class Owner(Answer):
    """Who started a cluster, and in which notebook where it was one."""

    kind: OwnerKind
    detail: str | None = None


class Adaptive(Answer):
    """The range that adaptive scaling keeps to."""

    minimum: int = Field(ge=0)
    maximum: int | None = Field(default=None, ge=0)


class Environment(Answer):
    """The Python that a cluster runs with; its clients should have the same versions."""

    python: str = Field(description="The path of its program.")
    versions: dict[str, str] = Field(description="Of Python and of what dask compares, by name.")


class Cluster(Answer):
    """A cluster: what is wanted, and what is."""

    id: ClusterId
    display_name: str
    template: str | None
    owner: Owner
    phase: ClusterPhase
    conditions: list[Condition] = Field(default_factory=list)
    generation: int
    observed_generation: int
    created: AwareDatetime
    adaptive: Adaptive | None = None
    environment: Environment | None = Field(default=None, description="Null before it has begun.")
    lifetimes: Lifetimes = Field(default_factory=Lifetimes)
    scheduler: SchedulerStatus = Field(default_factory=SchedulerStatus)
    counts: Counts = Field(default_factory=Counts)
    spec: ClusterSpec
    workers: list[Entry] = Field(default_factory=list)
    unexpected: list[Member] = Field(default_factory=list)


class ListedTemplate(Template):
    """A template as it is listed."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    own: bool = Field(
        default=False, description="Whether it is the user's own, to be replaced and deleted."
    )
    unusable: str | None = Field(
        default=None,
        description="Why no cluster can be made from it, if none can: it was saved when more was "
        "allowed than is now.",
    )


class TemplateQuery(Document):
    """How a template is to be written."""

    replace: bool = Field(
        default=False, description="Whether one of this name that is the user's own may go."
    )
    like: ClusterId | None = Field(
        default=None, description="A template: what only templates may say may be repeated of it."
    )


class CreateCluster(Document):
    """Make a cluster from a template."""

    template: ClusterId
    name: DisplayName | None = None
    fields: dict[str, Any] = Field(
        default_factory=dict, description="Values for the template's form."
    )
    spec: SpecOverlay | None = Field(default=None, description="Laid over the template's spec.")
    whole: ClusterSpec | None = Field(
        default=None, description="Or all of the spec: nothing of the template's is added to it."
    )
    kernel: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="The kernelspec with whose Python it is to run; the template's if not given.",
    )
    python: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="Or the path of that Python, where the server allows it.",
    )

    @model_validator(mode="after")
    def _one_python(self) -> Self:
        if self.kernel is not None and self.python is not None:
            raise ValueError("give a kernel or a python, not both")
        return self

    @model_validator(mode="after")
    def _one_spec(self) -> Self:
        if self.spec is not None and self.whole is not None:
            raise ValueError("give a part of the spec or the whole, not both")
        return self


class Scale(Document):
    """Set the size of a cluster, in exactly one unit."""

    entries: int | None = Field(default=None, ge=0, le=100_000, strict=True)
    workers: int | None = Field(default=None, ge=0, le=100_000, strict=True)
    cores: int | None = Field(default=None, ge=0, le=1_000_000, strict=True)
    memory: MemorySize | None = Field(default=None, description='Bytes, or text such as "6 GiB".')

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        given = [key for key in self.model_fields_set if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of entries, workers, cores, memory")
        return self


class Adapt(Document):
    """Have adaptive scaling keep to a range."""

    minimum: int = Field(default=0, ge=0, le=100_000, strict=True, description="Workers.")
    maximum: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        strict=True,
        description="Workers; without it, as many as the cluster may have.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError("minimum must not be more than maximum")
        return self


class PlanRequest(Document):
    """Ask what a change would do: exactly one of a new desired state, a size, or entries to go."""

    spec: ClusterSpec | None = None
    scale: Scale | None = None
    remove: list[MemberName] | None = Field(
        default=None, max_length=10_000, description="Names of entries."
    )

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        given = [key for key in self.model_fields_set if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of spec, scale, remove")
        return self


class Stake(Answer):
    """Data that only workers hold which are to go."""

    keys: int = Field(description="Results and scattered values.")
    nbytes: int = Field(description="Their size in bytes, as far as it is known.")


class Plan(Answer):
    """What a change would do, had it been made now."""

    start: list[str] = Field(description="Entries that would be made.")
    replace: list[str] = Field(description="Entries that would be made anew.")
    retire: list[str] = Field(description="Entries that would go.")
    at_stake: Stake = Field(description="What would have to move first.")
    stuck: bool = Field(description="Whether nobody would be left who could take it.")


class Event(Answer):
    """One thing that has happened to an entry, or to the whole cluster."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    seq: int = Field(ge=1, description="Counts the events of a cluster, from 1.")
    time: AwareDatetime
    entry: str | None = Field(description="Null where it is about the whole cluster.")
    from_: EntryPhase | None = Field(alias="from", description="Null for an entry that is new.")
    to: EntryPhase | None = Field(description="Null for an entry that has gone.")
    reason: str | None = Field(description="Why, as one word for a program.")
    message: str | None = Field(description="Why, in words for a person.")


class EventsQuery(Document):
    """Which events are asked for; the oldest of them come first."""

    since: int = Field(default=0, ge=0, le=10**15, description="Only those after this number.")
    limit: int = Field(default=1000, ge=1, le=MAX_EVENTS, description="No more than this.")


class Generation(Answer):
    """A desired state that a cluster had before."""

    generation: int = Field(ge=1)
    time: AwareDatetime = Field(description="Since when it was wanted.")
    spec: ClusterSpec

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield what is shown of it in one line. Called by pydantic."""
        yield from ((name, value) for name, value in super().__repr_args__() if name != "spec")
        yield "entries", len(self.spec.workers)


class WorkerClass(Answer):
    """A worker class that specs may name, and what can be said of its options."""

    cls: str
    description: str = Field(default="", description="What it is, in a sentence of its author's.")
    options: dict[str, Any] = Field(
        default_factory=lambda: {"type": "object"},
        description="The JSON Schema of its options; those of `readOnly` only templates may set.",
    )
    count: str | None = Field(
        default=None, description="The option that says how many workers an entry is."
    )
    error: str | None = Field(default=None, description="Why nothing can be said of it.")


class ClassesQuery(Document):
    """Of which interpreter the classes are asked for."""

    cluster: ClusterId | None = Field(
        default=None, description="That of a cluster; the server's own if not given."
    )


class LogSource(StrEnum):
    """Who has written a log."""

    HOST = "host"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    FAILURE = "failure"


class LogQuery(Document):
    """Whose log is asked for, and how much of it."""

    member: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="The name of a worker, or of an entry; the cluster's own process if not given.",
    )
    tail: int = Field(
        default=500,
        ge=1,
        le=MAX_LOG_LINES,
        description="No more lines than this, the newest; of no account where `after` is good.",
    )
    after: str | None = Field(
        default=None,
        max_length=4096,
        description="The `cursor` of an earlier answer: what has been written since, the oldest "
        "first and about a megabyte at once. Where it cannot be told, the end of the log.",
    )


class Log(Answer):
    """A part of a log: plain text, without control characters and known secrets."""

    source: LogSource = Field(
        description="Who has written it: the cluster's process, its scheduler, a worker, or "
        "nobody, where it tells why an entry does not start."
    )
    lines: list[str] = Field(description="The newest last.")
    complete: bool = Field(description="Whether there is nothing before them.")
    cursor: str = Field(
        description="Where the lines end, to be sent as `after`; what it says is of no account."
    )
    continues: bool = Field(
        default=False,
        description="Whether the lines are those that come after the cursor that was sent, "
        "without a gap.",
    )
    unfinished: bool = Field(
        default=False,
        description="Whether the last line may go on: it comes again after the cursor, as far as "
        "it is written by then.",
    )

    def __str__(self) -> str:
        """Return the lines as one text, to be printed."""
        return "\n".join(self.lines)


class CredentialsRequest(Document):
    """For how long a client's certificate is asked for."""

    lifetime: int | None = Field(
        default=None,
        ge=60,
        le=31 * 24 * 3600,
        description="Seconds. Through a Jupyter server a day if not given, elsewhere no limit.",
    )


class Credentials(Answer):
    """A client's certificate for one cluster; never logged, never stored by a browser."""

    address: str
    machine: str = Field(default="", description="The name of the machine that the host is on.")
    ca: str
    certificate: str
    key: str = Field(repr=False)


class ErrorBody(Document):
    """The body of every answer that is not a success."""

    code: str
    message: str
    field: str = Field(default="", description="The input that is wrong, where one is.")


class PatchOperation(Document):
    """One operation of a JSON Patch (RFC 6902)."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str
    value: Any = None
    from_: str | None = Field(default=None, alias="from")


Patch = list[PatchOperation]


class SnapshotEvent(Answer):
    """Everything, as of `seq`: the first message, and the answer to a `snapshot` request."""

    seq: int
    snapshot: list[Cluster]


class PatchEvent(Answer):
    """A change of one cluster.

    A cluster that is new is an `add` at the path `""`, one that has gone a `remove` there.
    """

    seq: int
    cluster: ClusterId
    patch: Patch


class SnapshotRequest(Document):
    """What a reader sends when it has found a gap in `seq`."""

    request: Literal["snapshot"]

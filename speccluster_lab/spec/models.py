"""The desired state as a document: ``scheduler``, ``worker`` and ``workers``.

The shape is that of :class:`distributed.SpecCluster`, with classes as import paths.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from speccluster_lab.spec.names import MemberName, member_names

__all__ = [
    "WHEN_FIRST_USED",
    "ClassPath",
    "ClusterSpec",
    "Document",
    "JsonObject",
    "Options",
    "PartOverlay",
    "SchedulerSpec",
    "SpecOverlay",
    "WorkerOverlay",
    "WorkerSpec",
]

MAX_DEPTH = 32


def _plain_json(value: Any) -> Any:
    """Refuse what JSON cannot say and what nobody means: NaN, infinities, bottomless nesting."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            match item:
                case dict():
                    below.extend(item)
                    below.extend(item.values())
                case list():
                    below.extend(item)
                case float() if not math.isfinite(item):
                    raise ValueError("must be finite numbers")
                case str() if any("\ud800" <= character <= "\udfff" for character in item):
                    raise ValueError("must be text that UTF-8 can carry")
                case str() | int() | float() | bool() | None:
                    pass
                case _:
                    raise ValueError(f"must be JSON values, not {type(item).__name__}")
        if not below:
            return value
        level = below
    raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")


ClassPath = Annotated[
    str,
    StringConstraints(
        max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"
    ),
    Field(description="Import path of a class, such as `distributed.Nanny`."),
]
JsonObject = Annotated[dict[str, Any], AfterValidator(_plain_json)]
Options = Annotated[
    JsonObject, Field(description="Keyword arguments of the class, as JSON values.")
]
Suffix = Annotated[MemberName, Field(description="Added to the entry's name.")]


Group = Annotated[
    list[Suffix] | None,
    Field(
        min_length=1,
        max_length=10_000,
        exclude_if=lambda group: group is None,
        description="Suffixes of the entry's workers; without it, the entry is one worker.",
    ),
]


# What is built for forty models takes longer than all else that a Jupyter server imports of us.
WHEN_FIRST_USED = ConfigDict(defer_build=True)


class Document(BaseModel):
    """Base of all that crosses a wire or lies in a file: unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, ser_json_inf_nan="null", defer_build=True
    )


class SchedulerSpec(Document):
    """How the scheduler is made."""

    cls: ClassPath = "distributed.Scheduler"
    options: Options = Field(default_factory=dict)


class WorkerSpec(Document):
    """How one entry is made: a class, its options, and its members where there are several."""

    cls: ClassPath
    options: Options = Field(default_factory=dict)
    group: Group = None

    @model_validator(mode="after")
    def _suffixes_differ(self) -> Self:
        if self.group is not None and len(set(self.group)) != len(self.group):
            raise ValueError("group must not have a suffix twice")
        return self


class ClusterSpec(Document):
    """The desired state of a cluster."""

    scheduler: SchedulerSpec = Field(default_factory=SchedulerSpec)
    worker: WorkerSpec | None = Field(
        default=None, description="The form of the entries that `scale` adds."
    )
    workers: dict[MemberName, WorkerSpec] = Field(
        default_factory=dict, description="The entries by name."
    )

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        owner: dict[str, str] = {}
        for name, entry in self.workers.items():
            for member in member_names(name, entry.group):
                if member in owner:
                    raise ValueError(
                        f"entries {owner[member]!r} and {name!r} both have a member {member!r}"
                    )
                owner[member] = name
        return self

    def with_entries(self, count: int) -> ClusterSpec:
        """Return this spec with ``count`` entries of the worker form, named from ``0``."""
        if self.worker is None:
            return self
        # Deep: entries never share a dict with the form that they are copies of (fault 3 of
        # distributed.SpecCluster).
        entries = {str(number): self.worker.model_copy(deep=True) for number in range(count)}
        return self.model_copy(update={"workers": entries})

    def laid_over(self, overlay: SpecOverlay) -> ClusterSpec:
        """Return this spec with ``overlay`` laid over it.

        Options are merged where the class stays the same; ``workers`` replaces.

        Raises
        ------
        pydantic.ValidationError
            The result is no valid spec, such as two entries with a member name in common.
        """
        document = self.model_dump()
        for key in ("scheduler", "worker"):
            part: PartOverlay | None = getattr(overlay, key)
            if part is None:
                continue
            below: dict[str, Any] = document[key] or {}
            given = part.model_dump(exclude_unset=True)
            if given.get("cls", below.get("cls")) == below.get("cls"):
                given["options"] = {**below.get("options", {}), **given.get("options", {})}
                given = {**below, **given}
            document[key] = given
        if overlay.workers is not None:
            document["workers"] = {name: e.model_dump() for name, e in overlay.workers.items()}
        return ClusterSpec.model_validate(document)


class PartOverlay(Document):
    """What a request lays over a scheduler's or a worker's spec."""

    cls: ClassPath | None = None
    options: Options = Field(default_factory=dict)


class WorkerOverlay(PartOverlay):
    """What a request lays over the worker form."""

    group: Group = None


class SpecOverlay(Document):
    """What a request lays over a template's spec: options are merged, `workers` replaces."""

    scheduler: PartOverlay | None = None
    worker: WorkerOverlay | None = None
    workers: dict[MemberName, WorkerSpec] | None = None

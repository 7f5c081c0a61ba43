"""Cluster files, which say what a cluster is to be: ``apply`` and ``plan``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from speccluster_lab.client.command.acting import start
from speccluster_lab.client.command.changing import (
    read_yaml,
    say_changes,
    say_entries,
    say_plan,
)
from speccluster_lab.client.command.output import FileMissing
from speccluster_lab.client.command.reaching import reached, told
from speccluster_lab.client.command.sizing import in_words
from speccluster_lab.client.making import check_cluster
from speccluster_lab.client.survey import survey
from speccluster_lab.errors import InvalidInput
from speccluster_lab.link.templates import get_template
from speccluster_lab.spec.api import Adapt, CreateCluster, PlanRequest
from speccluster_lab.spec.models import SpecOverlay
from speccluster_lab.spec.names import DisplayName  # noqa: TC001  (pydantic reads it)
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Cluster, Plan
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["VERBS", "ClusterFile"]

MAX_BYTES: Final = 256 * 1024
SURVEY_SECONDS: Final = 5.0


class ClusterFile(CreateCluster):
    """What a cluster is to be.

    Parameters
    ----------
    name : str
        Finds the cluster, or names the new one.
    entries : int, optional
        How many there are to be of the worker form; the template's number if not given.
    adaptive : Adapt, optional
        The range that adaptive scaling is to keep to; it decides how many entries there are.
    """

    name: DisplayName
    entries: int | None = Field(default=None, ge=0, le=100_000, strict=True)
    adaptive: Adapt | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        named = self.spec is not None and self.spec.workers is not None
        whole = self.whole is not None and bool(self.whole.workers)
        given = [self.entries is not None, self.adaptive is not None, named, whole]
        if sum(given) > 1:
            raise ValueError("give only one of entries, adaptive, spec.workers, whole.workers")
        return self

    def make_spec(self) -> ClusterSpec:
        """Return the spec that it describes; reads the template's file."""
        spec = self.whole or get_template(self.template).make_spec(self.fields, self.spec)
        return spec if self.entries is None else spec.with_entries(self.entries)

    def request(self) -> CreateCluster:
        """Return what makes the cluster that it describes; reads the template's file."""
        spec = self.make_spec()
        if self.adaptive is not None:
            spec = spec.with_entries(0)
        parts = ("template", "name", "fields", "kernel", "python")
        given = {part: getattr(self, part) for part in parts}
        if self.whole is not None:
            return CreateCluster(**given, whole=spec)
        overlay = (self.spec or SpecOverlay()).model_dump(exclude_unset=True)
        overlay["workers"] = {name: entry.model_dump() for name, entry in spec.workers.items()}
        return CreateCluster(**given, spec=SpecOverlay.model_validate(overlay))


@dataclass(frozen=True, slots=True)
class _Change:
    """What there is to be done about a cluster that is there."""

    cluster: Cluster
    spec: ClusterSpec
    adaptive: bool

    @property
    def of_spec(self) -> bool:
        return self.spec != self.cluster.spec


def _read(name: str) -> ClusterFile:
    try:
        text = sys.stdin.read(MAX_BYTES + 1) if name == "-" else _text_of(Path(name))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise FileMissing(f"{name!r} cannot be read: {why}", field="file") from None
    if len(text) > MAX_BYTES:
        raise InvalidInput(f"{name!r} has more than {MAX_BYTES} bytes", field="file")
    try:
        return ClusterFile.model_validate(read_yaml(text))
    except ValidationError as error:
        raise invalid_input(error) from None


def _text_of(path: Path) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read(MAX_BYTES + 1)


async def _find_id(name: str) -> str | None:
    """Return the id of the cluster of this name, if there is one."""
    found = [one.id for one in await survey(SURVEY_SECONDS) if one.display_name == name]
    if len(found) > 1:
        raise InvalidInput(f"several clusters have this name: {', '.join(found)}", field="name")
    return found[0] if found else None


async def _change(file: ClusterFile, host: ApiClient) -> _Change:
    cluster = await host.get()
    if cluster.template != file.template:
        raise InvalidInput(
            f"cluster {cluster.id!r} was made from template {cluster.template!r}; stop it first, "
            "or give this one another name",
            field="template",
        )
    spec = await asyncio.to_thread(file.make_spec)
    wanted, there = file.adaptive, cluster.adaptive
    if wanted is None or there is None:
        adaptive = (wanted is None) is not (there is None)
    else:
        ends = (None, there.maximum)
        adaptive = wanted.minimum != there.minimum or wanted.maximum not in ends
    if wanted is not None:
        # How many there are is not the file's to say, only what they are made of.
        entries = cluster.spec.workers
        if cluster.spec.worker != spec.worker and spec.worker is not None:
            entries = {name: spec.worker for name in entries}
        spec = spec.model_copy(update={"workers": entries})
    return _Change(cluster, spec, adaptive)


def _apply(options: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_apply_file(_read(options.file), options.wait, output))


async def _apply_file(file: ClusterFile, seconds: float | None, output: Output) -> int:
    id = await _find_id(file.name)
    if id is None:
        request = await asyncio.to_thread(file.request)
        return await start(request, seconds, output, file.adaptive)
    async with reached(id) as host:
        change = await _change(file, host)
        cluster, before = change.cluster, change.cluster.generation
        if change.adaptive and file.adaptive is None:
            # First, so that what it has made is ordinary from then on.
            cluster = await host.end_adaptive()
        if change.of_spec:
            cluster = await host.replace_spec(change.spec, cluster.generation)
        if change.adaptive and file.adaptive is not None:
            cluster = await host.adapt(file.adaptive)
        # Secrets are not shown as they are; whether they were others the host knows.
        if cluster.generation == before and not change.adaptive:
            output.say(f"{file.name} ({id}) is what the file says; nothing was changed.")
        else:
            say_changes(change.cluster.spec, change.spec, output)
            _say_adaptive(file, change, "is now ended", "now keeps", output)
        return await told(host, cluster, seconds, output)


def _plan(options: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_plan_file(_read(options.file), output))


async def _plan_file(file: ClusterFile, output: Output) -> int:
    id = await _find_id(file.name)
    if id is None:
        request = await asyncio.to_thread(file.request)
        await asyncio.to_thread(check_cluster, request)
        wanted = request.whole or request.spec
        names = [] if wanted is None else list(wanted.workers or ())
        output.say(f"{file.name} would be started from template {file.template!r}.")
        say_entries("start", names, output)
        if file.adaptive is not None:
            output.say(f"Adaptive scaling would keep to {in_words(file.adaptive)} workers.")
        _tell_plan("start", None, {"start": names}, output)
        return 0
    async with reached(id) as host:
        change = await _change(file, host)
        plan: Plan | None = None
        if change.of_spec:
            plan = await host.plan(PlanRequest(spec=change.spec))
            say_changes(change.cluster.spec, change.spec, output)
            say_plan(plan, output)
        _say_adaptive(file, change, "would be ended", "would keep", output)
        if not change.of_spec and not change.adaptive:
            output.say(f"{file.name} ({id}) is what the file says.")
    action = "change" if change.of_spec or change.adaptive else "none"
    _tell_plan(action, id, None if plan is None else plan.model_dump(mode="json"), output)
    return 0


def _tell_plan(action: str, id: str | None, plan: dict[str, Any] | None, output: Output) -> None:
    if output.as_json:
        output.data({"action": action, "id": id, "plan": plan})


def _say_adaptive(
    file: ClusterFile, change: _Change, ended: str, keeps: str, output: Output
) -> None:
    if change.adaptive and file.adaptive is None:
        output.say(f"Adaptive scaling {ended}.")
    elif change.adaptive and file.adaptive is not None:
        output.say(f"Adaptive scaling {keeps} to {in_words(file.adaptive)} workers.")


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {"apply": _apply, "plan": _plan}

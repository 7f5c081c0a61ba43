"""``start`` and ``stop``."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from speccluster_lab.client.awaiting import follow, until_gone, within
from speccluster_lab.client.command.reaching import check_id, in_short, reached, wait_for
from speccluster_lab.client.making import make_cluster
from speccluster_lab.client.survey import has_failed
from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    InvalidInput,
    SpecClusterError,
    StartFailed,
    TimedOut,
)
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.launch import find_guard, mark_stopped, read_launch
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.link.remains import remove_cluster
from speccluster_lab.link.templates import get_template
from speccluster_lab.spec.api import CreateCluster
from speccluster_lab.spec.templates import FieldType
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.link.processes import HostProcess
    from speccluster_lab.spec.api import Adapt
    from speccluster_lab.spec.templates import Template

__all__ = ["VERBS"]

KILL_SECONDS: Final = 3.0
START_SECONDS: Final = 60.0
_TRUE: Final = {"true", "yes", "on", "1"}
_FALSE: Final = {"false", "no", "off", "0"}


def _start(options: argparse.Namespace, output: Output) -> int:
    fields = _fields(get_template(options.template), options.set)
    try:
        request = CreateCluster(
            template=options.template, name=options.name, fields=fields, kernel=options.kernel
        )
    except ValidationError as error:
        raise invalid_input(error) from None
    return asyncio.run(start(request, options.wait, output))


async def start(
    request: CreateCluster, seconds: float | None, output: Output, adaptive: Adapt | None = None
) -> int:
    """Start a cluster, say so, and wait for it if that is asked for.

    Parameters
    ----------
    request : CreateCluster
        What is to be started.
    seconds : float or None
        To wait until all workers are there.
    output : Output
        Where it is said.
    adaptive : Adapt, optional
        The range that adaptive scaling is to keep to, for which its scheduler has to be up.
    """
    made = await asyncio.to_thread(make_cluster, request)
    output.say(f"Started {made.display_name} from template {made.template!r}.")
    output.say(f"Its id is {made.id}")
    cluster = None
    async with AsyncExitStack() as stack:
        if adaptive is not None or seconds is not None:
            host = await stack.enter_async_context(reached(made.id))
        if adaptive is not None:
            up = follow(host, lambda cluster: cluster.phase == "running")
            await within(START_SECONDS, up, f"cluster {made.id!r} has not come up")
            await host.adapt(adaptive)
        if seconds is not None:
            cluster = await wait_for(host, 1, seconds, output)
            output.say(in_short(cluster))
    if output.as_json:
        told = {"id": made.id, "display_name": made.display_name, "template": made.template}
        phase = "starting" if cluster is None else cluster.phase.value
        output.data({**told, "phase": phase})
    return 0


def _fields(template: Template, given: list[str]) -> dict[str, Any]:
    """Return what ``--set`` says, each value as its field has it."""
    values: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals:
            raise InvalidInput(f"{one!r} is not FIELD=VALUE", field="set")
        field = template.fields.get(name)
        # One that the template does not have is refused with what it is called.
        values[name] = text if field is None else _value(name, text, field.type)
    return values


def _value(name: str, text: str, kind: FieldType) -> Any:
    try:
        match kind:
            case FieldType.INTEGER:
                return int(text)
            case FieldType.NUMBER:
                return float(text)
            case FieldType.BOOLEAN if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            case FieldType.BOOLEAN:
                raise ValueError
            case FieldType.STRING:
                return text
    except ValueError:
        raise InvalidInput(
            f"field {name!r} takes a value of type {kind.value}, which {text!r} is not",
            field=f"fields.{name}",
        ) from None


def _stop(options: argparse.Namespace, output: Output) -> int:
    check_id(options.id)
    folder = cluster_folder(options.id)
    if folder.is_dir() and has_failed(folder):
        _remove(folder)
    else:
        try:
            asyncio.run(_stop_host(options.id, options.timeout))
        except (HostNotResponding, TimedOut, StartFailed) as error:
            if not options.force or not folder.is_dir():
                raise _with_hint(error, folder) from None
            _kill(folder)
    if output.as_json:
        output.data({"id": options.id, "stopped": True})
    output.say(f"Stopped {options.id}.")
    return 0


async def _stop_host(id: str, seconds: float) -> int:
    async with reached(id) as host:
        host.timeout = min(host.timeout, seconds)
        try:
            await host.stop()
        except ClusterNotFound:
            # Somebody else has stopped it meanwhile, which is what was wanted.
            if await host.exists():
                raise
        await within(seconds, until_gone(host), f"cluster {id!r} has not stopped")
    return 0


def _with_hint(error: SpecClusterError, folder: Path) -> SpecClusterError:
    if folder.is_dir():
        return type(error)(f"{error.message}; --force kills it", field=error.field)
    return error


def _kill(folder: Path) -> None:
    """End a cluster whose process does not stop; what it holds is lost."""
    mark_stopped(folder)
    process = find_guard(folder) or _host(folder.name)
    if process is not None and not process.end(KILL_SECONDS):
        raise StartFailed(f"cluster {folder.name!r} has processes that cannot be killed")
    if folder.is_dir():
        _remove(folder)


def _host(id: str) -> HostProcess | None:
    """Return a host whose guard cannot be found; the guard then removes what is left."""
    try:
        return read_connection(id).process
    except ClusterNotFound:
        return None


def _remove(folder: Path) -> None:
    try:
        nonce = read_launch(folder).nonce
    except StartFailed:
        nonce = None
    remove_cluster(folder.name, nonce)


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {
    "start": _start,
    "stop": _stop,
}

"""``logs``: what a process of a cluster has written, and what it goes on to write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from speccluster_lab.client.command.reaching import reached
from speccluster_lab.errors import ClusterNotFound, HostNotResponding, StartFailed
from speccluster_lab.link.logs import host_log, stored_specs
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.references import mentioned_in, secrets_for_log
from speccluster_lab.spec.api import LogQuery
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.spec.api import Log

__all__ = ["VERBS"]

FOLLOW_SECONDS: Final = 0.5


def _logs(options: argparse.Namespace, output: Output) -> int:
    try:
        query = LogQuery(member=options.member, tail=options.tail)
    except ValidationError as error:
        raise invalid_input(error) from None
    return asyncio.run(_show(options.id, query, options.follow, output))


async def _show(id: str, query: LogQuery, follow: bool, output: Output) -> int:
    if not follow:
        _say_lines((await _read(id, query)).lines, output)
        return 0
    log = await _read(id, query)
    while True:
        # A line that may go on is shown when its end is there.
        _say_lines(log.lines[:-1] if log.unfinished else log.lines, output)
        # Nothing tells of a log that grows.
        await asyncio.sleep(FOLLOW_SECONDS)
        try:
            log = await _read(id, query.model_copy(update={"after": log.cursor}))
        except ClusterNotFound:
            # It ends with the cluster.
            _say_lines(log.lines[-1:] if log.unfinished else [], output)
            return 0


async def _read(id: str, query: LogQuery) -> Log:
    """Return the end of a log; a process that cannot be asked has left its own."""
    try:
        async with reached(id) as host:
            return await host.log(query)
    except (ClusterNotFound, StartFailed, HostNotResponding):
        folder = _folder_of(id)
        if query.member is not None or folder is None:
            raise
    return await _left_in(folder, query)


async def _left_in(folder: Path, query: LogQuery) -> Log:
    stored = await asyncio.to_thread(mentioned_in, stored_specs(folder))
    known = await secrets_for_log(None, stored)
    return await asyncio.to_thread(host_log, folder, query, known)


def _folder_of(id: str) -> Path | None:
    """Return the folder of a cluster on this machine, if it has one."""
    try:
        folder = cluster_folder(id)
    except ClusterNotFound:
        return None
    return folder if folder.is_dir() else None


def _say_lines(lines: list[str], output: Output) -> None:
    for line in lines:
        if output.as_json:
            output.data({"line": line})
        output.say(line.expandtabs())


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {"logs": _logs}

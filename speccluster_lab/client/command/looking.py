"""``list``, ``templates``, ``events`` and ``logs``: looking, and changing nothing."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from speccluster_lab.client.command.reaching import reached
from speccluster_lab.client.survey import survey
from speccluster_lab.errors import ClusterNotFound, InvalidInput
from speccluster_lab.link.launch import names_in_use
from speccluster_lab.link.logs import last_log_lines
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.link.templates import known_templates, look_for_templates
from speccluster_lab.spec.api import MAX_EVENTS, EventsQuery
from speccluster_lab.spec.names import is_id
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Event

__all__ = ["VERBS"]

LIST_SECONDS: Final = 5.0
FOLLOW_SECONDS: Final = 0.5
MAX_LINES: Final = 10_000

# Colours: what they are to a terminal is not for whoever writes a log to say.
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def _list(_: argparse.Namespace, output: Output) -> int:
    found = asyncio.run(survey(LIST_SECONDS))
    if output.as_json:
        output.data([asdict(one) for one in found])
        return 0
    output.table(
        ["ID", "Name", "Template", "Phase", "Entries", "Workers", "Threads"],
        (
            [
                one.id,
                one.display_name,
                one.template or "",
                one.phase.value,
                str(one.entries),
                f"{one.registered} of {one.expected}",
                str(one.nthreads),
            ]
            for one in found
        ),
        "No cluster is running. `jupyter speccluster start local` starts one.",
    )
    return 0


def _templates(_: argparse.Namespace, output: Output) -> int:
    found = look_for_templates()
    if output.as_json:
        output.data([one.model_dump(mode="json") for one in found.templates.values()])
        return 0
    output.table(
        ["Name", "Title", "Entries", "Fields", "Description"],
        (
            [
                one.name,
                one.title,
                str(one.initial),
                ", ".join(f"{name}={field.default}" for name, field in one.fields.items()),
                one.description,
            ]
            for one in known_templates().values()
        ),
        "There are no templates.",
    )
    for file in found.files:
        if file.why is not None:
            output.say(f"{file.path} cannot be used: {file.why}", "yellow")
    return 0


def _events(options: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_show_events(options, output))


async def _show_events(options: argparse.Namespace, output: Output) -> int:
    async with reached(options.id) as host:
        found = await _all_events(host, options.since)
    if output.as_json:
        output.data([one.model_dump(mode="json") for one in found])
        return 0
    output.table(
        ["No", "Time", "Entry", "From", "To", "Reason", "Message"],
        (
            [
                str(one.seq),
                f"{one.time.astimezone():%Y-%m-%d %H:%M:%S}",
                one.entry or "",
                "" if one.from_ is None else one.from_.value,
                "" if one.to is None else one.to.value,
                one.reason or "",
                one.message or "",
            ]
            for one in found
        ),
        "Nothing has happened.",
    )
    return 0


async def _all_events(host: ApiClient, since: int) -> list[Event]:
    found: list[Event] = []
    while True:
        try:
            query = EventsQuery(since=since, limit=MAX_EVENTS)
        except ValidationError as error:
            raise invalid_input(error) from None
        page = await host.timeline(query)
        found += page
        if len(page) < MAX_EVENTS:
            return found
        since = page[-1].seq


def _logs(options: argparse.Namespace, output: Output) -> int:
    if not is_id(options.id):
        raise InvalidInput(f"{options.id!r} can be no cluster's id", field="id")
    if not 1 <= options.tail <= MAX_LINES:
        raise InvalidInput(f"a tail has 1 to {MAX_LINES} lines", field="tail")
    folder = cluster_folder(options.id)
    if not folder.is_dir():
        others = ", ".join(sorted(names_in_use())) or "none"
        raise ClusterNotFound(
            f"there is no cluster {options.id!r} on this machine that has a log of its own; "
            f"there are: {others}"
        )
    lines = last_log_lines(folder, MAX_LINES)
    _say_lines(lines[-options.tail :], output)
    while options.follow and folder.is_dir():
        # Nothing tells of a file that grows in a way that all platforms have.
        time.sleep(FOLLOW_SECONDS)
        before, lines = lines, last_log_lines(folder, MAX_LINES)
        _say_lines(lines_after(before, lines), output)
    return 0


def _say_lines(lines: list[str], output: Output) -> None:
    for line in lines:
        shown = _ESCAPES.sub("", line).expandtabs()
        if output.as_json:
            output.data({"line": shown})
        output.say(shown)


def lines_after(before: list[str], now: list[str]) -> list[str]:
    """Return what of the end of a log was not in it before.

    Parameters
    ----------
    before, now : list of str
        Its last lines, and its last lines some time later.
    """
    for end in range(len(now), 0, -1):
        # What is known stands together, at whichever place it is by now.
        known = min(len(before), end)
        if known and now[end - known : end] == before[-known:]:
            return now[end:]
    return now


VERBS: dict[str, Callable[[argparse.Namespace, Output], Any]] = {
    "list": _list,
    "templates": _templates,
    "events": _events,
    "logs": _logs,
}

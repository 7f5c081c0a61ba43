"""``list``, ``show``, ``templates`` and ``events``: looking, and changing nothing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from speccluster_lab.client.command.reaching import in_short, reached, tell
from speccluster_lab.client.command.sizing import in_words
from speccluster_lab.client.display import TITLES, as_rows, remarks
from speccluster_lab.client.survey import survey
from speccluster_lab.client.tables import Clusters, Events
from speccluster_lab.link.templates import known_templates, look_for_templates
from speccluster_lab.spec.api import MAX_EVENTS, EventsQuery
from speccluster_lab.spec.redaction import hide_secrets
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Cluster, Event

__all__ = ["VERBS"]

LIST_SECONDS: Final = 5.0


def _list(_: argparse.Namespace, output: Output) -> int:
    found = asyncio.run(survey(LIST_SECONDS))
    if output.as_json:
        output.data([asdict(one) for one in found])
        return 0
    output.table(
        Clusters.titles,
        map(Clusters.cells, found),
        "No cluster is running. `jupyter speccluster start local` starts one.",
    )
    return 0


def _show(options: argparse.Namespace, output: Output) -> int:
    cluster = asyncio.run(_get(options.id))
    if output.as_json:
        tell(cluster, output)
        return 0
    output.say(in_short(cluster))
    if cluster.template is not None:
        output.say(f"Made from template {cluster.template!r}.")
    if cluster.adaptive is not None:
        output.say(f"Adaptive scaling keeps to {in_words(cluster.adaptive)} workers.")
    for remark in remarks(cluster):
        output.say(remark, "yellow")
    output.table(TITLES, as_rows(cluster), "It has no entries.")
    for entry in cluster.workers:
        if entry.message:
            output.say(f"{entry.name}: {entry.message}", "yellow")
    return 0


async def _get(id: str) -> Cluster:
    async with reached(id) as host:
        return await host.get()


def _templates(_: argparse.Namespace, output: Output) -> int:
    found = look_for_templates()
    if output.as_json:
        output.data([hide_secrets(one.model_dump(mode="json")) for one in found.templates.values()])
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
    output.table(Events.titles, map(Events.cells, found), "Nothing has happened.")
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


VERBS: dict[str, Callable[[argparse.Namespace, Output], Any]] = {
    "list": _list,
    "show": _show,
    "templates": _templates,
    "events": _events,
}

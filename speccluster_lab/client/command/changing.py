"""What a change of a cluster's spec would do, as text; and ``edit``."""

from __future__ import annotations

import asyncio
import difflib
import os
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml
from pydantic import ValidationError

from speccluster_lab.client.command.output import FAILED
from speccluster_lab.client.command.reaching import reached, tell, told
from speccluster_lab.client.plain import many
from speccluster_lab.errors import InvalidInput, SpecClusterError
from speccluster_lab.spec.api import PlanRequest
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.redaction import hide_secrets
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Sequence

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Cluster, Plan

__all__ = ["VERBS", "in_yaml", "say_changes", "say_entries", "say_plan"]

T = TypeVar("T")

_HEADER: Final = """\
# The spec of cluster {id}, generation {generation}. Save and leave to see what your changes
# would do; leave without a change to do nothing. `worker` is what new entries are made of,
# `workers` are those that there are: to change them, change them there.
"""


class _Dumper(yaml.SafeDumper):
    """Writes every entry out: an anchor would have two of them changed by one edit."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return whether to write a value that is there already once more."""
        return True


def in_yaml(spec: ClusterSpec) -> str:
    """Return a spec as people read and write it."""
    return _in_yaml(spec.model_dump(mode="json"))


def _in_yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def say_changes(before: ClusterSpec, after: ClusterSpec, output: Output) -> None:
    """Say in which lines two specs differ, without their secrets: terminals are recorded."""
    old, new = (
        _in_yaml(hide_secrets(spec.model_dump(mode="json"))).splitlines()
        for spec in (before, after)
    )
    lines = list(difflib.unified_diff(old, new, "is", "to be", lineterm=""))
    output.diff(lines)
    if not lines and before != after:
        output.say("What differs is secret, and not shown.")


def say_entries(verb: str, names: Sequence[str], output: Output) -> None:
    """Say which entries are to start, or whatever the verb is."""
    # With their number, for the first one's name is 0.
    number = many(len(names), "entry", "entries")
    output.say(f"{number} to {verb}: {', '.join(names)}" if names else f"{number} to {verb}")


def say_plan(plan: Plan, output: Output) -> None:
    """Say what a change would do."""
    for title, entries in (
        ("start", plan.start),
        ("replace", plan.replace),
        ("retire", plan.retire),
    ):
        if entries:
            say_entries(title, entries, output)
    if not (plan.start or plan.replace or plan.retire):
        output.say("No entry is started, replaced or retired.")
    if plan.at_stake.keys:
        stake = plan.at_stake
        moves = "nobody is left to take it" if plan.stuck else "it moves first"
        output.say(f"Data at stake: {stake.keys} keys, {stake.nbytes} bytes; {moves}.", "yellow")


def _edit(options: argparse.Namespace, output: Output) -> int:
    # The person is waited for in between, outside of the event loop: it would take Ctrl-C for
    # itself.
    before = asyncio.run(_ask(options.id, lambda host: host.get()))
    original = _HEADER.format(id=before.id, generation=before.generation) + in_yaml(before.spec)
    text = original
    try:
        while True:
            text = _edited(text)
            try:
                wanted = before.spec if text == original else _parsed(text)
                if wanted == before.spec:
                    output.say("Nothing was changed.")
                    tell(before, output)
                    return 0
                return _offer(before, wanted, options, output)
            except InvalidInput as error:
                if options.yes:
                    raise
                output.error(error)
                if not output.ask("Edit it once more?"):
                    raise
    except SpecClusterError as error:
        if text == original:
            raise
        raise type(error)(
            f"{error.message}; your text is kept in {_kept(text)!r}", field=error.field
        ) from None


def _offer(
    before: Cluster, wanted: ClusterSpec, options: argparse.Namespace, output: Output
) -> int:
    """Show what a change would do, and make it if a person agrees."""
    request = PlanRequest(spec=wanted)
    plan = asyncio.run(_ask(before.id, lambda host: host.plan(request)))
    say_changes(before.spec, wanted, output)
    say_plan(plan, output)
    if not options.yes and not output.ask("Apply this?"):
        output.say("Nothing was changed.")
        return FAILED
    return asyncio.run(_replace(before, wanted, options.wait, output))


def _kept(text: str) -> str:
    """Keep what somebody has written in a file that nobody else can read; return its path."""
    descriptor, path = tempfile.mkstemp(prefix="speccluster-", suffix=".yaml")
    with open(descriptor, "w") as stream:
        stream.write(text)
    return path


async def _ask(id: str, what: Callable[[ApiClient], Awaitable[T]]) -> T:
    async with reached(id) as host:
        return await what(host)


async def _replace(
    before: Cluster, wanted: ClusterSpec, seconds: float | None, output: Output
) -> int:
    async with reached(before.id) as host:
        cluster = await host.replace_spec(wanted, before.generation)
        return await told(host, cluster, seconds, output)


def _edited(text: str) -> str:
    """Have a person edit a text, in a file that nobody else can read.

    Raises
    ------
    InvalidInput
        There is no editor, or it says that it has failed.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="speccluster-") as folder:
        file = Path(folder) / "spec.yaml"
        file.touch(mode=0o600)
        file.write_text(text)
        try:
            status = _run([*shlex.split(command), str(file)])
            if status != 0:
                raise ValueError(f"it has ended with status {status}")
            return file.read_text()
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"the editor {command!r} has failed: {error}; $EDITOR names another"
            ) from None


def _run(command: list[str]) -> int:
    """Return the status of an editor, to which Ctrl-C belongs as long as it is there."""
    with subprocess.Popen(command) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _parsed(text: str) -> ClusterSpec:
    try:
        return ClusterSpec.model_validate(read_yaml(text))
    except ValidationError as error:
        raise invalid_input(error) from None


def read_yaml(text: str) -> dict[str, Any]:
    """Return the mapping that a text is; JSON is YAML too.

    Raises
    ------
    InvalidInput
        It is none.
    """
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"this is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise InvalidInput("this is no mapping")
    return document


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {"edit": _edit}

"""What a shell offers while a command line is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from speccluster_lab.errors import SpecClusterError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from speccluster_lab.client.command.output import Output

__all__ = ["VERBS", "complete"]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what could come next, and end the process."""
    import argcomplete

    for action in _actions(parser):
        completer = {"id": _ids, "entry": _entries, "template": _templates, "set": _fields}.get(
            action.dest
        )
        if completer is not None:
            action.completer = completer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def _actions(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for below in action.choices.values():
                yield from _actions(below)


def _ids(**_: Any) -> Iterable[str]:
    from speccluster_lab.link.launch import names_in_use

    return sorted(names_in_use())


def _entries(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    import asyncio

    from speccluster_lab.client.command.reaching import reached

    async def ask() -> list[str]:
        async with reached(parsed_args.id) as host:
            return [entry.name for entry in (await host.get()).workers]

    try:
        return asyncio.run(ask())
    except SpecClusterError:
        # A shell has no place for it; the command itself says so.
        return []


def _templates(**_: Any) -> Iterable[str]:
    from speccluster_lab.link.templates import known_templates

    return known_templates()


def _fields(parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    from speccluster_lab.link.templates import known_templates

    template = known_templates().get(parsed_args.template)
    return [] if template is None else [f"{name}=" for name in template.fields]


def _print(options: argparse.Namespace, output: Output) -> int:
    from argcomplete.shell_integration import shellcode

    # `jupyter` asks its subcommands.
    code = shellcode(["jupyter", "jupyter-speccluster"], shell=options.shell)
    if output.as_json:
        output.data({"shell": options.shell, "code": code})
    else:
        output.verbatim(code)
    return 0


VERBS = {"completion": _print}

"""``restart`` and ``retry``: one entry of a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from speccluster_lab.client.command.reaching import reached, told

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from speccluster_lab.client.command.output import Output

__all__ = ["VERBS"]


def _restart(options: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_make_anew(options, output))


async def _make_anew(options: argparse.Namespace, output: Output) -> int:
    async with reached(options.id) as host:
        cluster = await host.restart_entry(options.entry)
        output.say(f"Entry {options.entry} is made anew.")
        return await told(host, cluster, options.wait, output)


def _retry(options: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_try_again(options, output))


async def _try_again(options: argparse.Namespace, output: Output) -> int:
    async with reached(options.id) as host:
        cluster = await host.retry(options.entry)
        output.say(f"Entry {options.entry} is tried again.")
        return await told(host, cluster, options.wait, output)


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {
    "restart": _restart,
    "retry": _retry,
}

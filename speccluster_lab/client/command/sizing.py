"""``scale`` and ``adapt``: how many workers there are to be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import ValidationError

from speccluster_lab.client.command.reaching import reached, told
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.api import Adapt, Scale
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from speccluster_lab.client.command.output import Output
    from speccluster_lab.spec.api import Adaptive

__all__ = ["VERBS", "in_words"]


def _scale(options: argparse.Namespace, output: Output) -> int:
    given = {unit: getattr(options, unit) for unit in ("entries", "workers", "cores", "memory")}
    try:
        scale = Scale.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        raise invalid_input(error) from None
    return asyncio.run(_set_size(options, scale, output))


async def _set_size(options: argparse.Namespace, scale: Scale, output: Output) -> int:
    async with reached(options.id) as host:
        return await told(host, await host.scale(scale), options.wait, output)


def _adapt(options: argparse.Namespace, output: Output) -> int:
    given = {name: getattr(options, name) for name in ("minimum", "maximum")}
    given = {name: value for name, value in given.items() if value is not None}
    if options.off and given:
        raise InvalidInput("--off takes no minimum and no maximum", field="off")
    try:
        adapt = None if options.off else Adapt.model_validate(given)
    except ValidationError as error:
        raise invalid_input(error) from None
    return asyncio.run(_keep_to(options, adapt, output))


async def _keep_to(options: argparse.Namespace, adapt: Adapt | None, output: Output) -> int:
    async with reached(options.id) as host:
        cluster = await (host.end_adaptive() if adapt is None else host.adapt(adapt))
        if cluster.adaptive is None:
            output.say("Adaptive scaling is off; the cluster keeps its size.")
        else:
            output.say(f"Adaptive scaling keeps to {in_words(cluster.adaptive)} workers.")
        return await told(host, cluster, options.wait, output)


def in_words(limits: Adapt | Adaptive) -> str:
    """Return the range that adaptive scaling keeps to."""
    most = "as many as there may be" if limits.maximum is None else str(limits.maximum)
    return f"{limits.minimum} to {most}"


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {"scale": _scale, "adapt": _adapt}

"""What the scheduler and the workers of a cluster have logged, as they keep it themselves.

distributed's servers keep the newest records of their own loggers. What code on a worker prints
goes to the output of its process instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import MemberNotFound
from speccluster_lab.spec.api import LogSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from speccluster_lab.cluster.history import Transition
    from speccluster_lab.cluster.shown import Shown

__all__ = ["LogText", "log_of"]

# Of one record; its worker may have written anything.
_CHARACTERS: Final = 1 << 16
# Of one entry; each of them has to be asked.
_WORKERS: Final = 32

# Level and text after the time, in seconds of the wall clock.
_Record = tuple[float, str, str]


@dataclass(frozen=True, slots=True)
class LogText:
    """Who has logged, and what: the oldest first."""

    source: LogSource
    text: str


async def log_of(cluster: Shown, name: str | None, records: int) -> LogText:
    """Return the newest of what is logged; see :meth:`Shown.log`."""
    if name is None:
        scheduler: Any = cluster.scheduler_comm
        found = await scheduler.get_logs(n=records, timestamps=True)
        return LogText(LogSource.SCHEDULER, _text_of(found))
    membership, executor = cluster._watch.membership, cluster._executor
    members = (name,) if membership.address(name) is not None else executor.members_of(name)
    there = [(one, address) for one in members if (address := membership.address(one)) is not None]
    if there:
        logged = await _workers_log(cluster, dict(there[:_WORKERS]), records)
        if logged is not None:
            return LogText(LogSource.WORKER, logged)
    entry = name if name in executor.entries else executor.entry_of(name)
    if entry is None:
        raise MemberNotFound(f"the cluster has no worker {name!r}")
    failures = [one for one in cluster.events() if one.entry == entry and one.message]
    if failures:
        return LogText(LogSource.FAILURE, "\n".join(map(_told, failures[-records:])))
    phase = executor.entries[entry].phase.value
    raise MemberNotFound(f"worker {name!r} is not there: entry {entry!r} is {phase}")


async def _workers_log(cluster: Shown, addresses: Mapping[str, str], records: int) -> str | None:
    """Return what workers and their nannies have logged; nothing where none of them answers."""
    each = -(-records // len(addresses))
    nannies = {n: a for n, a in addresses.items() if cluster.info(n).get("nanny")}
    found = await _ask(cluster, addresses, each, nanny=False)
    if not found:
        return None
    found += await _ask(cluster, nannies, each, nanny=True)
    several = len(addresses) > 1
    lines = [
        (at, level, f"{name}: {text}" if several else text)
        for name, log in found
        for at, level, text in log
    ]
    return _text_of(sorted(lines, key=lambda record: record[0], reverse=True))


async def _ask(
    cluster: Shown, addresses: Mapping[str, str], records: int, *, nanny: bool
) -> list[tuple[str, Sequence[_Record]]]:
    if not addresses:
        return []
    scheduler: Any = cluster.scheduler_comm
    try:
        answers: Mapping[str, Any] = await scheduler.broadcast(
            msg={"op": "get_logs", "n": records, "timestamps": True},
            workers=list(addresses.values()),
            nanny=nanny,
            on_error="ignore",
        )
    except KeyError:
        # The scheduler has lost one of them since.
        return []
    return [(n, answers[address]) for n, address in addresses.items() if address in answers]


def _text_of(newest_first: Iterable[_Record]) -> str:
    return "\n".join(text[:_CHARACTERS] for _, _, text in [*newest_first][::-1])


def _told(one: Transition) -> str:
    when = datetime.fromtimestamp(one.at, UTC).isoformat(sep=" ", timespec="seconds")
    return f"{when} {one.reason}: {one.message}"

"""What the scheduler and the workers of a cluster have logged, as they keep it themselves.

distributed's servers keep the newest records of their own loggers. What code on a worker prints
goes to the output of its process instead.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.cluster.logrecords import LogText, log_text
from speccluster_lab.errors import MemberNotFound
from speccluster_lab.spec.api import LogSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from speccluster_lab.cluster.history import Transition
    from speccluster_lab.cluster.logrecords import Logs, Record
    from speccluster_lab.cluster.shown import Shown

__all__ = ["log_of"]

# Of one entry; each of them has to be asked.
_WORKERS: Final = 32
_ONLY: Final = "it"


async def log_of(cluster: Shown, name: str | None, records: int, after: str | None) -> LogText:
    """Return the newest of what is logged; see :meth:`Shown.log`."""
    if name is None:
        return await _schedulers_log(cluster, records, after)
    membership, executor = cluster._watch.membership, cluster._executor
    members = (name,) if membership.address(name) is not None else executor.members_of(name)
    there = [(one, address) for one in members if (address := membership.address(one)) is not None]
    if there:
        logged = await _workers_log(cluster, dict(there[:_WORKERS]), records, after)
        if logged is not None:
            return logged
    entry = name if name in executor.entries else executor.entry_of(name)
    if entry is None:
        raise MemberNotFound(f"the cluster has no worker {name!r}")
    failures = [one for one in cluster.events() if one.entry == entry and one.message]
    if failures:
        newest_first = [(one.at, "", _told(one)) for one in reversed(failures)]

        async def ask(n: int) -> Logs:
            return {_ONLY: newest_first[:n]}

        return await log_text(LogSource.FAILURE, ask, records, after)
    phase = executor.entries[entry].phase.value
    raise MemberNotFound(f"worker {name!r} is not there: entry {entry!r} is {phase}")


async def _schedulers_log(cluster: Shown, records: int, after: str | None) -> LogText:
    scheduler: Any = cluster.scheduler_comm

    async def ask(n: int) -> Logs:
        return {_ONLY: await scheduler.get_logs(n=n, timestamps=True)}

    return await log_text(LogSource.SCHEDULER, ask, records, after)


async def _workers_log(
    cluster: Shown, addresses: Mapping[str, str], records: int, after: str | None
) -> LogText | None:
    """Return what workers and their nannies have logged; nothing where none of them answers."""
    nannies = {n: a for n, a in addresses.items() if cluster.info(n).get("nanny")}
    several = len(addresses) > 1
    answered: set[str] = set()

    async def ask(n: int) -> Logs:
        found = await _ask(cluster, addresses, n, nanny=False)
        answered.update(found)
        if found:
            found |= await _ask(cluster, nannies, n, nanny=True)
        if several:
            return {
                key: [(at, level, f"{name}: {text}") for at, level, text in log]
                for key, (name, log) in found.items()
            }
        return {key: log for key, (_, log) in found.items()}

    there = frozenset(
        _key(address, nanny=nanny) for address in addresses.values() for nanny in (False, True)
    )
    each = -(-records // len(addresses))
    told = await log_text(LogSource.WORKER, ask, each, after, there)
    # As long as they are too busy, who follows them is told nothing.
    return told if answered or told.continues else None


async def _ask(
    cluster: Shown, addresses: Mapping[str, str], records: int, *, nanny: bool
) -> dict[str, tuple[str, Sequence[Record]]]:
    """Return the name and the records of each that answers, by its key."""
    if not addresses:
        return {}
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
        return {}
    return {
        _key(address, nanny=nanny): (name, answers[address])
        for name, address in addresses.items()
        if address in answers
    }


def _key(address: str, *, nanny: bool) -> str:
    """Return what tells a process of a worker from others: short, for there may be many."""
    what = f"{'nanny' if nanny else 'worker'} {address}"
    return hashlib.blake2b(what.encode(), digest_size=6).hexdigest()


def _told(one: Transition) -> str:
    when = datetime.fromtimestamp(one.at, UTC).isoformat(sep=" ", timespec="seconds")
    return f"{when} {one.reason}: {one.message}"

"""Which entries go when there are to be fewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from speccluster_lab.cluster.view import NO_LOAD, Load
from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from speccluster_lab.cluster.executor import Executor
    from speccluster_lab.cluster.tracked import WorkerSpecs
    from speccluster_lab.reconcile import Fingerprint

__all__ = ["first_to_go"]

# What has come less far is missed less.
_NOT_UP: Final = (
    (EntryPhase.PENDING, EntryPhase.BACKOFF, EntryPhase.CLOSING, EntryPhase.LOST),
    (EntryPhase.STARTING,),
    (EntryPhase.WAITING,),
)


def first_to_go(
    count: int,
    spec: WorkerSpecs,
    executor: Executor,
    load: Callable[[str], Load],
    form: Fingerprint | None,
) -> list[Hashable]:
    """Return the keys of the entries that are missed least, in the order in which to let them go.

    Entries that have not started go first, then those of the worker form whose members are idle
    and hold least, then those that somebody has described by hand; of equals the newest.

    Parameters
    ----------
    count : int
        How many.
    spec : WorkerSpecs
        The entries.
    executor : Executor
        What has become of them.
    load : callable
        Returns the load of a member.
    form : Fingerprint or None
        Of the worker form.

    Notes
    -----
    May be called from the owner's thread: whatever the loop changes is copied in one go. Ends as
    soon as enough entries are found that nobody misses, so that in a cluster of many which has
    little to do, letting one go does not look at all.
    """
    chosen: list[Hashable] = [
        key for key in reversed(spec.peek()) if key in spec and str(key) not in executor.desired
    ]
    for phases in _NOT_UP:
        if len(chosen) >= count:
            break
        names = [name for phase in phases for name in list(executor.ledger.by_phase[phase])]
        there = [one for one in map(executor.desired.get, names) if one and one.key in spec]
        idle = [one for one in there if not any(map(executor.is_present, one.members))]
        chosen += [one.key for one in sorted(idle, key=lambda one: -one.number)]
    if len(chosen) < count:
        chosen += _least_loaded(count - len(chosen), spec, executor, load, form, set(chosen))
    return chosen[:count]


def _least_loaded(
    count: int,
    spec: WorkerSpecs,
    executor: Executor,
    load: Callable[[str], Load],
    form: Fingerprint | None,
    passed_over: set[Hashable],
) -> list[Hashable]:
    free: list[Hashable] = []
    others: list[tuple[bool, Load, Hashable]] = []
    for key in list(reversed(spec)):
        desired = executor.desired.get(str(key))
        if desired is None or key in passed_over:
            continue
        by_hand = form is None or desired.form.fingerprint != form
        found = _load_of(executor.members_of(str(key)), load)
        if found == NO_LOAD and not by_hand:
            free.append(key)
            if len(free) == count:
                return free
        else:
            others.append((by_hand, found, key))
    others.sort(key=lambda one: one[:2])
    return free + [key for _, _, key in others]


def _load_of(members: tuple[str, ...], load: Callable[[str], Load]) -> Load:
    if len(members) == 1:
        return load(members[0])
    loads = [load(member) for member in members]
    return Load(any(one.busy for one in loads), sum(one.nbytes for one in loads))

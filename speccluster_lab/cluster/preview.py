"""What a change would do, before anybody does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from speccluster_lab.cluster.view import NOTHING_AT_STAKE, Stake
from speccluster_lab.reconcile import UP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from speccluster_lab.cluster.executor import Executor
    from speccluster_lab.reconcile import Fingerprint

__all__ = ["Preview", "preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of the entries, and of what they hold.

    Parameters
    ----------
    start, replace, retire : tuple of str
        Names of entries that are new, that are to be another, and that are to go.
    stake : Stake
        What only those that are replaced or go hold, and would have to move.
    stuck : bool
        Whether nobody would be left who could take it: entries that are to go would wait, and of
        those that are replaced a holder would keep it meanwhile.
    """

    start: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    retire: tuple[str, ...] = ()
    stake: Stake = NOTHING_AT_STAKE
    stuck: bool = False

    @property
    def leaving(self) -> tuple[str, ...]:
        """The entries whose members are to go."""
        return self.replace + self.retire


def preview(executor: Executor, wanted: Mapping[str, Fingerprint]) -> Preview:
    """Return what a desired state would do; of the data, only whether somebody could take it.

    Parameters
    ----------
    executor : Executor
        What there is.
    wanted : mapping of str to Fingerprint
        All entries, by name.
    """
    desired = executor.desired
    replace = [
        name
        for name, fingerprint in wanted.items()
        if name in desired and desired[name].form.fingerprint != fingerprint
    ]
    retire = [name for name in desired if name not in wanted]
    leaving = {*replace, *retire}
    stay = (
        entry
        for name, entry in executor.entries.items()
        if name not in leaving and entry.phase in UP and entry.present
    )
    holding = [n for n in leaving if n in executor.entries and executor.entries[n].present]
    return Preview(
        start=tuple(name for name in wanted if name not in desired),
        replace=tuple(replace),
        retire=tuple(retire),
        stuck=bool(holding) and next(stay, None) is None,
    )

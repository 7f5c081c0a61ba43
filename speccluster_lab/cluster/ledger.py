"""Which entries are where, counted as they change, so that no pass looks at all for a few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speccluster_lab.reconcile import UP, EntryState
from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ledger"]


class Ledger:
    """Indexes of a cluster's entries; dicts, because they keep the order in which names came in.

    Attributes
    ----------
    by_phase : dict of EntryPhase to dict
        The names in each phase.
    outdated : dict
        Those that are up and not as the spec wants them.
    unwanted : dict
        Those that the spec does not have any more.
    cancelled : dict
        Those whose start goes on although it is not wanted any more.
    rolling : dict
        Those that a roll-out has taken away and that are not back.
    holders : dict
        Holders, and whether each came before its entry was taken away.
    """

    def __init__(self) -> None:
        self.by_phase: dict[EntryPhase, dict[str, None]] = {phase: {} for phase in EntryPhase}
        self.outdated: dict[str, None] = {}
        self.unwanted: dict[str, None] = {}
        self.cancelled: dict[str, None] = {}
        self.rolling: dict[str, None] = {}
        self.holders: dict[str, bool] = {}
        self._phases: dict[str, EntryPhase] = {}

    def note(self, entry: EntryState) -> EntryPhase | None:
        """Take over what has changed of an entry; return the phase in which it was noted last."""
        name, phase = entry.name, entry.phase
        before = self._phases.get(name)
        if before is not phase:
            if before is not None:
                del self.by_phase[before][name]
            self.by_phase[phase][name] = None
            self._phases[name] = phase
        if phase is EntryPhase.CLOSING and entry.busy and not entry.closing:
            self.cancelled[name] = None
        elif self.cancelled:
            self.cancelled.pop(name, None)
        wanted = entry.wanted
        if wanted is None:
            self.unwanted[name] = None
            if self.outdated:
                self.outdated.pop(name, None)
        else:
            if self.unwanted:
                self.unwanted.pop(name, None)
            if (entry.worn or wanted is not entry.made_of) and phase in UP and entry.outdated:
                self.outdated[name] = None
            elif self.outdated:
                self.outdated.pop(name, None)
        if entry.rolling:
            self.rolling[name] = None
        elif self.rolling:
            self.rolling.pop(name, None)
        if entry.holds_for is not None:
            self.holders[name] = entry.surge
        return before

    def forget(self, name: str) -> None:
        """Remove an entry."""
        phase = self._phases.pop(name, None)
        if phase is not None:
            del self.by_phase[phase][name]
        self.unwanted.pop(name, None)
        for table in (self.cancelled, self.outdated, self.rolling, self.holders):
            if table:
                table.pop(name, None)

    def __len__(self) -> int:
        return len(self._phases)

    @property
    def starting(self) -> int:
        """How many are starting, those included whose start is not wanted any more."""
        return len(self.by_phase[EntryPhase.STARTING]) + len(self.cancelled)

    @property
    def surging(self) -> int:
        """How many holders a roll-out has made beforehand."""
        return sum(self.holders.values()) if self.holders else 0

    @property
    def settled(self) -> bool:
        """Whether every entry runs as the spec wants it."""
        running = len(self.by_phase[EntryPhase.RUNNING])
        return running == len(self._phases) and not self.outdated and not self.unwanted

    def unsettled(self) -> Iterator[str]:
        """Return the names of those that are not as the spec wants them."""
        for phase, names in self.by_phase.items():
            if phase is not EntryPhase.RUNNING:
                yield from names
        running = self.by_phase[EntryPhase.RUNNING]
        yield from (name for name in {**self.outdated, **self.unwanted} if name in running)

"""What the planner can decide for one entry."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from speccluster_lab.reconcile.failure import Failure
    from speccluster_lab.spec.api import EntryPhase

__all__ = ["Action", "Step"]


class Action(StrEnum):
    """What the executor can do for an entry."""

    START = "start"
    CANCEL = "cancel"
    RETIRE = "retire"
    CLOSE = "close"
    ABANDON = "abandon"
    HOLD = "hold"
    FORGET = "forget"


class Step(NamedTuple):
    """The next step of one entry.

    Parameters
    ----------
    name : str
        The entry.
    phase : EntryPhase
        Where it goes, or stays.
    action : Action or None
        What is to be done for it.
    failure : Failure or None
        Why.
    counts : bool
        Whether the failure counts as one of a row, so that the next start waits longer.
    rolls : bool
        Whether a roll-out takes the entry away, and with it one of ``max_unavailable``.
    """

    name: str
    phase: EntryPhase
    action: Action | None = None
    failure: Failure | None = None
    counts: bool = False
    rolls: bool = False

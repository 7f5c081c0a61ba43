"""The limits that the reconciler keeps to."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from speccluster_lab.errors import InvalidInput

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits that the reconciler keeps to. Times are in seconds.

    Parameters
    ----------
    max_concurrent_starts : int
        Entries that may be starting at once.
    scheduler_timeout : float
        How long the scheduler may take to start.
    start_timeout : float
        How long awaiting a worker may take.
    arrival_timeout : float or None
        How long the members of a started entry may take to register where its class runs them on
        this machine; ``None`` is for ever.
    arrival_timeout_elsewhere : float or None
        The same for all other classes: a job may wait in its queue for days.
    lost_timeout : float
        How long members may be gone before their entry is replaced.
    retire_timeout : float
        How long moving an entry's data may stand still.
    retire_interval : float
        Between two attempts to move it.
    close_timeout : float
        How long closing one worker may take.
    cancel_grace : float
        How long a start that is not wanted any more may take to end before it is cut off.
    max_unavailable : int
        Entries that a roll-out may take away at once.
    max_surge : int
        Entries that a roll-out may have beyond those of the spec, to stand in for one that is
        being replaced.
    restart_scheduler : bool
        Whether a scheduler that died is started again, with all entries.
    backoff_first, backoff_factor, backoff_cap, backoff_jitter : float
        The wait after the first failure, its growth, its limit, and its spread (``0.25`` is
        ±25 %).
    healthy_after : float
        An entry that has run this long has its failures forgotten.
    degraded_after : int
        Failures in a row after which the cluster says that it is degraded.

    Raises
    ------
    InvalidInput
        The limits would let nothing be started, or nothing be replaced.
    """

    max_concurrent_starts: int = 64
    scheduler_timeout: float = 60.0
    start_timeout: float = 120.0
    arrival_timeout: float | None = 120.0
    arrival_timeout_elsewhere: float | None = None
    lost_timeout: float = 15.0
    retire_timeout: float = 60.0
    retire_interval: float = 5.0
    close_timeout: float = 20.0
    cancel_grace: float = 10.0
    max_unavailable: int = 1
    max_surge: int = 0
    restart_scheduler: bool = False
    backoff_first: float = 1.0
    backoff_factor: float = 2.0
    backoff_cap: float = 60.0
    backoff_jitter: float = 0.25
    healthy_after: float = 60.0
    degraded_after: int = 5

    def __post_init__(self) -> None:
        if self.max_concurrent_starts < 1:
            raise InvalidInput("must be 1 or more", field="max_concurrent_starts")
        if self.max_unavailable < 0 or self.max_surge < 0:
            raise InvalidInput("must be 0 or more", field="max_unavailable, max_surge")
        if self.max_unavailable + self.max_surge < 1:
            raise InvalidInput("one of them must be 1 or more", field="max_unavailable, max_surge")

    def backoff(self, name: str, attempts: int) -> float:
        """Return the wait before start number ``attempts + 1``.

        The spread is a function of the name and the number, so that the planner stays
        deterministic while entries that failed together do not come back together.
        """
        raw = self.backoff_first * self.backoff_factor ** min(attempts - 1, 32)
        spread = zlib.crc32(f"{name}/{attempts}".encode()) / 0xFFFFFFFF * 2 - 1
        return min(raw, self.backoff_cap) * (1 + self.backoff_jitter * spread)

    def arrival(self, *, runs_here: bool) -> float | None:
        """Return how long the members of an entry may take to register."""
        return self.arrival_timeout if runs_here else self.arrival_timeout_elsewhere

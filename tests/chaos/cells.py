"""What is done, to whom, and when."""

import math
from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import NamedTuple


class Victim(StrEnum):
    WORKER = "worker"
    HOST = "host"
    SERVER = "server"


class Fault(StrEnum):
    KILL = "SIGKILL"
    STOP = "SIGSTOP"
    END = "SIGTERM"


class Moment(StrEnum):
    STARTING = "starting"
    STEADY = "steady"
    SCALING = "scaling"
    DELETING = "deleting"


class Cell(NamedTuple):
    """One trial."""

    victim: Victim
    fault: Fault
    moment: Moment

    def __str__(self) -> str:
        return f"{self.victim} {self.fault} {self.moment}"

    @property
    def ends_cluster(self) -> bool:
        """Whether there is to be no cluster in the end: an orderly end of its host is its own."""
        is_end = self.fault is Fault.END and self.victim is not Victim.WORKER
        return is_end or self.moment is Moment.DELETING


ALL = [Cell(*one) for one in product(Victim, Fault, Moment)]


def pairwise() -> list[Cell]:
    """Return twelve of them, among which are any two values of any two of the three."""
    victims, faults = list(Victim), list(Fault)
    return [
        Cell(victim, faults[(i + j) % len(faults)], moment)
        for i, victim in enumerate(victims)
        for j, moment in enumerate(Moment)
    ]


def p95(took: Mapping[Cell, float]) -> float:
    """Return within how many seconds 95 % of them were done."""
    in_order = sorted(took.values())
    return in_order[math.ceil(0.95 * len(in_order)) - 1]

"""A real scheduler, workers that misbehave in every way, and anything in any order."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from speccluster_lab.spec.api import EntryPhase

from .machine import BEHAVED, ENTERED
from .machine_rules import Anything
from .misbehaving import Behaviour

EXAMPLES: Final = 500
STEPS: Final = 20
TRIED_AT_LEAST: Final = 10


@pytest.mark.timeout(600)
# The scheduler says it of who subscribes again, and would answer with it as an error.
@pytest.mark.filterwarnings("ignore:Scheduler already contains a plugin with name worker-status")
def test_whatever_happens_it_ends_as_wanted() -> None:
    run_state_machine_as_test(
        Anything,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
    tried = {**dict.fromkeys(Behaviour, 0), **dict.fromkeys(EntryPhase, 0), **BEHAVED, **ENTERED}
    rare = {what: times for what, times in tried.items() if times < TRIED_AT_LEAST}
    assert not rare, "happens too seldom to say that it was tried"

"""What to do next: the state of each entry, and the rules by which it changes.

Pure: no I/O, no clock, no ``distributed``, no asyncio. Time is passed in as seconds of a monotonic
clock. The executor in ``cluster/`` feeds events in and carries actions out.

Phases of an entry and what moves it from one to the next:

==========  =============  ==================================================================
from        to             when
==========  =============  ==================================================================
(new)       pending        the spec has it
pending     starting       a start slot is free
pending     (gone)         the spec does not have it any more
starting    waiting        the start has ended; the scheduler does not have all members yet
starting    closing        the start failed, took too long, or is no longer wanted
waiting     running        every expected member has registered
waiting     closing        none has by the arrival deadline
waiting     replacing      only some have by the arrival deadline
running     degraded       a member is gone
degraded    running        it is back
degraded    lost           all members have been gone for ``lost_timeout``
degraded    replacing      some members have been gone for ``lost_timeout``
waiting,    replacing      the spec wants it otherwise, and ``max_unavailable`` allows it
running,
degraded
waiting,    retiring       the spec does not have it any more
running,
degraded,
replacing
retiring    replacing      the spec has it again
retiring,   closing        its data has moved
replacing
lost        closing        at once
closing     pending        it is closed
closing     backoff        it is closed, and had failed
backoff     pending        its time has come, or the spec says something else
==========  =============  ==================================================================

``retirement`` of an entry that holds data which nobody can take is tried again; an entry that is
being *replaced* in that situation gets a **holder**, a temporary entry under a reserved name that
takes the data and gives it back.
"""

from speccluster_lab.reconcile.fingerprint import Fingerprint
from speccluster_lab.reconcile.plan import Action, ClusterState, Step, plan
from speccluster_lab.reconcile.state import EntryState, Failure, Policy

__all__ = [
    "Action",
    "ClusterState",
    "EntryState",
    "Failure",
    "Fingerprint",
    "Policy",
    "Step",
    "plan",
]

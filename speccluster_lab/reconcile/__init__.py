"""What to do next: the state of each entry, and the rules by which it changes.

Pure: no I/O, no clock, no ``distributed``, no asyncio. Time is passed in as seconds of a monotonic
clock. The executor in ``cluster/`` feeds events in and carries actions out.

Phases of an entry and what moves it from one to the next:

==========  =============  ==================================================================
from        to             when
==========  =============  ==================================================================
(new)       pending        the spec has it
pending     starting       a start slot is free
starting    waiting        the start has ended; the scheduler does not have all members yet
starting    closing        the start failed, took too long, or is no longer wanted
waiting     running        every expected member has registered
waiting     closing        the arrival deadline has passed
running     degraded       a member is gone
degraded    running        it is back
degraded    lost           all members have been gone for ``lost_timeout``
degraded    replacing      some members have been gone for ``lost_timeout``
waiting,    replacing      the spec wants it otherwise, and ``max_unavailable`` allows it
running,
degraded
waiting,    retiring       the spec does not want it any more
running,
degraded,
replacing
replacing,  closing        its data has moved
retiring
lost        closing        at once
closing     pending        it is closed, and wanted
closing     backoff        it is closed, had failed, and is wanted
closing     (gone)         it is closed, and not wanted
backoff     pending        its time has come, or the spec wants it otherwise
backoff     (gone)         the spec does not want it any more
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

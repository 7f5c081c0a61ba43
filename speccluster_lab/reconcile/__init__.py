"""What to do next: the state of each entry, and the rules by which it changes.

Pure: no I/O, no clock, no ``distributed``, no asyncio. Time is passed in as seconds of a monotonic
clock. The executor in ``cluster/`` feeds events in (the methods of :class:`EntryState`), has
:func:`plan` say what follows, and carries that out.

Phases of an entry and what moves it from one to the next:

==========  =============  ==================================================================
from        to             when
==========  =============  ==================================================================
(new)       pending        the spec has it
pending     starting       a start slot is free
pending     (gone)         the spec does not have it any more
starting    waiting        the start has ended; the scheduler does not have all members yet
starting    closing        the start failed, took too long, or is no longer wanted; or its process
                           has ended, or the scheduler has died
waiting     running        every expected member has registered
waiting     closing        none has by the arrival deadline
waiting     replacing      only some have by the arrival deadline
waiting     degraded       a member that had registered is gone
running     degraded       a member is gone
degraded    running        it is back
degraded    lost           no member is left, and the first has been gone for ``lost_timeout``
waiting,    lost           its process has ended, or the scheduler has died
running,
degraded,
retiring,
replacing
degraded    replacing      some members are left, and one has been gone for ``lost_timeout``
waiting,    replacing      the spec wants it otherwise, and ``max_unavailable`` allows it or
running,                   another entry stands in for it; or one that is away needs its name
degraded
waiting,    retiring       the spec does not have it any more
running,
degraded,
replacing
retiring    replacing      the spec has it again, and its data is on the way, it is to be another,
                           or it never was complete
retiring    running        the spec has it again as it is, and its data had nowhere to go
retiring    degraded       the same, and a member is gone
retiring,   closing        its data has moved
replacing
lost        closing        at once
closing     retiring       its start has ended or been given up, but a member has registered, which
                           may hold data
closing     replacing      the same, and the spec has it, or has it again
closing     pending        it is closed
closing     backoff        it is closed, and had failed or been lost again
backoff     pending        its time has come, or the spec says something else
==========  =============  ==================================================================

Retiring an entry that holds data which nobody can take is tried again; an entry that is being
*replaced* in that situation gets a **holder**, a temporary entry under a reserved name that takes
the data and gives it back. With ``max_surge`` a roll-out makes holders beforehand, of the new spec,
so that nothing is taken away before something stands in for it. A holder is an entry like any
other, wanted for as long as the one that it holds for is wanted and not back.
"""

from speccluster_lab.reconcile.failure import HOLDS_ACTOR, NO_ROOM, Failure
from speccluster_lab.reconcile.fingerprint import Fingerprint
from speccluster_lab.reconcile.plan import ClusterState, next_look, plan
from speccluster_lab.reconcile.policy import Policy
from speccluster_lab.reconcile.state import ACTIVE, LEAVING, UP, EntryState
from speccluster_lab.reconcile.step import Action, Step

__all__ = [
    "ACTIVE",
    "HOLDS_ACTOR",
    "LEAVING",
    "NO_ROOM",
    "UP",
    "Action",
    "ClusterState",
    "EntryState",
    "Failure",
    "Fingerprint",
    "Policy",
    "Step",
    "next_look",
    "plan",
]

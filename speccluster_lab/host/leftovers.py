"""What workers that were killed have left on disk: the data, too, that they had spilled.

A worker has a folder of its own, locked as long as its process lives, which one that is killed
cannot remove. Otherwise distributed does so only when the next worker starts in the same place,
which after the end of a cluster may be never.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import StartFailed
from speccluster_lab.spec.options import DASK_WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed.diskutils import WorkSpace

    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["remove_leftovers"]

logger = logging.getLogger(__name__)

# Those who start a worker or remove something hold a lock for a moment, or as long as that takes.
LOCK_SECONDS: Final = 3.0
# As distributed calls what it makes below the folder that it is given.
_SCRATCH: Final = "dask-scratch-space"


def remove_leftovers(spec: ClusterSpec) -> None:
    """Remove what dead workers have left where those of a cluster write.

    That of workers which run still is locked, and stays. Waits for the disk, and imports
    ``distributed``: to be called in a thread.

    Parameters
    ----------
    spec : ClusterSpec
        The cluster's, which may say other places than the usual one.
    """
    from distributed.diskutils import WorkSpace, locket  # type: ignore[attr-defined]

    try:
        places = _places(spec)
    except StartFailed as error:
        logger.warning("What workers have left cannot be removed: %s", error.message)
        return
    for place in places:
        try:
            if os.path.isdir(place):
                _remove_in(WorkSpace(place))
        except (OSError, locket.LockError) as error:
            logger.warning("What workers have left in %r cannot be removed: %s", place, error)


def _remove_in(workspace: WorkSpace) -> None:
    """Do as ``_purge_leftovers``, which gives up at once where somebody else has a lock.

    The next worker would remove the rest; here, there may be none.
    """
    from distributed.diskutils import is_locking_enabled

    if not is_locking_enabled():
        return
    # A lock file that was just made may not be locked yet without this.
    with workspace._global_lock(timeout=LOCK_SECONDS):
        found = list(workspace._list_unknown_locks())
    with workspace._purge_lock(timeout=LOCK_SECONDS):
        for one in found:
            workspace._check_lock_or_purge(one)


def _places(spec: ClusterSpec) -> set[str]:
    """Return where workers of a cluster have their folders, as distributed decides it."""
    from speccluster_lab.host.scratch import usual_place

    said = {usual_place(), *_said(spec)}
    return {one if _SCRATCH in one else os.path.join(one, _SCRATCH) for one in said}


def _said(spec: ClusterSpec) -> Iterator[str]:
    for entry in (*spec.workers.values(), spec.worker):
        # Of other classes nothing is known: theirs may be on another machine.
        if entry is not None and entry.cls in DASK_WORKERS:
            folder = entry.options.get("local_directory")
            if isinstance(folder, str):
                yield folder

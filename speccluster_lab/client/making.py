"""Making clusters from this process: those of a notebook, and those of the command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from speccluster_lab.client.survey import is_left_over
from speccluster_lab.errors import NameInUse, StartFailed
from speccluster_lab.link.creation import Maker, check_python, check_room, create, wish_for
from speccluster_lab.link.launch import read_launch
from speccluster_lab.link.owner import owner_here
from speccluster_lab.link.paths import clusters_folder
from speccluster_lab.link.settings import read_settings
from speccluster_lab.spec.api import OwnerKind

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from speccluster_lab.link.launch import Launch
    from speccluster_lab.spec.api import CreateCluster

__all__ = ["check_cluster", "make_cluster"]

# Kept, so that one which has ended is collected when the next is started.
_guards: Final[list[subprocess.Popen[bytes]]] = []


def make_cluster(request: CreateCluster) -> Launch:
    """Start a cluster of this user on this machine, and return what it was told.

    What it may take up is what Jupyter's configuration files say, as for those that a server makes.
    Its process is starting. Reads and writes files, and may start programs: not for an event loop.

    Parameters
    ----------
    request : CreateCluster
        What is asked for.

    Raises
    ------
    TooManyClusters, TemplateNotFound, InvalidInput, ClassNotAllowed, UnfitInterpreter, NameInUse
        It cannot be had; nothing was started.
    StartFailed
        The cluster's process could not be started.
    """
    settings = read_settings()
    wish = wish_for(request, settings.admission(), is_trusted=True)
    check_python(wish)
    names = _names()
    # A folder that nobody can remove is not to keep new ones from coming.
    check_room(sum(not is_left_over(folder) for folder in names), settings.max_clusters)
    if wish.name is not None and wish.name in names.values():
        raise NameInUse(f"there is a cluster {wish.name!r} already", field="name")
    # Who starts it again one day may be another Python.
    wish = replace(wish, python=wish.python or sys.executable)
    owner = owner_here(OwnerKind.COMMAND)
    maker = Maker(owner, settings.admission(), settings.orphan_timeout, settings.limits())
    launch, guard = create(wish, maker)
    _guards[:] = [one for one in _guards if one.poll() is None] + [guard]
    return launch


def check_cluster(request: CreateCluster) -> None:
    """Refuse a cluster that :func:`make_cluster` would refuse for what it is to be.

    Raises
    ------
    TemplateNotFound, InvalidInput, ClassNotAllowed, UnfitInterpreter
        It cannot be had.
    """
    check_python(wish_for(request, read_settings().admission(), is_trusted=True))


def _names() -> dict[Path, str]:
    """Return what people call the clusters of this machine, by their folders."""
    names = {}
    for folder in clusters_folder().iterdir():
        try:
            names[folder] = read_launch(folder).display_name
        except StartFailed:
            # One that is being made, or that cannot be used: nobody knows its name.
            continue
    return names

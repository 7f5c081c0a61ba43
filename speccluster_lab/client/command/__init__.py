# PYTHON_ARGCOMPLETE_OK
"""``jupyter speccluster``: clusters from a shell, the same that JupyterLab's panel shows.

===============  ======================================================================
``arguments``    what can be said on the command line, and its help
``completion``   what a shell offers while that is typed
``output``       tables for people, JSON for programs
``reaching``     a cluster by its id, waiting for it
``looking``      list, show, templates, events
``logs``         logs
``acting``       start, stop
``sizing``       scale, adapt
``entries``      restart, retry
``changing``     what a change would do, as text; edit
``desired``      cluster files; apply and plan
``doctor``       what commonly goes wrong
``migration``    import-dask-config
===============  ======================================================================

Only ``arguments`` is imported before it is known what is asked for: help is there at once.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from speccluster_lab.client.command.arguments import make_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the entry point of ``jupyter-speccluster``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process if not given.

    Returns
    -------
    int
        The exit status; see the help.
    """
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        from speccluster_lab.client.command.completion import complete

        complete(parser)
    options = parser.parse_args(arguments)
    module = importlib.import_module(f"{__name__}.{options.module}")
    from speccluster_lab.client.command.output import run

    return run(module.VERBS[options.verb], options)

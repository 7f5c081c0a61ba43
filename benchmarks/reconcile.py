"""Our ``SpecCluster`` against the stock one: what the same work costs.

Both do each work in turn, in one process, and swap places in every round, so that neither is
always the one that finds the machine warm. Times are of this process's CPU unless a line says
otherwise: other processes disturb them least.

    python benchmarks/reconcile.py --only single --rounds 5
"""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

import dask
import distributed
from fakes import FakeScheduler, RealScheduler
from report import Results
from rows import ROWS, Setting, Side
from turns import add_usual_options, conclude, count, take_turns

import speccluster_lab

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

SIDES = (
    Side("stock", distributed.SpecCluster),
    Side("ours", speccluster_lab.SpecCluster),
)
# The real scheduler tells every worker of each one that goes, which is quadratic whatever the
# cluster does, and hides it: it is to confirm a ratio, not to measure one.
DEFAULTS = {
    "fake": Setting(FakeScheduler, (1_000, 10_000), 10_000, 100, 1_000, 10, 0.2, 120.0),
    "real": Setting(RealScheduler, (100, 500), 500, 50, 100, 10, 0.2, 120.0),
}


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, Setting]:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_usual_options(parser, ROWS, rounds=2)
    add("--scheduler", choices=DEFAULTS, default="fake", help="real: slower, for smaller clusters")
    add("--sizes", type=count, nargs="+", metavar="N", help="of clusters that come and go")
    add("--large", type=count, metavar="N", help="entries, of which one changes or half are lost")
    add("--small", type=count, metavar="N", help="entries of the cluster to compare that with")
    add("--steps", type=count, metavar="N", help="how far to scale one by one")
    add("--repeats", type=count, metavar="N", help="changes of one entry, a round and kind")
    add("--lost-timeout", type=float, metavar="SECONDS", help="distributed's lost-worker-timeout")
    add(
        "--limit",
        type=float,
        metavar="SECONDS",
        help="that a row may take, once and with one class",
    )
    options = parser.parse_args(arguments)
    default = DEFAULTS[options.scheduler]
    setting = Setting(
        scheduler=default.scheduler,
        sizes=tuple(options.sizes or default.sizes),
        large=options.large or default.large,
        small=options.small or default.small,
        steps=options.steps or default.steps,
        repeats=options.repeats or default.repeats,
        lost_timeout=options.lost_timeout or default.lost_timeout,
        limit=options.limit or default.limit,
    )
    if setting.repeats > setting.small // 2:
        parser.error("--repeats may be half of --small at most")
    return options, setting


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status whether it went well.

    Returns
    -------
    int
        See :func:`turns.conclude`.
    """
    options, setting = parse(arguments)
    rows = [name for name in ROWS if not options.only or name in options.only]
    logging.getLogger("distributed").setLevel(logging.WARNING)
    # With the real scheduler what it takes itself would count.
    results = Results(setting, ROWS, judged=setting.scheduler is FakeScheduler)
    # On some versions of Python it samples the loop's stack a hundred times a second.
    with dask.config.set({"distributed.worker.profile.enabled": False}):
        take_turns(results, rows, SIDES, options.rounds, setting.limit)
    return conclude(results, options)


if __name__ == "__main__":
    sys.exit(main())

"""Our ``SpecCluster`` against the stock one: what the same work costs.

Both do each work in turn, in one process, and swap places in every round, so that neither is
always the one that finds the machine warm. Times are of this process's CPU unless a line says
otherwise: other processes disturb them least.

    python benchmarks/reconcile.py --only single --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from typing import TYPE_CHECKING

import dask
import distributed
from fakes import FakeScheduler, RealScheduler
from report import Results
from rows import ROWS, Setting, Side

import speccluster_lab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rows import Samples

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
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="rows:\n" + "\n".join(f"  {name:8} {row.about}" for name, row in ROWS.items()),
    )
    add = parser.add_argument
    add(
        "--rounds", type=count, default=2, metavar="N", help="2 if not given; even numbers are fair"
    )
    add("--only", action="append", choices=ROWS, metavar="ROW", help="may be given more than once")
    add("--json", action="store_true", help="print one JSON object")
    add("--check", action="store_true", help="exit with 1 when a target is missed")
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


def count(text: str) -> int:
    """Return a number of things, one at least."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def measure(row: str, side: Side, setting: Setting) -> Samples:
    """Do one work once.

    In an event loop of its own: the stock class leaves a timer of 15 s for each worker that has
    gone, and they are not to ring while something else is measured.
    """

    async def run() -> Samples:
        async with asyncio.timeout(setting.limit):
            return await ROWS[row].run(side, setting)

    return asyncio.run(run())


def run(rows: Sequence[str], rounds: int, setting: Setting) -> Results:
    """Do all works, in turn."""
    results = Results(setting)
    for number in range(rounds):
        for row in rows:
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                print(f"round {number + 1} of {rounds}: {row}, {side.name}", file=sys.stderr)
                try:
                    results.add(side.name, number + 1, measure(row, side, setting))
                except Exception as error:
                    # The other rows are worth having all the same.
                    failure = f"{row}, {side.name}, round {number + 1}: {error!r}"
                    print(failure, file=sys.stderr)
                    results.failures.append(failure)
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status whether it went well.

    Returns
    -------
    int
        2 when something could not be measured, 1 when a target is missed and ``--check`` is
        given, else 0.
    """
    options, setting = parse(arguments)
    rows = [name for name in ROWS if not options.only or name in options.only]
    logging.getLogger("distributed").setLevel(logging.WARNING)
    # On some versions of Python it samples the loop's stack a hundred times a second.
    with dask.config.set({"distributed.worker.profile.enabled": False}):
        results = run(rows, options.rounds, setting)
    if options.json:
        json.dump(results.as_json(), sys.stdout, indent=2, allow_nan=False)
        print()
    else:
        print(results.as_text())
    if results.failures:
        return 2
    missed = any(not one.met for targets in results.targets().values() for one in targets)
    return int(options.check and missed)


if __name__ == "__main__":
    sys.exit(main())

"""What one entry costs, counted: calls of Python functions, by the part that they are of.

A cluster of fake workers comes and goes, once with each class. Seconds depend on the machine and
on who else has it; the number of calls does not, and says where the seconds go.

    python benchmarks/calls.py --entries 1000
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import logging
import pstats
import sys
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import dask
from fakes import FakeScheduler
from reconcile import SIDES
from rows import Setting, cluster_of, whole
from turns import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rows import Side

__all__ = ["main"]

# The first one that a file's path has in it is its part.
PARTS: Final = (
    ("the fake workers and their scheduler", ("benchmarks/", "distributed/scheduler")),
    ("the event loop", ("asyncio/", "tornado/")),
    ("messages", ("distributed/", "sizeof", "msgpack/", "random", "dask/utils")),
    ("reconcile/: states and what follows", ("reconcile/",)),
    ("what is wanted", ("/tracked", "/form", "/scal", "/wanted", "/aligned", "/choice", "spec/")),
    ("where each entry is, and was", ("/roster", "/ledger", "/history", "/alarms", "/ownership")),
    ("what the scheduler has", ("/membership", "/presence", "/adoption", "/living", "/view")),
    ("data that moves first", ("/retirement",)),
    ("who waits", ("/waiting",)),
    ("making, starting and closing each", ("speccluster_lab/",)),
    ("the standard library", ("",)),
)
STOCK: Final = "the stock class"
WARM_UP: Final = 100


def part_of(path: str) -> str:
    """Return the part that a file belongs to."""
    text = PurePath(path).as_posix()
    if "distributed/deploy/" in text:
        return STOCK
    ours = "speccluster_lab/" in text
    text = text[text.rindex("speccluster_lab/") :] if ours else text
    return next(title for title, marks in PARTS if any(mark in text for mark in marks))


async def count_calls(side: Side, setting: Setting) -> list[Counter[str]]:
    """Return the calls by part, while all entries come, and while they go."""
    found = []
    async with cluster_of(side, setting) as cluster:
        for entries in (*setting.sizes, 0):
            profile = cProfile.Profile()
            profile.enable()
            cluster.scale(entries)
            await cluster
            await whole(cluster, entries, setting)
            profile.disable()
            found.append(_by_part(profile))
    return found


def _by_part(profile: cProfile.Profile) -> Counter[str]:
    calls: Counter[str] = Counter()
    functions: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    functions = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (path, _, _), (_, times, *_) in functions.items():
        # What is not written in Python has no file.
        if path != "~":
            calls[part_of(path)] += times
    return calls


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; there is nothing to be reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=count, default=1_000, metavar="N", help="1,000")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    figures: dict[str, dict[str, float]] = {}
    with dask.config.set({"distributed.worker.profile.enabled": False}):
        for side in SIDES:
            for entries in (WARM_UP, options.entries):
                setting = Setting(FakeScheduler, (entries,), 0, 0, 0, 0, 0.2, 120.0)
                ways = zip(("up", "down"), asyncio.run(count_calls(side, setting)), strict=True)
                for way, calls in ways:
                    each = {part: times / entries for part, times in calls.items()}
                    figures[f"{side.name} {way}"] = each
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
        print()
        return 0
    print(f"{'calls of Python functions for each entry':42}" + "".join(f"{c:>12}" for c in figures))
    for part in (STOCK, *(title for title, _ in PARTS)):
        print(f"{part:42}" + "".join(f"{each.get(part, 0):12.1f}" for each in figures.values()))
    print(f"{'all':42}" + "".join(f"{sum(each.values()):12.1f}" for each in figures.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

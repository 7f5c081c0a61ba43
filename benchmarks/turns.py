"""Two sides that do the same work in turn, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from report import Results
    from rows import Row, Samples, Side

__all__ = ["add_usual_options", "conclude", "count", "take_turns"]

S = TypeVar("S")


def count(text: str) -> int:
    """Return a number of things, one at least."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def add_usual_options(
    parser: argparse.ArgumentParser, rows: Mapping[str, Row[Any]], *, rounds: int
) -> None:
    """Add the options that every benchmark has, and tell of its rows.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command line.
    rows : mapping of str to Row
        The works by name.
    rounds : int
        How many there are if nothing is said.
    """
    add = parser.add_argument
    add(
        "--rounds",
        type=count,
        default=rounds,
        metavar="N",
        help=f"{rounds} if not given; even numbers are fair",
    )
    add("--only", action="append", choices=rows, metavar="ROW", help="may be given more than once")
    add("--json", action="store_true", help="print one JSON object")
    add("--check", action="store_true", help="exit with 1 when a target is missed")
    parser.epilog = "rows:\n" + "\n".join(f"  {name:8} {row.about}" for name, row in rows.items())


def _measure(row: Row[S], side: Side, setting: S, limit: float) -> Samples:
    """Do one work once.

    In an event loop of its own: the stock class leaves a timer of 15 s for each worker that has
    gone, and they are not to ring while something else is measured.
    """

    async def run() -> Samples:
        async with asyncio.timeout(limit):
            return await row.run(side, setting)

    return asyncio.run(run())


def take_turns(
    results: Results[S], names: Sequence[str], sides: Sequence[Side], rounds: int, limit: float
) -> None:
    """Do all works, in turn.

    Parameters
    ----------
    results : Results
        Where the samples go.
    names : sequence of str
        The rows.
    sides : sequence of Side
        The two that are compared; they swap places in every round.
    rounds : int
        How often.
    limit : float
        Seconds that a row may take, once and with one side.
    """
    for number in range(rounds):
        for name in names:
            for side in sides if number % 2 == 0 else sides[::-1]:
                print(f"round {number + 1} of {rounds}: {name}, {side.name}", file=sys.stderr)
                try:
                    samples = _measure(results.rows[name], side, results.setting, limit)
                    results.add(side.name, number + 1, samples)
                except Exception as error:
                    # The other rows are worth having all the same.
                    failure = f"{name}, {side.name}, round {number + 1}: {error!r}"
                    print(failure, file=sys.stderr)
                    results.failures.append(failure)


def conclude(results: Results[Any], options: argparse.Namespace) -> int:
    """Print what was measured, and say by the exit status whether it went well.

    Returns
    -------
    int
        2 when something could not be measured, 1 when a target is missed and ``--check`` is
        given, else 0.
    """
    if options.json:
        json.dump(results.as_json(), sys.stdout, indent=2, allow_nan=False)
        print()
    else:
        print(results.as_text())
    if results.failures:
        return 2
    missed = any(not one.met for targets in results.targets().values() for one in targets)
    return int(options.check and missed)

"""How soon a client of a running cluster can be used: by its id, against by its address.

Ours is ``connect(id)`` and ``get_client()``: the connection file is read, the host asked how the
cluster is and for a certificate. Stock is ``Client(address, security=…)``, which has been told both
before. They do it in turn, in one process that has imported all there is to import.

    python benchmarks/connecting.py --rounds 8
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import distributed
from measure import NotDone
from report import Results
from rows import Figure, Medians, Row, Samples, Side, Target
from turns import add_usual_options, conclude, count, take_turns

import speccluster_lab
from speccluster_lab import connect, launch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

SIDES: Final = (
    Side("stock", distributed.SpecCluster),
    Side("ours", speccluster_lab.SpecCluster),
)
LIMIT: Final = 120.0

USABLE: Final = Figure("connect", "a client can be used", "wall")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is connected to, and how often.

    Parameters
    ----------
    id : str
        Of the cluster.
    address : str
        Of its scheduler.
    security : distributed.security.Security
        What lets a client in.
    repeats : int
        Connections in a round.
    """

    id: str
    address: str
    security: Any
    repeats: int

    def __deepcopy__(self, _: dict[int, Any]) -> Setting:
        # What is reported of it is not to hold a key.
        return self


def _connect(side: Side, setting: Setting) -> list[float]:
    took = []
    for _ in range(setting.repeats):
        began = perf_counter()
        if side.ours:
            with connect(setting.id) as handle:
                client = handle.get_client(set_as_default=False)
                took.append(perf_counter() - began)
                _use(client)
        else:
            client = distributed.Client(
                setting.address, security=setting.security, set_as_default=False
            )
            took.append(perf_counter() - began)
            _use(client)
    return took


def _use(client: distributed.Client) -> None:
    """See that it can be used, and close it; not measured."""
    if client.submit(sum, [1, 2], pure=False).result(timeout=30) != 3:
        raise NotDone("the client does not compute")
    client.close()


async def _run(side: Side, setting: Setting) -> Samples:
    return {USABLE: await asyncio.to_thread(_connect, side, setting)}


def _targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("p50 of connect → client", 0.3, medians.ours[USABLE], "s")
    yield Target("against a bare Client(address, security)", 1.3, medians.ratio(USABLE))


ROWS: Final = {"connect": Row("a client is connected to a running cluster", _run, _targets)}


@contextmanager
def _cluster(repeats: int) -> Iterator[Setting]:
    """Give a running cluster of one worker, in folders of its own."""
    with tempfile.TemporaryDirectory(prefix="sclb-") as folder:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "XDG_RUNTIME_DIR", "TMPDIR"):
            path = os.path.join(folder, name.lower())
            os.mkdir(path, 0o700)
            os.environ[name] = path
        handle = launch("threads")
        try:
            handle.wait()
            yield Setting(handle.id, handle.scheduler_address, handle.security, repeats)
        finally:
            handle.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status whether it went well.

    Returns
    -------
    int
        See :func:`turns.conclude`.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_usual_options(parser, ROWS, rounds=8)
    parser.add_argument("--repeats", type=count, default=10, metavar="N", help="10 if not given")
    options = parser.parse_args(arguments)
    with _cluster(options.repeats) as setting:
        results = Results(setting, ROWS)
        take_turns(results, list(ROWS), SIDES, options.rounds, LIMIT)
    return conclude(results, options)


if __name__ == "__main__":
    sys.exit(main())

"""How soon workers are there: a host's forkserver against a stock ``LocalCluster``.

Each work is done in a process of its own that has imported all there is to import, with real
workers. Ours as a host has it, with TLS; stock as it comes, which has none. CPU is that of all
processes, from the beginning until the last worker has registered.

    python benchmarks/starts.py --rounds 8
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import distributed
import psutil
from measure import NotDone, until
from report import Results
from rows import Figure, Medians, Row, Samples, Side, Target
from turns import add_usual_options, conclude, count, take_turns

import speccluster_lab
from speccluster_lab.host.certificates import Certificates
from speccluster_lab.host.forkserver import Forkserver
from speccluster_lab.host.keyfiles import KeyFiles
from speccluster_lab.host.start import make_cluster
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["main"]

SIDES: Final = (
    Side("stock", distributed.LocalCluster),
    Side("ours", speccluster_lab.SpecCluster),
)
LIMIT: Final = 120.0


@dataclass(frozen=True, slots=True)
class Setting:
    """How many workers."""

    workers: int


# -- in a process of its own -----------------------------------------------------------------------


class _Clock:
    """The time, and the CPU time of this process and all that it has started, from now on."""

    def __init__(self) -> None:
        self._cpu, self._wall = self._spent(), perf_counter()

    @staticmethod
    def _spent() -> float:
        this = psutil.Process()
        return sum(sum(one.cpu_times()[:4]) for one in [this, *this.children(recursive=True)])

    @property
    def wall(self) -> float:
        return perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        return self._spent() - self._cpu


async def _stock(workers: int, ends: AsyncExitStack) -> Any:
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", asynchronous=True
    )
    starting = asyncio.ensure_future(ends.enter_async_context(cluster))
    ends.callback(starting.cancel)
    return cluster


async def _ours(workers: int, ends: AsyncExitStack) -> Any:
    forkserver = Forkserver()
    forkserver.need()
    keeping = asyncio.create_task(forkserver.keep())
    ends.callback(keeping.cancel)
    worker = {"cls": "distributed.Nanny", "options": {"nthreads": 1}}
    spec = ClusterSpec.model_validate({"worker": worker}).with_entries(workers)
    folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
    keys = KeyFiles(Certificates.issue("benchmark"), folder)
    cluster: Any = make_cluster("benchmark", spec, keys, forkserver, None)
    starting = asyncio.ensure_future(ends.enter_async_context(cluster))
    ends.callback(starting.cancel)
    return cluster


def _forked() -> None:
    """Wait until something could be forked."""
    process = multiprocessing.get_context("forkserver").Process(target=int)
    process.start()
    process.join()


# What starts the process. Not this file: workers would import it again, and all that it imports,
# where a host has a main module that is next to nothing.
_PROGRAM: Final = "import sys, starts; starts.once(*sys.argv[1:])"


def once(row: str, side: str, workers: str) -> None:
    """Do one work in this process, and print how long it took."""
    json.dump(asyncio.run(_once(row, side, int(workers))), sys.stdout)


async def _once(row: str, side: str, workers: int) -> dict[str, float]:
    make = _ours if side == "ours" else _stock
    async with AsyncExitStack() as ends:
        clock = _Clock()
        cluster = await make(workers if row == "new" else 0, ends)
        if row == "grown":
            await until(lambda: cluster.status.name == "running", lambda: "no cluster", LIMIT)
            if side == "ours":
                await asyncio.to_thread(_forked)
            clock = _Clock()
            cluster.scale(workers)
        first: list[float] = []

        def all_there() -> bool:
            there = 0 if cluster.scheduler is None else len(cluster.scheduler.workers)
            if there and not first:
                first.append(clock.wall)
            return bool(there == workers)

        await until(all_there, lambda: f"{workers} workers have not registered", LIMIT)
        return {"first": first[0], "all": clock.wall, "cpu": clock.cpu}


# -- here ------------------------------------------------------------------------------------------


def _figures(row: str) -> Mapping[str, Figure]:
    return {
        "first": Figure(row, "the first worker has registered", "wall"),
        "all": Figure(row, "all have registered", "wall"),
        "cpu": Figure(row, "CPU of all processes until then"),
    }


def _row(name: str, about: str) -> Row[Setting]:
    figures = _figures(name)

    async def run(side: Side, setting: Setting) -> Samples:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, name, side.name, str(setting.workers),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parent,
        )  # fmt: skip
        try:
            answer, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            raise NotDone(errors.decode()[-2_000:])
        return {figures[key]: [value] for key, value in json.loads(answer).items()}

    def targets(setting: Setting, medians: Medians) -> Iterator[Target]:
        yield Target("all have registered", 0.45, medians.ratio(figures["all"]))
        yield Target("CPU of all processes", 0.25, medians.ratio(figures["cpu"]))
        if name == "grown":
            # In a new cluster it waits for what is imported first.
            yield Target("the first worker", 0.5, medians.ours[figures["first"]], "s")

    return Row(about, run, targets)


ROWS: Final = {
    "grown": _row("grown", "a cluster without workers is scaled up"),
    "new": _row("new", "a cluster is made, with its workers and, of ours, the forkserver"),
}


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
    add_usual_options(parser, ROWS, rounds=7)
    parser.add_argument("--workers", type=count, default=16, metavar="N", help="16 if not given")
    options = parser.parse_args(arguments)
    results = Results(Setting(options.workers), ROWS)
    names = [name for name in ROWS if not options.only or name in options.only]
    take_turns(results, names, SIDES, options.rounds, LIMIT)
    return conclude(results, options)


if __name__ == "__main__":
    sys.exit(main())

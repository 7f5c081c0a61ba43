"""The forkserver: a process that has imported what workers need, and is forked for each of them.

multiprocessing starts it, and starts another one when it is needed and has died. Here it is
started early, while the host itself still imports; its death, which is that of all workers that
it has forked, is noticed at once; and where it does not come up, workers are spawned.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from speccluster_lab.host import preimport
from speccluster_lab.link.files import make_private_folder
from speccluster_lab.link.paths import spare_folder
from speccluster_lab.link.processes import children_of, runs
from speccluster_lab.spec.templates import StartMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from speccluster_lab.link.launch import Launch

__all__ = [
    "Forkserver",
    "RunningForkserver",
    "end_prepared",
    "forget_prepared",
    "forkserver_for",
    "prepare",
    "sockets_in",
]

logger = logging.getLogger(__name__)

READY_SECONDS: Final = 60.0
END_SECONDS: Final = 0.5
MOST_FAILURES: Final = 3
# Where the platform does not tell of an end.
LOOK_SECONDS: Final = 0.1

_IMPORTS: Final = ("distributed", "distributed.nanny", "distributed.worker", preimport.__name__)
# With entries of these it is certain that the forkserver will be needed.
_HAVE_NANNIES: Final = frozenset({"distributed.Nanny", "speccluster_lab.MultiWorker"})
_PRE_SPAWN: Final = "distributed.nanny.pre-spawn-environ"
# As a nanny has it, so that all workers hash alike.
_HASH_SEED: Final = "6640"
_SPAWNED: Final = "workers are spawned instead"
# How the processes that have been forked are called, and those to which distributed has given a
# name: it does where setproctitle is installed.
_FORKED: Final = re.compile(r"multiprocessing\.forkserver|^dask worker \[")
# The folder of what was started before there was a cluster.
_prepared: Final[list[Path]] = []


@dataclass(eq=False)
class RunningForkserver:
    """A forkserver that runs, or did until a moment ago.

    Parameters
    ----------
    process : psutil.Process
        It.
    environ : mapping of str to str
        What it was started with.

    Attributes
    ----------
    gone : asyncio.Event
        Set when it is known to be dead.
    """

    process: psutil.Process
    environ: Mapping[str, str]
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def has(self, environ: Mapping[str, str]) -> bool:
        """Return whether what is forked finds these variables as they are to be."""
        return all(self.environ.get(name) == value for name, value in environ.items())


class Forkserver:
    """Has one run from when it is first needed.

    Parameters
    ----------
    modules : sequence of str
        What it imports beside ``distributed``.

    Attributes
    ----------
    modules : tuple of str
        What it is to have imported; none after it did not come up with them.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self.modules = tuple(modules)
        self._guard = os.getppid()
        self._needed = asyncio.Event()
        self._settled = asyncio.Event()
        self._running: RunningForkserver | None = None
        self._telling: Callable[[str, str], None] | None = None
        self._untold: list[tuple[str, str]] = []

    def need(self) -> None:
        """Have one started, if none has been yet."""
        self._needed.set()

    async def get(self) -> RunningForkserver | None:
        """Return the one that runs, or ``None`` where none can be had."""
        self.need()
        await self._settled.wait()
        return self._running

    def tell(self, listener: Callable[[str, str], None]) -> None:
        """Have somebody told of what happens, and of what has happened.

        Parameters
        ----------
        listener : callable
            Called with a reason and a message.
        """
        self._telling = listener
        for reason, message in self._untold:
            listener(reason, message)
        self._untold.clear()

    def _note(self, reason: str, message: str) -> None:
        logger.warning("%s: %s", reason, message)
        if self._telling is None:
            self._untold.append((reason, message))
        else:
            self._telling(reason, message)

    async def keep(self) -> None:
        """Have one running, a new one whenever it has died; until cancelled, when it is ended."""
        await self._needed.wait()
        try:
            await self._keep()
        except Exception:
            logger.exception("No forkserver can be kept")
            self._note("ForkserverFailed", _SPAWNED)
        finally:
            running, self._running = self._running, None
            # Nobody is to wait for what does not come.
            self._settled.set()
            if running is not None:
                running.gone.set()
                await _end(running.process)
                await asyncio.to_thread(_kill_orphans, self._guard)

    async def _keep(self) -> None:
        environ = await asyncio.to_thread(_pre_spawn_environ)
        forkserver.set_forkserver_preload(list(_IMPORTS))
        if self.modules:
            await end_prepared()
        failures = 0
        while failures < MOST_FAILURES:
            if await self._run_one(environ):
                failures = 0
                self._note("ForkserverDied", "what workers are forked from has died, and they too")
            else:
                failures += 1
                self._note("ForkserverFailed", self._without_imports())
        self._note("ForkserverFailed", _SPAWNED)

    async def _run_one(self, environ: Mapping[str, str]) -> bool:
        """Have one run until it dies, and return whether it has come up before."""
        try:
            running = self._running = self._launch(environ)
        except (ProcessLookupError, psutil.Error):
            return False
        self._settled.set()
        came_up = await self._comes_up(running)
        if came_up:
            await _ended(running.process)
        self._settled.clear()
        running.gone.set()
        await _end_another_than(running.process)
        await asyncio.to_thread(_kill_orphans, self._guard)
        # A worker's start that was under way may have come to one more. From here to the start of
        # ours there is nothing to wait for.
        await _end_another_than(running.process)
        return came_up

    def _launch(self, environ: Mapping[str, str]) -> RunningForkserver:
        with _environment({**environ, preimport.VARIABLE: ",".join(self.modules)}):
            forkserver.ensure_running()
            given = dict(os.environ)
        process = _forkserver_of_this_process()
        # What has only just been started has nothing to show for a moment.
        return RunningForkserver(process, process.environ() or given)

    async def _comes_up(self, running: RunningForkserver) -> bool:
        """Wait until it has imported all, and say what it could not."""
        asking = asyncio.ensure_future(asyncio.to_thread(_ask_for_troubles))
        while not (await asyncio.wait({asking}, timeout=READY_SECONDS))[0]:
            # Whichever it is that is asked: multiprocessing may have started another meanwhile.
            with suppress(ProcessLookupError, psutil.Error):
                _forkserver_of_this_process().kill()
        try:
            for trouble in await asking:
                self._note("PreimportFailed", trouble)
        except (OSError, EOFError):
            await _end(running.process)
            return False
        # It may have died before it was asked: then another one has answered.
        return _pid() == running.process.pid

    def _without_imports(self) -> str:
        modules, self.modules = self.modules, ()
        if not modules:
            return "what workers are forked from has died before it was ready"
        return f"it does not come up with {', '.join(modules)}, which workers now import themselves"


def prepare() -> None:
    """Start one before there is a cluster, for one that has nothing else imported.

    Raises
    ------
    StartFailed
        There is no place for its socket.
    """
    folder = spare_folder(os.getpid())
    _have_sockets_in(folder)
    forkserver.set_forkserver_preload(list(_IMPORTS))
    with _environment({**_pre_spawn_environ(), preimport.VARIABLE: ""}):
        forkserver.ensure_running()
    _prepared.append(folder)


def forget_prepared() -> None:
    """Remove what was prepared for a cluster that does not come."""
    for folder in _prepared:
        shutil.rmtree(folder, ignore_errors=True)


async def end_prepared() -> None:
    """End the forkserver that was prepared, if there is one, for it is not what is wanted."""
    if _prepared:
        with suppress(ProcessLookupError):
            await _end(_forkserver_of_this_process())


def _have_sockets_in(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    make_private_folder(folder)
    # Where multiprocessing looks itself; there is no other way to tell it.
    multiprocessing.current_process()._config["tempdir"] = str(folder)  # type: ignore[attr-defined]


def _move_prepared(folder: Path) -> None:
    """Have what was prepared where a cluster's is to be, from where it is found and removed."""
    prepared = _prepared[0]
    _have_sockets_in(folder)
    for file in prepared.iterdir():
        file.rename(folder / file.name)
        # systemd knows sockets in use by their first name; what is sticky it leaves alone.
        os.chmod(folder / file.name, 0o1600)
    prepared.rmdir()
    running: Any = forkserver._forkserver
    running._forkserver_address = str(folder / Path(running._forkserver_address).name)


@contextmanager
def sockets_in(folder: Path) -> Iterator[None]:
    """Have multiprocessing make its sockets in a folder, which is removed in the end.

    It would make one of its own in ``/tmp``, and leave it there when its process is killed.

    Parameters
    ----------
    folder : Path
        What is there is of an earlier process.
    """
    if _prepared:
        _move_prepared(folder)
    else:
        _have_sockets_in(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def forkserver_for(launch: Launch) -> Forkserver | None:
    """Return the forkserver of a cluster, or ``None`` where its workers are to be spawned.

    Parameters
    ----------
    launch : Launch
        The cluster's.
    """
    has_one = StartMethod.FORKSERVER in multiprocessing.get_all_start_methods()
    if launch.start_method is not StartMethod.FORKSERVER or not has_one:
        return None
    made = Forkserver(launch.preimport)
    entries = [*launch.spec.workers.values(), launch.spec.worker]
    if any(entry is not None and entry.cls in _HAVE_NANNIES for entry in entries):
        made.need()
    return made


def _pre_spawn_environ() -> dict[str, str]:
    """Return what a nanny of this process will find to be set before its worker is spawned.

    Without ``distributed``, which is not to be waited for.
    """
    import dask.config
    import yaml

    package = find_spec("distributed")
    assert package is not None
    assert package.origin is not None
    defaults = yaml.load(
        Path(package.origin).with_name("distributed.yaml").read_text(),
        Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )
    merged = dask.config.merge(defaults, dask.config.config)
    asked_for = dask.config.get(_PRE_SPAWN, config=merged)
    environ = {
        name: os.environ.get(name, str(value))
        for name, value in asked_for.items()
        if value is not None
    }
    if environ.get("PYTHONHASHSEED") in (None, "0"):
        environ["PYTHONHASHSEED"] = _HASH_SEED
    return environ


@contextmanager
def _environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Let what is started meanwhile have these variables; what nannies set later is their own."""
    before = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _forkserver_of_this_process() -> psutil.Process:
    """Return what multiprocessing has started, which it tells nobody.

    To look for it among the children is no use: until it runs its own program, which nothing
    waits for, it looks like this process, or like nothing at all.
    """
    if (pid := _pid()) is None:
        raise ProcessLookupError("no forkserver has been started")
    return psutil.Process(pid)


def _pid() -> int | None:
    running: Any = forkserver._forkserver
    # There is none for a moment while another thread starts one.
    with running._lock:
        pid: int | None = running._forkserver_pid
    return pid


def _ask_for_troubles() -> list[str]:
    """Have a process forked, which is only possible when all is imported, and hear from it.

    Raises
    ------
    OSError, EOFError
        The forkserver has died, or what it forks dies.
    """
    context = multiprocessing.get_context("forkserver")
    answer, sending = context.Pipe(duplex=False)
    process = context.Process(target=preimport.report, args=(sending,), daemon=True)
    with answer:
        with sending:
            process.start()
        troubles: list[str] = answer.recv()
    process.join()
    return troubles


async def _end(process: psutil.Process) -> None:
    """End a child, which does not take its time."""
    with suppress(psutil.NoSuchProcess):
        for end in (process.terminate, process.kill):
            end()
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    return await _ended(process)


async def _end_another_than(process: psutil.Process) -> None:
    """End what multiprocessing has started by itself when it found ``process`` to be dead.

    It lacks what ours is given: variables, and what it is to import.
    """
    if _pid() != process.pid:
        with suppress(ProcessLookupError, psutil.Error):
            await _end(_forkserver_of_this_process())


def _kill_orphans(guard: int) -> None:
    """End what was forked by what is there no more: nobody will know any more how it ends.

    That may be still starting, and be known by nobody at all.

    Parameters
    ----------
    guard : int
        The process id of this host's guard, which has whatever has lost its parent.
    """
    if os.getppid() != guard:
        # It has gone, and who is the parent now has processes of others.
        return
    for process in children_of(guard):
        with suppress(psutil.Error):
            if any(map(_FORKED.search, process.cmdline())):
                process.kill()


async def _ended(process: psutil.Process) -> None:
    """Wait until a child has ended, and leave it to multiprocessing to ask how."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    try:
        # Not every Python has it, nor every kernel, nor may every container use it.
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        while runs(process):  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(LOOK_SECONDS)
        return
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)

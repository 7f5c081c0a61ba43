"""A pytest plugin: other projects' tests of their cluster classes, run against ours.

Before a test module is imported, every global that is :class:`distributed.SpecCluster` becomes
ours, and every global that is a subclass of it (``LocalCluster``, the classes of dask-jobqueue)
becomes that class reconciled. A class that a test derives from one of them is ours as well, and
so it is in an interpreter that a test starts with ``-c``.

A run in which that did not happen would be worth nothing, so it is watched: a cluster made of
another class, or a pass of the stock reconciler, is an error of the test that did it, and a run
that made no cluster fails. With ``PEER_TESTS_STOCK`` nothing is replaced and the opposite is
watched for, which shows that the watch sees what it should.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import inspect
import os
import pkgutil
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import distributed
import ours
import psutil
import pytest
from distributed.deploy.cluster import Cluster

# The fixtures of distributed's tests, as its own conftest.py has them.
from distributed.utils_test import *  # noqa: F403
from loopback.sitecustomize import bind_anywhere

if TYPE_CHECKING:
    from collections.abc import Iterator

STOCK = bool(os.environ["PEER_TESTS_STOCK"])
WHOSE = "stock" if STOCK else "ours"

# Tests ("test_local.py::test_scale") that cannot hold against our class, each with the reason.
# Strict: when one holds after all, the run fails.
_WIDGET = "displayed it is our own widget, made where it can be seen, and refreshed by no timer"
BY_DESIGN: dict[str, str] = {
    "test_local.py::test_ipywidgets": _WIDGET,
    "test_local.py::test_ipywidgets_loop": _WIDGET,
}
# One that holds on some machines only.
BY_PACE: dict[str, str] = {
    "test_spec_cluster.py::test_unexpected_closed_worker": (
        "looks every 10 ms for a worker to be missing; on a quick machine another one has started "
        "before it does"
    ),
}

# They ask for every interface, and mean it. The others get loopback only.
EVERY_INTERFACE = {"test_forward_ip", "test_local_tls", "test_remote_access"}
TWO_INTERFACES = {"test_import_scheduler_options_from_config"}

HERE = str(Path(__file__).parent)
OURS_FIRST = f"import sys; sys.path.insert(0, {HERE!r}); import ours; ours.replace()\n"

made: Counter[str] = Counter()
replaced: list[str] = []
passes_of_stock = 0
strays: list[str] = []


# -- replacing -----------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # dask-jobqueue's conftest.py has the classes in a table.
    watch()
    use_certificates(early_config.rootpath.parents[1] / "tests")
    import_jobqueue()
    if not STOCK:
        replaced.extend(ours.replace())
        give_interpreters_ours()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: a coroutine")


def use_certificates(folder: Path) -> None:
    """Take distributed's test certificates from its repository: its wheel has none."""
    if (folder / "tls-ca-cert.pem").is_file():
        distributed.utils_test.certs_dir = str(folder)


def import_jobqueue() -> None:
    """Import all of dask-jobqueue, where it is, so that its classes are found."""
    if importlib.util.find_spec("dask_jobqueue") is None:
        return
    import dask_jobqueue

    for module in pkgutil.iter_modules(dask_jobqueue.__path__, "dask_jobqueue."):
        if not module.ispkg:
            importlib.import_module(module.name)


def give_interpreters_ours() -> None:
    """Have ours replace stock in what a test runs with ``python -c`` too."""
    start = subprocess.Popen.__init__

    @functools.wraps(start)
    def start_with_ours(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        if isinstance(args, list) and args[0] == sys.executable and "-c" in args:
            code = args.index("-c") + 1
            args = [*args[:code], OURS_FIRST + args[code], *args[code + 1 :]]
        start(self, args, *rest, **options)

    subprocess.Popen.__init__ = start_with_ours


# -- watching ------------------------------------------------------------------------------------


def watch() -> None:
    """Note every cluster that is made, and every pass of the stock reconciler."""
    make, correct = Cluster.__init__, ours.STOCK._correct_state_internal

    @functools.wraps(make)
    def noted_make(self: Any, *args: Any, **options: Any) -> None:
        cls = type(self)
        # There are clusters without a spec; they are not what is tested.
        if isinstance(self, ours.STOCK):
            made[cls.__name__] += 1
            if ours.is_ours(cls) == STOCK:
                strays.append(f"a cluster of {cls.__module__}.{cls.__qualname__}, not {WHOSE}")
        make(self, *args, **options)

    @functools.wraps(correct)
    async def noted_correct(self: Any) -> None:
        global passes_of_stock
        passes_of_stock += 1
        if not STOCK:
            strays.append(f"a pass of the stock reconciler in {type(self).__qualname__}")
        await correct(self)

    Cluster.__init__ = noted_make
    ours.STOCK._correct_state_internal = noted_correct


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    left = [f"{module.__name__}.{name}" for module, name, _ in ours.stock_globals()]
    if bool(left) != STOCK or ours.is_ours(distributed.SpecCluster) == STOCK:
        raise pytest.UsageError(f"the clusters are not {WHOSE}: {', '.join(left) or 'none is'}")
    for item in items:
        if item.originalname in TWO_INTERFACES and len(psutil.net_if_addrs()) < 2:
            item.add_marker(pytest.mark.skip(reason="there is one network interface"))
        if not STOCK and item.nodeid in BY_DESIGN:
            item.add_marker(pytest.mark.xfail(reason=BY_DESIGN[item.nodeid], strict=True))
        if not STOCK and item.nodeid in BY_PACE:
            item.add_marker(pytest.mark.xfail(reason=BY_PACE[item.nodeid], strict=False))


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    yield
    found, strays[:] = strays[:], []
    assert not found


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.testscollected and not session.config.option.collectonly and not made:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    each = ", ".join(f"{n} {name}" for name, n in made.most_common()) or "none: this shows nothing"
    cls = distributed.SpecCluster
    terminalreporter.section(f"clusters: {WHOSE}")
    terminalreporter.write_line(f"distributed {distributed.__version__} with {cls.__module__}")
    terminalreporter.write_line(f"    of {inspect.getfile(cls)}")
    if replaced:
        terminalreporter.write_line(f"replaced: {', '.join(replaced)}")
    terminalreporter.write_line(f"made: {each}")
    terminalreporter.write_line(f"passes of the stock reconciler: {passes_of_stock}")


# -- running -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def interfaces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.originalname in EVERY_INTERFACE:
        monkeypatch.setattr(socket.socket, "bind", bind_anywhere)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine, as pytest-asyncio would for dask-jobqueue's tests."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True

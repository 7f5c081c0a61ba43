"""A JupyterLab server, a browser and pages; what a failed test leaves for a person to see."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from labpage import LabPage
from labserver import LabServer
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from playwright.sync_api import Browser, BrowserContext

RESULTS: Final = Path(__file__).parent / "results"

_FAILED: Final = pytest.StashKey[bool]()
_PATIENCE: Final = 60_000
_VIEWPORT: Final = {"width": 1280, "height": 900}
_CHROMIUM_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

expect.set_options(timeout=_PATIENCE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
        values = getattr(item, "funcargs", {}).values()
        for server in {value for value in values if isinstance(value, LabServer)}:
            report.sections.append(("the server's log", server.last_log_lines()))
    return report


@pytest.fixture(scope="session")
def results() -> Path:
    """Return where logs, pictures and traces go, emptied of what an earlier run has left."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir()
    return RESULTS


@pytest.fixture(scope="session")
def new_server(results: Path) -> Iterator[Callable[..., LabServer]]:
    """Make servers that are not started yet; none of them may leave a process or a file."""
    made: list[LabServer] = []

    def make(name: str, kind: type[LabServer] = LabServer) -> LabServer:
        # Short, for the paths of sockets have room for 107 bytes.
        home = Path(tempfile.mkdtemp(prefix="scl-"))
        made.append(kind(home, results / f"{name}.log"))
        return made[-1]

    yield make
    left = []
    for server in made:
        if server.is_running:
            server.end()
        left += server.left_processes() + server.left_files()
        shutil.rmtree(server.home)
    assert not left, "\n".join(["something is left of the servers:", *left])


@pytest.fixture(scope="session")
def running_server(new_server: Callable[..., LabServer]) -> LabServer:
    """Start the server that most tests share."""
    server = new_server("server")
    server.start()
    return server


@pytest.fixture
def server(running_server: LabServer) -> Iterator[LabServer]:
    """Lend the server to a test, which may leave kernels and clusters but no trace of them."""
    yield running_server
    running_server.clear()
    left = running_server.left_processes() + running_server.left_files()
    assert not left, "\n".join(["something is left of the test:", *left])


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start Chromium, without a window."""
    # What Playwright gathers for traces would be left in the system's folder otherwise.
    traces = tmp_path_factory.mktemp("traces")
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=_CHROMIUM_FLAGS, traces_dir=traces
        )
        yield browser
        browser.close()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """Return how the browser's contexts are made; a module may have its own."""
    return {"viewport": _VIEWPORT}


@pytest.fixture
def context(
    browser: Browser,
    context_options: dict[str, Any],
    request: pytest.FixtureRequest,
    results: Path,
) -> Iterator[BrowserContext]:
    """Open a browser without a past; keep a trace and pictures of it when the test fails."""
    context = browser.new_context(**context_options)
    context.set_default_timeout(_PATIENCE)
    context.tracing.start(snapshots=True)
    yield context
    if request.node.stash.get(_FAILED, False):
        folder = results / re.sub(r"[^\w-]+", "-", request.node.name)
        folder.mkdir(exist_ok=True)
        for number, page in enumerate(context.pages):
            page.screenshot(path=folder / f"page-{number}.png")
        # For `playwright show-trace`.
        context.tracing.stop(path=folder / "trace.zip")
    context.close()


@pytest.fixture
def open_lab(
    context: BrowserContext, request: pytest.FixtureRequest
) -> Iterator[Callable[[LabServer], LabPage]]:
    """Open JupyterLab in a new tab; a test fails when the browser's console has errors."""
    pages: list[LabPage] = []

    def open_tab(server: LabServer) -> LabPage:
        workspace = re.sub(r"[^\w-]+", "-", f"{request.node.name}-{len(pages)}")
        pages.append(LabPage(context.new_page(), server, workspace))
        return pages[-1]

    yield open_tab
    troubles = [trouble for page in pages for trouble in page.troubles.unexpected]
    assert not troubles, "\n".join(["the browser reports errors:", *troubles])


@pytest.fixture
def lab(server: LabServer, open_lab: Callable[[LabServer], LabPage]) -> LabPage:
    """Open JupyterLab in a tab, with the panel open and no cluster."""
    return open_lab(server)

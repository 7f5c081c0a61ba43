"""What all tests share: plugins beside this file, and a quicker end of Jupyter servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

pytest_plugins = ["pytest_jupyter.jupyter_server", "nothing_left", "running_hosts"]


@pytest.fixture(autouse=True)
def jp_server_cleanup(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the Jupyter server of a test that has one.

    In place of pytest-jupyter's, which makes a server after every test just to end it.
    """
    if "jp_serverapp" not in request.fixturenames:
        yield
        return
    from jupyter_server.serverapp import ServerApp

    loop: asyncio.AbstractEventLoop = request.getfixturevalue("jp_asyncio_loop")
    yield
    app = ServerApp.instance()
    loop.run_until_complete(app._cleanup())
    app.kernel_manager.context.destroy()
    ServerApp.clear_instance()

"""Jupyter servers in processes of their own, each with one extension, and how they are asked."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil
from measure import NotDone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Api", "Probe", "Server", "api_of", "jupyter_server", "processes_under", "started"]

START_SECONDS: Final = 60.0
END_SECONDS: Final = 40.0
CALL_SECONDS: Final = 60.0
# As it is installed, where what is imported has been compiled before.
_ENVIRONMENT: Final = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


class Api:
    """A connection to a server that is kept open, so that a call costs what the call costs.

    Parameters
    ----------
    port : int
        Where the server listens.
    token : str
        What it lets in with.
    """

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)
        self._headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for something, and return what is answered.

        Raises
        ------
        NotDone
            It is refused.
        """
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise NotDone(f"{method} {path}: {response.status} {answer[:500]!r}")
        return json.loads(answer) if answer else None

    def close(self) -> None:
        """Close it."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Server:
    """A Jupyter server that runs.

    Parameters
    ----------
    port : int
        Where it listens.
    token : str
        What it lets in with.
    process : psutil.Process
        Itself.
    """

    port: int
    token: str
    process: psutil.Process


def api_of(server: Server) -> Api:
    """Return a connection of one's own."""
    return Api(server.port, server.token)


@contextmanager
def jupyter_server(
    python: str, extension: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a Jupyter server, and end it with all that it has started.

    Parameters
    ----------
    python : str
        The interpreter that has the extension.
    extension : str
        The module.
    folder : Path
        For all that it writes.
    environment : mapping of str to str
        Beyond this process's own.

    Raises
    ------
    NotDone
        It does not come up.
    """
    port, token = _free_port(), secrets.token_hex(16)
    places = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("DATA", "CONFIG")}
    # A socket's path may have 107 bytes.
    places["JUPYTER_RUNTIME_DIR"] = str(folder / "r")
    command = [
        python, "-m", "jupyter_server", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", "--allow-root",
        f"--ServerApp.jpserver_extensions={{'{extension}': True}}",
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        started = subprocess.Popen(
            command,
            env={**_ENVIRONMENT, **places, **environment, "JUPYTER_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(port, token, psutil.Process(started.pid))
    try:
        _wait_until_up(server, started, folder / "server.log")
        yield server
    finally:
        theirs = processes_under(server.process)
        started.terminate()
        with suppress(subprocess.TimeoutExpired):
            started.wait(END_SECONDS)
        _, left = psutil.wait_procs([server.process, *theirs], timeout=5)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        started.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(server: Server, started: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        api = api_of(server)
        try:
            api("GET", "/api/status")
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            api.close()
    raise NotDone(f"no server: {log.read_text(errors='replace')[-2_000:]}")


def processes_under(process: psutil.Process) -> list[psutil.Process]:
    """Return a process's children, and theirs."""
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


@dataclass
class Probe:
    """Asks a server how it is, at even intervals, from a thread of its own.

    Parameters
    ----------
    server : Server
        Which.
    interval : float
        Seconds from one question to the next; a late answer delays those that follow.

    Attributes
    ----------
    took : list of float
        Seconds, one for each question.
    cpu : float
        Seconds of CPU that the server's own process has spent meanwhile.
    """

    server: Server
    interval: float = 0.02
    took: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def __enter__(self) -> Probe:
        self._ended = threading.Event()
        self._began = self._spent()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.cpu = self._spent() - self._began

    def _spent(self) -> float:
        return sum(self.server.process.cpu_times()[:2])

    def _ask(self) -> None:
        api = api_of(self.server)
        due = time.perf_counter()
        while not self._ended.wait(max(0.0, due - time.perf_counter())):
            due = max(due + self.interval, time.perf_counter())
            began = time.perf_counter()
            api("GET", "/api/status")
            self.took.append(time.perf_counter() - began)
        api.close()


async def started(program: str, *arguments: str, python: str) -> asyncio.subprocess.Process:
    """Start a Python program that talks by its standard input and output."""
    return await asyncio.create_subprocess_exec(
        python, "-c", program, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=_ENVIRONMENT,
    )  # fmt: skip

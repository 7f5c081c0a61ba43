"""A Jupyter server in a process of its own, with the extension."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from speccluster_lab.spec.api import API_PREFIX

SECONDS = 60.0
TOKEN = "a-token"


class Server:
    """``jupyter server`` with the extension."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
        command += [f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"]
        command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.folder}"]
        command += ['--ServerApp.jpserver_extensions={"speccluster_lab": True}']
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{API_PREFIX}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read())

    def clusters(self, count: int) -> list[dict[str, Any]]:
        """Return the clusters once there are so many that run, and all of their workers."""
        deadline = time.monotonic() + SECONDS
        while True:
            with suppress(urllib.error.URLError, ConnectionError):
                found: list[dict[str, Any]] = self.call("GET", "/clusters")
                if len(found) == count and all(map(is_whole, found)):
                    return found
            assert time.monotonic() < deadline
            time.sleep(0.05)


def is_whole(cluster: dict[str, Any]) -> bool:
    counts = cluster["counts"]
    there = counts["registered"] == counts["expected"] > 0
    return bool(cluster["phase"] == "running" and there)

"""A JupyterLab server of our own: its folders, its port, and all that it has started."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from waiting import wait_until

__all__ = ["Answer", "LabServer", "NotebookServer"]

API: Final = "/speccluster-lab/api/v1"

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 10.0
_GONE_SECONDS: Final = 20.0
_LOG_LINES: Final = 60

# A pop-up of the news would cover the lower right corner.
_QUIET: Final = {"fetchNews": "false", "checkForUpdates": False}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    body: Any


class LabServer:
    """JupyterLab as a process, in folders that nothing else uses.

    Parameters
    ----------
    home : Path
        An empty folder with a short path: sockets are in it. It is the ``HOME`` of the server and
        of all that it starts, by which they are known.
    log : Path
        Where the server's output goes.
    """

    application = "jupyterlab"

    def __init__(self, home: Path, log: Path) -> None:
        self.home = home
        self.log = log
        self.files = home / "files"
        self.token = secrets.token_urlsafe(16)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.files.mkdir()
        settings = home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET))

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server, with nothing of the user's own folders in it."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
        if "IPYKERNEL" in os.environ:
            # Another one than is installed, for all Pythons that are started.
            kept["PYTHONPATH"] = os.environ["IPYKERNEL"]
        return {
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_PREFER_ENV_PATH": "1",
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
        }

    # Life

    def start(self) -> None:
        """Start it, on the port that it had before if it had one, and wait until it answers."""
        self.port = self.port or _free_port()
        command = [sys.executable, "-m", self.application]
        command += ["--no-browser", "--expose-app-in-browser"]
        command += [f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"]
        command += [f"--ServerApp.root_dir={self.files}"]
        # The other manager asks a registry what there is.
        command += ["--LabApp.extension_manager=readonly"]
        if os.geteuid() == 0:
            command.append("--allow-root")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, f"{self.application} answers", _START_SECONDS)

    def end(self) -> float:
        """Ask it to end with SIGTERM, and return how many seconds it took.

        Raises
        ------
        TimeoutError
            It was still there after ten seconds, and was killed.
        """
        assert self._process is not None
        since = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise TimeoutError(f"JupyterLab had not ended after {_END_SECONDS:g} s") from None
        finally:
            self._process = None
        return time.monotonic() - since

    def kill(self) -> None:
        """End it without giving it time for anything."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"JupyterLab has ended at once:\n{self.last_log_lines()}")
        with suppress(OSError):
            return self.request("GET", "/api/status").status == 200
        return False

    # Calls, as another program would make them

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Call the server's REST API with its token."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, _read_json(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _read_json(error.read()))

    def clusters(self) -> list[Any]:
        """Return all clusters."""
        found: list[Any] = self.request("GET", f"{API}/clusters").body
        return found

    def cluster(self, id: str) -> Any:
        """Return one cluster."""
        answer = self.request("GET", f"{API}/clusters/{id}")
        assert answer.status == 200, answer
        return answer.body

    def create(self, template: str, name: str | None = None, **more: Any) -> Any:
        """Make a cluster, and return it as it is in the beginning."""
        given = {"template": template, **({} if name is None else {"name": name}), **more}
        answer = self.request("POST", f"{API}/clusters", given)
        assert answer.status == 201, answer
        return answer.body

    def scale(self, id: str, entries: int) -> Any:
        """Set how many entries a cluster has."""
        answer = self.request("POST", f"{API}/clusters/{id}/scale", {"entries": entries})
        assert answer.status == 202, answer
        return answer.body

    def adapt(self, id: str, minimum: int, maximum: int) -> Any:
        """Have adaptive scaling of a cluster keep to a range."""
        given = {"minimum": minimum, "maximum": maximum}
        answer = self.request("PUT", f"{API}/clusters/{id}/adaptive", given)
        assert answer.status == 202, answer
        return answer.body

    def replace_spec(self, id: str, spec: Any, generation: int) -> Any:
        """Replace the desired state of a cluster, which must be at ``generation``."""
        headers = {"If-Match": f'"{generation}"'}
        answer = self.request("PUT", f"{API}/clusters/{id}/spec", spec, headers)
        assert answer.status == 202, answer
        return answer.body

    # What there is of it

    def clear(self) -> None:
        """End all kernels and clusters, and wait until they have gone."""
        for session in self.request("GET", "/api/sessions").body:
            self.request("DELETE", f"/api/sessions/{session['id']}")
        for kernel in self.request("GET", "/api/kernels").body:
            self.request("DELETE", f"/api/kernels/{kernel['id']}")
        for cluster in self.clusters():
            self.request("DELETE", f"{API}/clusters/{cluster['id']}")
        wait_until(lambda: self.clusters() == [], "all clusters have stopped", 60)

    def left_processes(self) -> list[str]:
        """Return the processes that it has started and that do not end; they are killed."""
        with suppress(TimeoutError):
            # Looked at anew each time: a host may just be on its way to wait for the next cluster.
            wait_until(lambda: not self._of_clusters(), "all processes have ended", _GONE_SECONDS)
        described = []
        for process in self._of_clusters():
            with suppress(psutil.NoSuchProcess):
                described.append(f"{process.pid} {process.cmdline()}")
                process.kill()
        return described

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and all that come from it, however indirectly."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _of_clusters(self) -> list[psutil.Process]:
        """Return what runs for clusters: neither the server nor the host kept ready."""
        # In this order, so that what has come meanwhile is not taken for a cluster's.
        found = self.processes()
        stay = self._without_clusters()
        return [process for process in found if process not in stay]

    def _without_clusters(self) -> list[psutil.Process]:
        """Return what needs no cluster: the server, and the host that it keeps ready."""
        if self._process is None:
            return []
        server = psutil.Process(self._process.pid)
        found = [server]
        for child in server.children():
            with suppress(psutil.NoSuchProcess):
                if "--spare" in child.cmdline():
                    found += [child, *child.children(recursive=True)]
        return found

    def left_files(self) -> list[str]:
        """Return the sockets, connection files and folders of clusters."""
        patterns = ("**/*.sock", "runtime/speccluster-lab/*/*", "data/speccluster-lab/*/clusters/*")
        found = {str(file) for pattern in patterns for file in self.home.glob(pattern)}
        return sorted(found)

    def last_log_lines(self) -> str:
        """Return the end of the server's log, and of those of the hosts that are there."""
        logs = [self.log, *sorted(self.home.glob("data/speccluster-lab/*/clusters/*/host.log"))]
        texts = []
        for log in logs:
            with suppress(FileNotFoundError):
                lines = log.read_text(errors="replace").splitlines()
                texts.append("\n".join([f"--- {log.parent.name}/{log.name}", *lines[-_LOG_LINES:]]))
        return "\n".join(texts)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return process.environ().get("HOME") == str(self.home)
        except psutil.Error:
            # It has ended meanwhile, or is not ours to look at.
            return False


class NotebookServer(LabServer):
    """The same with Jupyter Notebook 7, which is installed in a folder of its own.

    What it adds to JupyterLab is to be seen in no other test.
    """

    application = "notebook"
    folder: Final = Path(os.environ.get("NOTEBOOK", Path(__file__).parents[1] / ".make/notebook"))

    def __init__(self, home: Path, log: Path) -> None:
        super().__init__(home, log)
        # JupyterLab's own and the notebook's are looked for in one place.
        for prefix in (Path(sys.prefix), self.folder):
            source = prefix / "share" / "jupyter" / "lab"
            without = shutil.ignore_patterns("static")
            shutil.copytree(source, home / "lab", ignore=without, dirs_exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server, with the folder in its paths."""
        paths = {
            "PYTHONPATH": self.folder,
            "JUPYTER_PATH": self.folder / "share" / "jupyter",
            "JUPYTERLAB_DIR": self.home / "lab",
        }
        return {**super().environment, **{name: str(path) for name, path in paths.items()}}


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")

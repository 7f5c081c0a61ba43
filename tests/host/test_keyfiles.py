"""What the parts of a cluster connect with: paths in its folder, and keys nowhere else."""

from __future__ import annotations

import asyncio
import os
import pickle
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Nanny, get_client, secede
from distributed.comm import CommClosedError, connect, listen
from distributed.security import Security

from speccluster_lab.client import connect as connect_handle
from speccluster_lab.cluster.classes import Given, Recipe
from speccluster_lab.host.certificates import Certificates
from speccluster_lab.host.keyfiles import KeyFiles

if TYPE_CHECKING:
    from running_hosts import Hosts

KEY = "PRIVATE KEY"


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates.issue("brave-otter")


@pytest.fixture
def keys(certificates: Certificates, tmp_path: Path) -> KeyFiles:
    return KeyFiles(certificates, tmp_path)


def test_the_files_are_for_their_owner_only(keys: KeyFiles, tmp_path: Path) -> None:
    (folder,) = tmp_path.iterdir()
    files = sorted(folder.iterdir())
    assert len(files) == 4
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert sum(KEY in file.read_text() for file in files) == 3


def test_the_next_host_writes_them_anew(certificates: Certificates, tmp_path: Path) -> None:
    keys = KeyFiles(certificates, tmp_path)
    path = Path(keys.for_worker().tls_worker_key)
    path.write_text("")
    (path.parent / f".{path.name}.1.tmp").write_text("half a k")
    KeyFiles(certificates, tmp_path)
    assert path.read_text() == certificates.worker.certificate + certificates.worker.key
    assert len(list(path.parent.iterdir())) == 4


def test_workers_and_clients_have_no_key_of_another_role(keys: KeyFiles) -> None:
    worker, client, scheduler = keys.for_worker(), keys.for_client(), keys.for_scheduler()
    assert worker.tls_worker_key == worker.tls_client_key
    assert worker.tls_scheduler_key is None
    assert client.tls_worker_key is None
    assert client.tls_scheduler_key is None
    assert scheduler.tls_worker_key is None
    assert scheduler.tls_client_key is None
    found = {worker.tls_worker_key, client.tls_client_key, scheduler.tls_scheduler_key}
    assert len(found) == 3


def test_keys_are_not_shown(keys: KeyFiles) -> None:
    for one in (keys.for_worker(), keys.for_worker_elsewhere(), keys.for_client()):
        assert "PRIVATE" not in repr(one) + one._repr_html_()
    assert KEY.encode() not in pickle.dumps(keys.for_worker())


class Elsewhere:
    """A class that may start its worker on another machine."""

    def __init__(self, scheduler: str, name: object = None, security: object = None) -> None:
        self.security = security

    def __await__(self) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def test_a_worker_elsewhere_is_sent_the_text(keys: KeyFiles, certificates: Certificates) -> None:
    """A command line of it, as dask-jobqueue makes one, has paths."""
    given = Given(
        worker={"security": keys.for_worker()}, elsewhere={"security": keys.for_worker_elsewhere()}
    )
    security = Recipe.of({"cls": Elsewhere}, given).make("0", "tls://a:1").security
    command = security.get_tls_config_for_role("worker")
    assert command == keys.for_worker().get_tls_config_for_role("worker")
    sent = pickle.dumps(security)
    # It is to be read where this package is not installed.
    assert b"speccluster" not in sent
    received = pickle.loads(sent)
    assert type(received) is Security
    assert received.tls_worker_key == received.tls_client_key == certificates.worker.key
    assert received.tls_scheduler_key is None
    here = Recipe.of({"cls": Nanny}, given).options["security"]
    assert KEY.encode() not in pickle.dumps(here)


async def _exchange(listening: dict[str, Any], connecting: dict[str, Any]) -> str:
    """Return what a caller hears from a listener, over a real connection."""

    async def greet(comm: Any) -> None:
        await comm.write("hello")

    async with (
        asyncio.timeout(30),
        listen("tls://127.0.0.1:0", greet, **listening) as listener,
    ):
        comm = await connect(listener.contact_address, timeout=3, **connecting)
        try:
            return str(await comm.read())
        finally:
            await comm.close()


def _refused(listening: dict[str, Any], connecting: dict[str, Any]) -> bool:
    try:
        asyncio.run(_exchange(listening, connecting))
    except (OSError, CommClosedError, ssl.SSLError):
        return True
    return False


def test_who_may_talk_to_whom(keys: KeyFiles) -> None:
    scheduler = keys.for_scheduler().get_listen_args("scheduler")
    worker = keys.for_worker().get_listen_args("worker")
    callers = [
        keys.for_scheduler().get_connection_args("scheduler"),
        keys.for_worker().get_connection_args("worker"),
        keys.for_worker().get_connection_args("client"),
        keys.for_client().get_connection_args("client"),
    ]
    for listening in (scheduler, worker):
        for connecting in callers:
            assert asyncio.run(_exchange(listening, connecting)) == "hello"


def test_a_client_cannot_stand_in_for_the_scheduler(
    keys: KeyFiles, certificates: Certificates, tmp_path: Path
) -> None:
    folder = tmp_path / "forged"
    forger = KeyFiles(replace(certificates, scheduler=certificates.client), folder)
    forged = forger.for_scheduler().get_listen_args("scheduler")
    for connecting in (
        keys.for_worker().get_connection_args("worker"),
        keys.for_client().get_connection_args("client"),
    ):
        assert _refused(forged, connecting)


def test_another_cluster_is_refused(keys: KeyFiles, tmp_path: Path) -> None:
    other = KeyFiles(Certificates.issue("brave-otter"), tmp_path / "other")
    ours = keys.for_scheduler().get_listen_args("scheduler")
    theirs = other.for_scheduler().get_listen_args("scheduler")
    assert _refused(ours, other.for_client().get_connection_args("client"))
    assert _refused(theirs, keys.for_client().get_connection_args("client"))


# Notes each file that a process of the host opens for writing, workers included.
NOTING = """
import os, sys

note = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

def hook(event, arguments):
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str) and flags & (os.O_WRONLY | os.O_RDWR):
            os.write(note, f"{os.path.abspath(path)}\\n".encode())

sys.addaudithook(hook)
"""


def test_no_process_of_a_cluster_writes_elsewhere(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(NOTING)
    notes = tmp_path / "notes"
    monkeypatch.setenv("NOTES", str(notes))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    entries = {
        "nanny": {"cls": "distributed.Nanny", "options": {"nthreads": 1}},
        "threads": {"cls": "distributed.Worker", "options": {"nthreads": 1}},
    }
    host = hosts.start(spec={"workers": entries})
    host.until_running()
    # The client's process is this one.
    monkeypatch.delattr("tempfile.TemporaryDirectory")
    with connect_handle(host.id) as handle, handle.get_client() as client:
        assert client.submit(_ask_again, workers="nanny").result(timeout=60) == 7
    written = set(map(Path, notes.read_text().splitlines()))
    assert len([path for path in written if path.parent == host.folder / "keys"]) == 4
    elsewhere = {path for path in written if not path.is_relative_to(tmp_path)}
    # The name with which `tempfile` tries whether a folder can be used.
    tried = {path for path in elsewhere if path.parent == Path(tempfile.gettempdir())}
    assert all(len(path.name) == 8 for path in tried)
    assert elsewhere - tried == {Path(os.devnull)}


def _ask_again() -> int:
    secede()
    result: int = get_client().submit(sum, [3, 4]).result(timeout=30)
    return result

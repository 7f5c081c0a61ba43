"""What other users, pages and programs can do with a running cluster: nothing."""

from __future__ import annotations

import asyncio
import gc
import http.client
import ssl
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from distributed.comm import CommClosedError, connect, listen
from distributed.security import Security
from running_hosts import hosts_in

from speccluster_lab.client import connect as connect_handle
from speccluster_lab.link.paths import connection_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client
    from running_hosts import RunningHost

    from speccluster_lab.spec.api import Credentials

CANARY = "PRIVATE KEY"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """Start one of each kind of worker: a nanny's, and threads of the host."""
    entries = {
        "nanny": {"cls": "distributed.Nanny", "options": {"nthreads": 1}},
        "threads": {"cls": "distributed.Worker", "options": {"nthreads": 1}},
        "group": {
            "cls": "speccluster_lab.MultiWorker",
            "options": {"processes": 2, "nthreads": 1},
            "group": ["-0", "-1"],
        },
    }
    with hosts_in(tmp_path_factory.mktemp("hosts")) as found:
        host = found.start(spec={"workers": entries})
        host.until_running()
        yield host


@pytest.fixture(scope="module")
def credentials(host: RunningHost) -> Credentials:
    return host.ask(lambda client: client.credentials())


@pytest.fixture(scope="module")
def client(host: RunningHost) -> Iterator[Client]:
    with connect_handle(host.id) as handle, handle.get_client() as client:
        yield client


def _as_client(credentials: Credentials) -> Security:
    return Security(
        require_encryption=True,
        tls_ca_file=credentials.ca,
        tls_client_cert=credentials.certificate,
        tls_client_key=credentials.key,
    )


def test_everything_listens_on_loopback_only(host: RunningHost) -> None:
    listening = {
        (process.pid, socket.laddr.ip)
        for process in host.processes()
        for socket in process.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    }
    # The host, the nanny's worker, and the two of the group.
    assert len({pid for pid, _ in listening}) >= 4
    assert {ip for _, ip in listening} == {"127.0.0.1"}
    bound = [
        socket.laddr.ip for process in host.processes() for socket in process.net_connections("udp")
    ]
    assert bound == []


def test_addresses_are_all_tls(client: Client) -> None:
    info = client.scheduler_info(n_workers=-1)
    addresses = [info["address"], *info["workers"]]
    addresses += [worker["nanny"] for worker in info["workers"].values() if worker["nanny"]]
    assert len(addresses) == 1 + 4 + 3
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)


async def _greeted(address: str, **options: Any) -> bool:
    """Return whether somebody at ``address`` answers a question."""
    try:
        comm = await connect(address, timeout=2, **options)
    except (OSError, ssl.SSLError, CommClosedError):
        return False
    try:
        async with asyncio.timeout(5):
            await comm.write({"op": "identity", "reply": True})
            return isinstance(await comm.read(), dict)
    except (OSError, ssl.SSLError, CommClosedError, TimeoutError):
        return False
    finally:
        comm.abort()


def _without_certificate(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=credentials.ca)
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def test_only_the_certificate_opens(client: Client, credentials: Credentials) -> None:
    info = client.scheduler_info(n_workers=-1)
    nannies = [worker["nanny"] for worker in info["workers"].values() if worker["nanny"]]
    ours = _as_client(credentials).get_connection_args("client")
    bare = {"ssl_context": _without_certificate(credentials), "require_encryption": True}
    foreign = Security.temporary().get_connection_args("client")

    async def main() -> None:
        for address in [info["address"], *info["workers"], *nannies]:
            assert await _greeted(address, **ours), address
            assert not await _greeted(address, **bare), address
            assert not await _greeted(address, **foreign), address
            plain = address.replace("tls://", "tcp://")
            assert not await _greeted(plain), plain

    asyncio.run(main())


def test_a_clients_certificate_is_no_schedulers(credentials: Credentials) -> None:
    forged = Security(
        require_encryption=True,
        tls_ca_file=credentials.ca,
        tls_scheduler_cert=credentials.certificate,
        tls_scheduler_key=credentials.key,
    )
    ours = _as_client(credentials).get_connection_args("client")
    met = []

    async def meet(comm: Any) -> None:
        met.append(comm)

    async def main() -> None:
        serving = forged.get_listen_args("scheduler")
        async with listen("tls://127.0.0.1:0", meet, **serving) as listener:
            assert not await _greeted(listener.contact_address, **ours)

    asyncio.run(main())
    assert met == []


def test_keys_are_nowhere_to_be_read(host: RunningHost, client: Client) -> None:
    # It has been asked for: the client has it.
    assert client.submit(sum, [1, 2]).result() == 3
    files = [
        connection_file(host.id).read_text(),
        (host.folder / "launch.json").read_text(),
        host.log,
    ]
    shown = [repr(client), client._repr_html_(), host.request("GET").text]
    for process in host.processes():
        for name in ("cmdline", "environ"):
            content = Path(f"/proc/{process.pid}/{name}").read_bytes()
            files.append(content.decode("utf-8", "replace"))
    for text in files + shown:
        assert CANARY not in text
    # The nonce opens the socket: it is in the two files of mode 0600 only.
    for text in files[2:] + shown:
        assert host.launch.nonce not in text


def test_workers_have_their_own_key_only(client: Client, credentials: Credentials) -> None:
    def keys(dask_worker: Any) -> set[str]:
        security = dask_worker.security
        return {
            security.tls_scheduler_key,
            security.tls_worker_key,
            security.tls_client_key,
        }

    found = set().union(*client.run(keys).values()) - {None}
    assert len(found) == 1
    assert credentials.key not in Path(found.pop()).read_text()


def test_tasks_can_use_a_client(client: Client) -> None:
    def outer() -> int:
        from distributed import get_client, secede

        secede()
        result: int = get_client().submit(sum, [3, 4]).result(timeout=30)
        return result

    assert client.submit(outer, workers="nanny", pure=False).result(timeout=60) == 7


def test_workers_do_not_load_the_host(client: Client) -> None:
    def loaded() -> list[str]:

        return [name for name in sys.modules if name.startswith("speccluster_lab.host")]

    # The worker of threads is in the host itself.
    found = client.run(loaded, workers=_addresses(client, "nanny", "group-0", "group-1"))
    assert len(found) == 3
    # What a forkserver reads to know what to import, and nothing of the host's own.
    few = {"speccluster_lab.host", "speccluster_lab.host.preimport"}
    assert all(few.issuperset(names) for names in found.values())


def test_collections_do_not_look_at_what_is_imported(client: Client) -> None:
    """All of them hold up the loop that scheduler and host share: a tenth of a second each time."""

    def counts() -> tuple[int, int]:
        imported = sum(1 for one in gc.get_objects() if isinstance(one, types.FunctionType))
        return imported, gc.get_freeze_count()

    looked_at, frozen = client.run_on_scheduler(counts)
    assert frozen > 10 * looked_at


def _addresses(client: Client, *names: str) -> list[str]:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return [address for address, worker in workers.items() if str(worker["name"]) in names]


def _fetch(address: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _ports(host: RunningHost) -> set[int]:
    return {
        socket.laddr.port
        for process in host.processes()
        for socket in process.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    }


def test_the_dashboard_has_no_port(host: RunningHost, client: Client) -> None:
    assert host.get().scheduler.dashboard
    info = client.scheduler_info(n_workers=-1)
    assert info["services"] == {}
    workers = info["workers"].values()
    addresses = [info["address"], *info["workers"]]
    addresses += [worker["nanny"] for worker in workers if worker["nanny"]]
    speak_tls = {int(address.rpartition(":")[2]) for address in addresses}
    # A worker opens one for HTTP whatever it is told; nothing is served there.
    empty = {worker["services"]["dashboard"] for worker in workers}
    assert _ports(host) == speak_tls | empty


def test_the_dashboard_is_on_the_socket_of_the_host(host: RunningHost) -> None:
    page = host.request("GET", "/dashboard/status")
    assert page.status == 200
    assert "Dask" in page.text
    assert host.request("GET", "/dashboard/info/main/workers.html").status == 200
    assert host.request("GET", "/dashboard/statics/css/base.css").status == 200
    for path in ("/proxy/8888/127.0.0.1/status", "/proxy/80/localhost/", "/proxy", "/nothing"):
        assert host.request("GET", f"/dashboard{path}").status == 404
    assert host.request("POST", "/dashboard/status", {}).status == 405


def test_the_dashboard_is_not_for_pages_and_not_for_strangers(host: RunningHost) -> None:
    for headers, status in (
        ({"X-SpecCluster-Nonce": "another"}, 404),
        ({"Origin": "http://localhost:8888"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ):
        assert host.request("GET", "/dashboard/status", headers=headers).status == status
        stream = {"Connection": "Upgrade", "Upgrade": "websocket", **headers}
        assert host.request("GET", "/dashboard/status/ws", headers=stream).status == status


def test_workers_tell_nobody_anything(client: Client) -> None:
    info = client.scheduler_info(n_workers=-1)
    for worker in info["workers"].values():
        port = worker["services"].get("dashboard")
        assert port is not None
        assert _fetch(f"127.0.0.1:{port}", "/sitemap.json")[1] == b'{"paths": ["/sitemap.json"]}'
        for path in ("/", "/metrics", "/health", "/status", "/statics/css/base.css"):
            assert _fetch(f"127.0.0.1:{port}", path)[0] == 404, path

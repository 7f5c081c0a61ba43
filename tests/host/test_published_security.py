"""Who can reach a published cluster, and how: its owner, encrypted."""

from __future__ import annotations

import asyncio
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import distributed
import pytest
from distributed import Security
from published_clusters import UNCLOSED, dashboard_page, published
from running_hosts import SECONDS, UnixConnection

from speccluster_lab import SpecCluster, connect
from speccluster_lab.errors import InvalidInput, NameInUse, OwnedElsewhere
from speccluster_lab.link.connections import list_connections, read_connection
from speccluster_lab.link.launch import reserve
from speccluster_lab.link.paths import cluster_folder, connection_file
from speccluster_lab.spec.api import API_PREFIX, CredentialsRequest

if TYPE_CHECKING:
    from kernels import Kernel
    from running_hosts import Hosts

pytestmark = UNCLOSED


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"security": Security()}, "security"),
        ({"security": True}, "security"),
        ({"security": Security(require_encryption=True)}, "security"),
        ({"scheduler": {"cls": "distributed.Scheduler", "options": {"protocol": "tcp"}}}, None),
        ({"scheduler": {"cls": "distributed.Scheduler", "options": {"host": "tcp://"}}}, None),
        (
            {"scheduler": {"cls": partial(distributed.Scheduler, protocol="tcp")}},
            "scheduler.options.protocol",
        ),
    ],
)
def test_what_is_not_encrypted_is_not_published(
    place: Hosts, options: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(InvalidInput) as refused:
        SpecCluster(publish=True, **options)
    place_named = field or f"scheduler.options.{next(iter(options['scheduler']['options']))}"
    assert refused.value.field == place_named
    assert list_connections() == []


def test_certificates_of_ones_own_are_used(place: Hosts) -> None:
    given = Security.temporary()
    entry = {"cls": distributed.Worker, "options": {"security": given, "nthreads": 1}}
    options = {"security": given, "protocol": "tls", "dashboard_address": "127.0.0.1:0"}
    scheduler = {"cls": distributed.Scheduler, "options": options}
    with (
        SpecCluster({0: entry}, scheduler, security=given, publish=True, name="own") as cluster,
        connect("own") as handle,
        handle.get_client() as client,
    ):
        assert cluster.published_as == "own"
        assert client.submit(sum, [1, 2]).result(SECONDS) == 3
        assert handle.security.tls_ca_file == given.tls_ca_file
        # So is a port for the dashboard, where somebody wants one.
        assert cluster.dashboard_link.startswith("http://")
        assert b"<title>Dask" in asyncio.run(dashboard_page("own"))
        # Through a Jupyter server they would leave the machine for good.
        with pytest.raises(OwnedElsewhere):
            asyncio.run(_credentials("own"))


async def _credentials(id: str) -> None:
    from speccluster_lab.link.client import HostClient

    client = HostClient(read_connection(id))
    try:
        await client.credentials(CredentialsRequest(lifetime=60))
    finally:
        client.close()


def test_its_dashboard_relays_to_nobody(place: Hosts) -> None:
    with SpecCluster(publish=True, name="relay"):
        assert _status_of_page("relay", "status") == 200
        for path in ("proxy/8888/127.0.0.1/status", "proxy/80/localhost/"):
            assert _status_of_page("relay", path) == 404


def _status_of_page(id: str, path: str) -> int:
    """Return what the socket itself answers: who asks it for our server asks for no other page."""
    connection = read_connection(id)
    way = UnixConnection(connection.socket)
    try:
        place = f"{API_PREFIX}/clusters/{id}/dashboard/{path}"
        way.request("GET", place, headers={"X-SpecCluster-Nonce": connection.nonce})
        return way.getresponse().status
    finally:
        way.close()


def test_only_the_owner_can_reach_it(kernel: Kernel) -> None:
    with published(kernel) as id:
        path = Path(read_connection(id).socket)
        for file in (path, connection_file(id)):
            assert stat.S_IMODE(file.lstat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.lstat().st_mode) == 0o700
        assert not cluster_folder(id).exists()
        # Its id is taken all the same.
        with pytest.raises(NameInUse):
            reserve(id)
        assert not cluster_folder(id).exists()

"""One authority for each cluster, and certificates that are good for one role only."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from distributed.comm import CommClosedError, connect, listen

from speccluster_lab.host.certificates import Certificates, Leaf

SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates.issue("brave-otter")


def _read(leaf: Leaf) -> x509.Certificate:
    return x509.load_pem_x509_certificate(leaf.certificate.encode())


def test_each_role_has_a_leaf_of_its_own_purposes(certificates: Certificates) -> None:
    purposes = {
        role: set(_read(leaf).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for role, leaf in (
            ("scheduler", certificates.scheduler),
            ("worker", certificates.worker),
            ("client", certificates.client),
        )
    }
    assert purposes == {
        "scheduler": {SERVER, CLIENT},
        "worker": {SERVER, CLIENT},
        "client": {CLIENT},
    }
    keys = {certificates.scheduler.key, certificates.worker.key, certificates.client.key}
    assert len(keys) == 3


def test_they_outlive_any_cluster(certificates: Certificates) -> None:
    in_ten_years = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3653)
    authority = x509.load_pem_x509_certificate(certificates.authority.encode())
    for certificate in (authority, _read(certificates.scheduler), _read(certificates.client)):
        assert certificate.not_valid_after_utc > in_ten_years
        assert certificate.not_valid_before_utc < datetime.datetime.now(datetime.UTC)


def test_a_leaf_cannot_sign_another(certificates: Certificates) -> None:
    for leaf in (certificates.scheduler, certificates.worker, certificates.client):
        extensions = _read(leaf).extensions
        assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_an_id_of_the_greatest_length_fits() -> None:
    assert Certificates.issue("a" * 63).client.key


def test_workers_and_clients_have_no_key_of_another_role(certificates: Certificates) -> None:
    worker, client = certificates.for_worker(), certificates.for_client()
    assert worker.tls_worker_key == worker.tls_client_key == certificates.worker.key
    assert worker.tls_scheduler_key is None
    assert client.tls_client_key == certificates.client.key
    assert client.tls_worker_key is None
    assert client.tls_scheduler_key is None


def test_keys_are_not_shown(certificates: Certificates) -> None:
    shown = f"{certificates!r} {certificates.client!r} {certificates.for_client()!r}"
    assert "PRIVATE" not in shown
    assert "CERTIFICATE" not in shown


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


def test_who_may_talk_to_whom(certificates: Certificates) -> None:
    scheduler = certificates.for_scheduler().get_listen_args("scheduler")
    worker = certificates.for_worker().get_listen_args("worker")
    callers = [
        certificates.for_scheduler().get_connection_args("scheduler"),
        certificates.for_worker().get_connection_args("worker"),
        certificates.for_worker().get_connection_args("client"),
        certificates.for_client().get_connection_args("client"),
    ]
    for listening in (scheduler, worker):
        for connecting in callers:
            assert asyncio.run(_exchange(listening, connecting)) == "hello"


def test_a_client_cannot_stand_in_for_the_scheduler(certificates: Certificates) -> None:
    forged = certificates._security(scheduler=certificates.client).get_listen_args("scheduler")
    for connecting in (
        certificates.for_worker().get_connection_args("worker"),
        certificates.for_client().get_connection_args("client"),
    ):
        assert _refused(forged, connecting)


def test_another_cluster_is_refused(certificates: Certificates) -> None:
    other = Certificates.issue("brave-otter")
    ours = certificates.for_scheduler().get_listen_args("scheduler")
    theirs = other.for_scheduler().get_listen_args("scheduler")
    assert _refused(ours, other.for_client().get_connection_args("client"))
    assert _refused(theirs, certificates.for_client().get_connection_args("client"))

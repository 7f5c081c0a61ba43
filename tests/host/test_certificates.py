"""One authority for each cluster, and certificates that are good for one role only."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from distributed import Security

from speccluster_lab.errors import InvalidInput, OwnedElsewhere
from speccluster_lab.host.certificates import Certificates, Leaf, OwnersCertificates

if TYPE_CHECKING:
    from pathlib import Path

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


def test_keys_are_not_shown(certificates: Certificates) -> None:
    shown = f"{certificates!r} {certificates.client!r}"
    assert "PRIVATE" not in shown
    assert "CERTIFICATE" not in shown


def test_those_of_an_owner_are_read_from_files_and_from_text(
    certificates: Certificates, tmp_path: Path
) -> None:
    client = certificates.client
    file = tmp_path / "key.pem"
    file.write_text(client.key)
    parts = {
        "tls_ca_file": certificates.authority,
        "tls_client_cert": client.certificate,
        "tls_client_key": str(file),
    }
    found = OwnersCertificates.of(Security(require_encryption=True, **parts))
    assert (found.authority, found.client) == (certificates.authority, client)
    assert client.key not in repr(found)
    with pytest.raises(OwnedElsewhere):
        found.client_for(datetime.timedelta(days=1))
    for wrong in ({"require_encryption": False}, {"tls_client_key": str(tmp_path / "none")}):
        with pytest.raises(InvalidInput) as refused:
            OwnersCertificates.of(Security(**{"require_encryption": True, **parts, **wrong}))
        assert refused.value.field == "security"

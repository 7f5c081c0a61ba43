"""A cluster's own certificate authority, and one certificate for each role.

The authority's key never leaves the cluster's host and its folder; what it signs later is good for
clients only, and for a time.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from speccluster_lab.errors import InvalidInput, OwnedElsewhere

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed.security import Security

__all__ = ["Certificates", "Leaf", "OwnersCertificates"]

# Reconnecting fails once a certificate has expired, so they outlive any cluster.
_VALID: Final = datetime.timedelta(days=20 * 365)
_CLOCK_SKEW: Final = datetime.timedelta(days=1)

_SERVES: Final = ExtendedKeyUsageOID.SERVER_AUTH
_CALLS: Final = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True, repr=False)
class Leaf:
    """A certificate and its private key, as PEM text."""

    certificate: str
    key: str

    def check(self, authority: x509.Certificate) -> None:
        """Refuse a certificate that is not the authority's, or whose key is another's.

        Raises
        ------
        ValueError
            It cannot be used.
        """
        certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        key = load_pem_private_key(self.key.encode(), password=None)
        if key.public_key() != certificate.public_key():
            raise ValueError("the key is of another certificate")
        try:
            certificate.verify_directly_issued_by(authority)
        except InvalidSignature:
            raise ValueError("the certificate is of another authority") from None


@dataclass(frozen=True, slots=True, repr=False)
class Certificates:
    """What the parts of one cluster prove to each other that they belong to it.

    Parameters
    ----------
    authority, authority_key : str
        The authority's certificate and its private key, as PEM text.
    scheduler, worker, client : Leaf
        One for each role. A client's cannot be listened with, so that whoever holds it cannot
        stand in for the scheduler or for a worker.
    """

    authority: str
    authority_key: str
    scheduler: Leaf
    worker: Leaf
    client: Leaf

    @classmethod
    def issue(cls, id: str) -> Certificates:
        """Make an authority and its certificates.

        Parameters
        ----------
        id : str
            The cluster's; a part of the certificates' names.
        """
        authority = _Authority.make(id)
        return cls(
            authority=authority.leaf.certificate,
            authority_key=authority.leaf.key,
            scheduler=authority.issue("scheduler", [_SERVES, _CALLS]),
            worker=authority.issue("worker", [_SERVES, _CALLS]),
            client=authority.issue("client", [_CALLS]),
        )

    def client_for(self, lifetime: datetime.timedelta) -> Leaf:
        """Return a client's certificate that expires.

        Parameters
        ----------
        lifetime : datetime.timedelta
            From now.
        """
        authority = _Authority.of(Leaf(self.authority, self.authority_key))
        return authority.issue("client", [_CALLS], lifetime)

    def to_json(self) -> bytes:
        """Return them, keys included, as they can be stored."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Certificates:
        """Return what :meth:`to_json` has been given, once it is known to be whole.

        Raises
        ------
        ValueError
            It is garbled.
        """
        try:
            stored = json.loads(content)
            text, key = stored["authority"], stored["authority_key"]
            authority = x509.load_pem_x509_certificate(text.encode())
            leaves = {role: Leaf(**stored[role]) for role in ("scheduler", "worker", "client")}
            for leaf in (Leaf(text, key), *leaves.values()):
                leaf.check(authority)
        except (TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"no certificates: {type(error).__name__}") from None
        return cls(authority=text, authority_key=key, **leaves)


@dataclass(frozen=True, slots=True, repr=False)
class OwnersCertificates:
    """What clients prove with that they belong to a cluster whose owner has made the certificates.

    Parameters
    ----------
    authority : str
        The certificate of who has signed them, as PEM text.
    client : Leaf
        A client's.
    """

    authority: str
    client: Leaf

    @classmethod
    def of(cls, security: Security) -> OwnersCertificates:
        """Return those of the owner's ``security``, read from files where it names some.

        Raises
        ------
        InvalidInput
            It does without encryption, or has not all that a client needs.
        """
        if not security.require_encryption:
            raise InvalidInput(
                "a cluster can be published only where it is encrypted: whoever reaches a "
                "scheduler that is not can run code as you. Give no security, and the cluster gets "
                "certificates of its own; or give one with require_encryption=True",
                field="security",
            )
        parts = [_pem_of(security, part) for part in ("ca_file", "client_cert", "client_key")]
        return cls(parts[0], Leaf(parts[1], parts[2]))

    def client_for(self, lifetime: datetime.timedelta) -> Leaf:
        """Refuse: only the owner's authority could sign one.

        Raises
        ------
        OwnedElsewhere
            Always.
        """
        raise OwnedElsewhere(
            "the certificates of this cluster are its owner's own, and none can be made that "
            "expires; connect from the machine on which the cluster is"
        )


def _pem_of(security: Security, part: str) -> str:
    value: str | None = getattr(security, f"tls_{part}")
    if not value:
        raise InvalidInput(f"has no tls_{part}, which clients need", field="security")
    if "\n" in value:
        return value
    try:
        return Path(value).read_text()
    except OSError as error:
        raise InvalidInput(f"tls_{part} cannot be read: {error}", field="security") from error


class _Authority:
    """Signs certificates."""

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, leaf: Leaf
    ) -> None:
        self.leaf = leaf
        self._name = certificate.subject
        self._id = str(self._name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
        self._key = key

    @classmethod
    def make(cls, id: str) -> _Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(id, "authority")
        certificate = (
            _builder(name, name, key, _VALID)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, SHA256())
        )
        return cls(certificate, key, _as_text(certificate, key))

    @classmethod
    def of(cls, leaf: Leaf) -> _Authority:
        key = load_pem_private_key(leaf.key.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("the authority's key is none of ours")
        return cls(x509.load_pem_x509_certificate(leaf.certificate.encode()), key, leaf)

    def issue(
        self,
        role: str,
        purposes: Sequence[x509.ObjectIdentifier],
        lifetime: datetime.timedelta = _VALID,
    ) -> Leaf:
        """Return a certificate for ``role`` that is good for ``purposes`` and nothing else."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(_name(self._id, role), self._name, key, lifetime)
            .add_extension(issuer, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
            .sign(self._key, SHA256())
        )
        return _as_text(certificate, key)


def _as_text(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Leaf:
    return Leaf(
        certificate=certificate.public_bytes(Encoding.PEM).decode(),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def _name(id: str, role: str) -> x509.Name:
    # A common name has room for 64 characters, and an id alone can have 63.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, id),
            x509.NameAttribute(NameOID.COMMON_NAME, role),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    lifetime: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )

"""What a client connects with: a key that is in memory, and in no file."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from distributed.security import Security

if TYPE_CHECKING:
    from speccluster_lab.spec.api import Credentials

__all__ = ["ClientSecurity"]

_DESCRIPTORS: Final = "/dev/fd"


class ClientSecurity(Security):
    """The certificate of a client.

    ``ssl`` reads keys from files only, so ``distributed`` writes one that it has as text into a
    temporary folder, where a process that dies in that moment leaves it. This gives ``ssl`` the
    reading end of a pipe instead.

    Parameters
    ----------
    credentials : Credentials
        What the cluster's host has given.
    """

    def __init__(self, credentials: Credentials) -> None:
        # Other roles' fields would otherwise be taken from the user's own configuration.
        others = {
            f"tls_{role}_{part}": None
            for role in ("scheduler", "worker")
            for part in ("cert", "key")
        }
        super().__init__(
            require_encryption=True,
            tls_ca_file=credentials.ca,
            tls_client_cert=credentials.certificate,
            tls_client_key=credentials.key,
            **others,
        )

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Return what :func:`distributed.comm.connect` takes; called by a client.

        Parameters
        ----------
        role : str
            ``client``: there is no certificate for another one.
        """
        if role != "client" or not os.path.isdir(_DESCRIPTORS):
            # Where no pipe has a path.
            return dict(super().get_connection_args(role))
        tls = self.get_tls_config_for_role(role)
        with ExitStack() as pipes:
            piped = Security(
                require_encryption=self.require_encryption,
                tls_ca_file=tls["ca_file"],
                tls_ciphers=tls["ciphers"],
                tls_client_cert=_piped(tls["cert"], pipes),
                tls_client_key=_piped(tls["key"], pipes),
            )
            return dict(piped.get_connection_args(role))


def _piped(text: str, pipes: ExitStack) -> str:
    """Return a path at which ``text`` can be read once."""
    reading, writing = os.pipe()
    pipes.callback(os.close, reading)
    try:
        # Nobody reads yet: what is more than a pipe holds is no certificate.
        os.set_blocking(writing, False)
        content = text.encode()
        if os.write(writing, content) < len(content):
            raise ValueError("a certificate of this size cannot be used")
    finally:
        os.close(writing)
    return f"{_DESCRIPTORS}/{reading}"

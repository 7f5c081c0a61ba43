"""The cluster's certificates as files, of which ``distributed`` is told the paths.

Given a key as text, it writes that into a folder for temporary files of the machine whenever it
makes something of it, and leaves it there if the process dies in that moment. These files lie in
the cluster's own folder, are written anew by each host, and go with the folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from distributed.security import Security

from speccluster_lab.link.files import (
    make_private_folder,
    remove_unfinished,
    write_private_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from speccluster_lab.host.certificates import Certificates

__all__ = ["KeyFiles", "security_of"]

KEYS_FOLDER: Final = "keys"


class KeyFiles:
    """What the parts of one cluster are given to talk to each other.

    Parameters
    ----------
    certificates : Certificates
        The cluster's.
    folder : Path
        The cluster's, in which they are written: to be called in a thread.

    Raises
    ------
    OSError
        They cannot be written.
    """

    def __init__(self, certificates: Certificates, folder: Path) -> None:
        self._certificates = certificates
        self._folder = make_private_folder(folder / KEYS_FOLDER)
        leaves = {
            "scheduler": certificates.scheduler,
            "worker": certificates.worker,
            "client": certificates.client,
        }
        self._authority = self._write("authority.pem", certificates.authority)
        # Each certificate with its key, so that no two of them can be of different times.
        self._files = {
            role: self._write(f"{role}.pem", leaf.certificate + leaf.key)
            for role, leaf in leaves.items()
        }

    def _write(self, name: str, text: str) -> str:
        file = self._folder / name
        remove_unfinished(file)
        # Not durable: the next host writes them before it needs them.
        write_private_file(file, text.encode(), durable=False)
        return str(file)

    def for_scheduler(self) -> Security:
        """Return what the scheduler listens and connects with."""
        return security_of(self._authority, scheduler=self._pair("scheduler"))

    def for_worker(self) -> Security:
        """Return what a worker listens and connects with, in tasks that use a client as well."""
        worker = self._pair("worker")
        return security_of(self._authority, worker=worker, client=worker)

    def for_worker_elsewhere(self) -> Security:
        """Return the same for a class whose workers may run on other machines.

        One that makes a command line of it finds the paths, which a shared home has everywhere,
        and no key. One that sends it sends the text, for these files may not be there.
        """
        worker, leaf = self._pair("worker"), self._certificates.worker
        text = (leaf.certificate, leaf.key)
        sent = security_of(self._certificates.authority, worker=text, client=text)
        return _Sent(sent, self._authority, _fields(worker=worker, client=worker))

    def for_client(self) -> Security:
        """Return what a client connects with."""
        return security_of(self._authority, client=self._pair("client"))

    def _pair(self, role: str) -> tuple[str, str]:
        return self._files[role], self._files[role]


class _Sent(Security):
    """Holds paths, and is ``sent`` once it has been pickled."""

    def __init__(self, sent: Security, authority: str, fields: dict[str, str | None]) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            require_encryption=True, tls_ca_file=authority, **fields
        )
        self.sent = sent

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = self.sent.__reduce_ex__(protocol)[2]
        return Security, (self.require_encryption,), state


def security_of(authority: str, **roles: tuple[str, str]) -> Security:
    """Return what proves that something belongs to a cluster.

    Parameters
    ----------
    authority : str
        The certificate of who has signed the cluster's: as text, or the path of a file.
    **roles : tuple of str
        By role, a certificate and its key, likewise.
    """
    return Security(require_encryption=True, tls_ca_file=authority, **_fields(**roles))


def _fields(**roles: tuple[str, str]) -> dict[str, str | None]:
    """Return the arguments for certificates and keys of these roles.

    What is not said would be taken from the user's own configuration.
    """
    fields: dict[str, str | None] = {}
    for role in ("scheduler", "worker", "client"):
        fields[f"tls_{role}_cert"], fields[f"tls_{role}_key"] = roles.get(role, (None, None))
    return fields

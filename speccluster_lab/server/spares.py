"""A host that is ready for the next cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from speccluster_lab.link.spare import SpareHost

if TYPE_CHECKING:
    import logging
    import subprocess
    from pathlib import Path

__all__ = ["Spares"]

# What is being started, be it JupyterLab or a cluster, is not to wait for it.
PAUSE: Final = 5.0


class Spares:
    """Keeps one host ready from when somebody looks at the clusters.

    Parameters
    ----------
    log : logging.Logger
        Jupyter's.
    wanted : bool
        Whether there is to be one at all.
    """

    def __init__(self, log: logging.Logger, *, wanted: bool) -> None:
        self._log = log
        self._wanted = wanted
        self._spare: SpareHost | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._making: asyncio.Task[None] | None = None

    def want(self) -> None:
        """Have one made in a while, if there is none."""
        if self._wanted and self._spare is None and self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(PAUSE, self._begin)

    def _begin(self) -> None:
        self._making = asyncio.create_task(self._make(), name="spare host")

    async def _make(self) -> None:
        try:
            self._spare = await asyncio.to_thread(SpareHost)
        except OSError as error:
            self._wanted = False
            self._log.error("No host can be kept ready: %s", error)
        self._pause = None

    def take(self, folder: Path) -> subprocess.Popen[bytes] | None:
        """Have the one that is ready run the cluster in ``folder``; called by another thread.

        Returns
        -------
        subprocess.Popen or None
            Its guard; nothing where there is none that could be used.
        """
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        guard = spare.take(folder)
        if guard is None:
            self._log.warning("The host that was kept ready is of no use any more")
        return guard

    async def close(self) -> None:
        """End what waits, and make no other."""
        self._wanted = False
        if self._pause is not None:
            self._pause.cancel()
        if self._making is not None:
            await self._making
        spare, self._spare = self._spare, None
        if spare is not None:
            await asyncio.to_thread(spare.end)

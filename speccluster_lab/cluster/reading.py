"""A worker whose options name files: made when those are read, off the cluster's loop."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from speccluster_lab.references import read_files

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

__all__ = ["AfterReading"]


class AfterReading:
    """Stands for a worker until it is made, and passes on what is asked of it then.

    Parameters
    ----------
    options : mapping
        Name the files.
    make : callable
        Takes what they hold, and returns the worker, not started.
    """

    def __init__(
        self, options: Mapping[str, Any], make: Callable[[Mapping[str, str]], Any]
    ) -> None:
        self.made: Any = None
        self._options = options
        self._make = make

    def __await__(self) -> Generator[Any, None, Any]:
        """Read the files, make the worker, and start it."""
        return self._start().__await__()

    async def _start(self) -> Any:
        self.made = self._make(await read_files(self._options))
        return await self.made

    async def close(self) -> None:
        """Close the worker; one that was not made has nothing to be closed."""
        closing = None if self.made is None else self.made.close()
        if isawaitable(closing):
            await closing

    def __getattr__(self, name: str) -> Any:
        """Return what the worker has."""
        made = self.__dict__.get("made")
        if made is None:
            raise AttributeError(name)
        return getattr(made, name)

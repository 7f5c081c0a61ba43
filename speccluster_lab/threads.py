"""Work that may never end, as on a disk whose server has gone: nobody has to wait for it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SharedThreads"]

T = TypeVar("T")


class SharedThreads(Generic[T]):
    """Does something with what has a name, each in a thread that a process does not wait for.

    Who wants it while it is under way gets what that gives, so that one that never ends is the
    only one of its name.

    Parameters
    ----------
    name : str
        Of the threads.
    work : callable
        What is done; is given the name of what it is done with.
    """

    def __init__(self, name: str, work: Callable[[str], T]) -> None:
        self._name = name
        self._work = work
        self._under_way: dict[str, Future[T]] = {}
        self._lock = threading.Lock()

    def begin(self, key: str) -> Future[T]:
        """Return what the work will give or raise; cannot be cancelled."""
        with self._lock:
            under_way = self._under_way.get(key)
            if under_way is not None:
                return under_way
            future: Future[T] = Future()
            future.set_running_or_notify_cancel()
            self._under_way[key] = future
        # A process can end whatever such a thread does.
        threading.Thread(target=self._run, args=(key, future), name=self._name, daemon=True).start()
        return future

    def _run(self, key: str, future: Future[T]) -> None:
        try:
            found = self._work(key)
        except Exception as error:
            self._forget(key)
            future.set_exception(error)
        else:
            self._forget(key)
            future.set_result(found)

    def _forget(self, key: str) -> None:
        with self._lock:
            del self._under_way[key]

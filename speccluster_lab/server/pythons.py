"""Asking the Pythons that clusters run with, any of which may never answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from speccluster_lab.errors import UnfitInterpreter
from speccluster_lab.link import interpreters
from speccluster_lab.link.interpreters import ask_interpreter, check_interpreter
from speccluster_lab.threads import SharedThreads

if TYPE_CHECKING:
    from speccluster_lab.link.creation import Wish

__all__ = ["answer_of", "check_python"]

T = TypeVar("T")

# Beyond what an interpreter may take once it has been started: for the start itself, which nothing
# bounds where its program lies on a disk that hangs.
MORE_SECONDS: Final = 2.0

_asking = SharedThreads("ask interpreter", ask_interpreter)


async def answer_of(threads: SharedThreads[T], python: str, seconds: float) -> T:
    """Return what a Python answers that is asked in a thread of its own.

    Parameters
    ----------
    threads : SharedThreads
        What asks it. Those who want the same at the same time have it asked once.
    python : str
        The path of its program.
    seconds : float
        How long it may take to answer once it has been started.

    Raises
    ------
    UnfitInterpreter
        It does not answer.
    """
    seconds += MORE_SECONDS
    asking = asyncio.wrap_future(threads.begin(python))
    try:
        await asyncio.wait({asking}, timeout=seconds)
        if not asking.done():
            raise UnfitInterpreter(
                f"{python!r} cannot be used as a Python: it could not be started within "
                f"{seconds:g} s; perhaps it lies on a disk that does not answer"
            )
        return asking.result()
    finally:
        # Others may wait for the same: it goes on.
        asking.cancel()


async def check_python(wish: Wish) -> None:
    """Refuse a Python that a host cannot run with; asks it, which may take half a minute.

    Those who want the same at the same time have it asked once.

    Raises
    ------
    UnfitInterpreter
        The message says what mends it.
    """
    if wish.python is None:
        return
    try:
        found = await answer_of(_asking, wish.python, interpreters.ASK_SECONDS)
    except UnfitInterpreter as error:
        # Each says by what it was named there; and the same may be raised for others as well.
        raise UnfitInterpreter(error.message, field=wish.python_from) from None
    check_interpreter(found, field=wish.python_from)

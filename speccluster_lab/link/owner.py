"""Whose process this is: which notebook's kernel, or which program."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from speccluster_lab.spec.api import Owner, OwnerKind

__all__ = ["owner_here", "printable"]

MAX_CHARACTERS: Final = 256


def owner_here(kind: OwnerKind = OwnerKind.NOTEBOOK) -> Owner:
    """Return who owns the clusters that this process makes.

    Parameters
    ----------
    kind : OwnerKind
        ``notebook`` for those that end with this process.
    """
    return Owner(kind=kind, detail=printable(_where(), MAX_CHARACTERS))


def printable(text: str, characters: int) -> str:
    """Return a text in one line, cut where it is longer than so many characters."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= characters else f"{shown[: characters - 1]}\u2026"


def _where() -> str:
    if _is_kernel():
        # Jupyter's server says so to the kernels that it starts, and what they start has it too.
        notebook = os.environ.get("JPY_SESSION_NAME")
        return _short(notebook) if notebook else f"kernel, process {os.getpid()}"
    program = sys.argv[0] if sys.argv else ""
    if program in ("", "-c"):
        return f"Python, process {os.getpid()}"
    return f"{_short(program)}, process {os.getpid()}"


def _is_kernel() -> bool:
    application = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    return application is not None and bool(application.initialized())


def _short(path: str) -> str:
    """Return a path as it is within the home folder, where it is there."""
    full = Path(os.path.abspath(path))
    try:
        return str(full.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(full)

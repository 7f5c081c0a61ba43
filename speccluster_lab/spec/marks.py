"""What stands in the place of a secret where a spec is shown, and is never taken for the secret.

Shells print ``***``, a Jupyter server that and what tells one secret from another. Either may be
copied into a file, or sent to somebody who does not know what it stands for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.redaction import REDACTED, redact

if TYPE_CHECKING:
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["MARK", "MARK_DIGITS", "refuse_marks", "refuse_marks_in", "unknown_mark"]

MARK_DIGITS: Final = 32
MARK: Final = re.compile(rf"{re.escape(REDACTED)}(?:[0-9a-f]{{{MARK_DIGITS}}})?")

# No secret that anybody knows, and long enough to be one.
_INSTEAD: Final = "x" * 8


def refuse_marks(spec: ClusterSpec, prefix: str = "spec") -> None:
    """Refuse a spec with an option that is what was shown in the place of a secret.

    Parameters
    ----------
    spec : ClusterSpec
        What is wanted.
    prefix : str
        Where it stands in the request; empty when it is the whole of it.

    Raises
    ------
    InvalidInput
        With ``field`` saying which.
    """
    root = f"{prefix}." if prefix else ""
    refuse_marks_in(spec.scheduler.options, f"{root}scheduler.options")
    if spec.worker is not None:
        refuse_marks_in(spec.worker.options, f"{root}worker.options")
    for name, entry in spec.workers.items():
        refuse_marks_in(entry.options, f"{root}workers.{name}.options")


def refuse_marks_in(value: Any, place: str) -> None:
    """Refuse JSON values in which a text is what was shown in the place of a secret.

    Raises
    ------
    InvalidInput
        With ``field`` saying where.
    """
    if isinstance(value, dict):
        for name, one in value.items():
            refuse_marks_in(one, f"{place}.{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            refuse_marks_in(one, f"{place}.{number}")
    elif isinstance(value, str) and _is_hidden(value):
        raise unknown_mark(place)


def unknown_mark(field: str) -> InvalidInput:
    """Return the error for a mark that stands for nothing."""
    return InvalidInput(
        f"{field}: this stands for a secret that is not known here, or not any more since the "
        "server was started anew; write the secret itself, or read the spec again",
        field=field,
    )


def _is_hidden(text: str) -> bool:
    """Return whether a text is as it is shown when there is a secret in it, or is one."""
    if REDACTED not in text:
        return False
    if MARK.fullmatch(text.strip()) is not None:
        return True
    # What hides secrets would hide whatever stood there, as in the password of an address.
    shown = text.replace(REDACTED, _INSTEAD)
    return redact(shown) == text

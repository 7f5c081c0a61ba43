"""Worker classes as another process describes them: it imports them, and we do not."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from speccluster_lab.errors import UnfitInterpreter
from speccluster_lab.spec.api import WorkerClass
from speccluster_lab.spec.models import WHEN_FIRST_USED

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ask_classes"]

# A network file system that is slow to import dask from is no reason to give up.
ASK_SECONDS: Final = 60.0
_MODULE: Final = "speccluster_lab.cluster.optionschemas"
_CLASSES: Final = TypeAdapter(list[WorkerClass], config=WHEN_FIRST_USED)


def ask_classes(python: str, paths: Iterable[str]) -> list[WorkerClass]:
    """Return what an interpreter can say of worker classes; starts it, so not for an event loop.

    Parameters
    ----------
    python : str
        The path of its program.
    paths : iterable of str
        Import paths of classes.

    Raises
    ------
    UnfitInterpreter
        It does not answer.
    """
    try:
        answer = subprocess.run(
            # -P: see start_host.
            [python, "-P", "-m", _MODULE],
            input=json.dumps(sorted(paths)).encode(),
            capture_output=True,
            cwd=os.sep,
            timeout=ASK_SECONDS,
            check=True,
        )
        return _CLASSES.validate_json(answer.stdout)
    except subprocess.TimeoutExpired:
        why = f"it has not answered within {ASK_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = f"it ended with status {error.returncode}: {''.join(last)[:300]}"
    except OSError as error:
        why = error.strerror or str(error)
    except ValidationError:
        why = "its answer is none of ours"
    raise UnfitInterpreter(f"{python!r} cannot say which options classes take: {why}")

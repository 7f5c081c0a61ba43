"""The command line as its users have it: a process, its output and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path


SECONDS = 100
HOSTILE = "<img src=x> \x1b[31mred\x1b]0;title\x07 \u202ereversed"


class Done:
    """What a command has come to."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def data(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        assert self.status != 0
        return json.loads(self.err.splitlines()[-1])  # type: ignore[no-any-return]


def cli(*arguments: str, stdin: str = "", **environment: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "speccluster_lab.client.command", *arguments],
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


class Here(Protocol):
    """Runs a command in this process, which is quicker."""

    def __call__(self, *arguments: str) -> Done: ...


def editor(tmp_path: Path, program: str) -> str:
    """Return the command of an editor that does what a program does to the text ``s``."""
    file = tmp_path / "editor.py"
    file.write_text(
        "import os, sys, stat\n"
        "path = sys.argv[1]\n"
        "assert stat.S_IMODE(os.stat(path).st_mode) == 0o600\n"
        f"s = open(path).read()\n{program}\nopen(path, 'w').write(s)\n"
    )
    return f"{sys.executable} {file}"

"""What is told: tables and sentences for people, JSON for programs; errors and exit statuses."""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.client.plain import plain
from speccluster_lab.errors import (
    ClusterNotFound,
    EntryNotFound,
    InvalidInput,
    MemberNotFound,
    PageNotFound,
    SpecClusterError,
    TemplateNotFound,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

__all__ = ["FAILED", "FileMissing", "Output", "run"]

FAILED: Final = 1
_INTERRUPTED: Final = 130
# So that a table in a pipe is not folded to the width of a terminal that is not there.
_PIPE_WIDTH: Final = 1000

_STYLES: Final = {
    "running": "green",
    "ok": "green",
    "degraded": "yellow",
    "starting": "cyan",
    "stopping": "cyan",
    "warning": "yellow",
    "failed": "red",
    "problem": "red",
    "unreachable": "red",
}


class FileMissing(InvalidInput):
    """A file that was named cannot be read."""

    code = "file_not_found"


class Output:
    """Where a verb says what it has to say.

    Names and messages may be any text: what a terminal could take for a command is replaced.

    Parameters
    ----------
    as_json : bool
        Whether a program is to read it.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def data(self, value: Any) -> None:
        """Print a value as one line of JSON, with nothing in it but ASCII."""
        print(json.dumps(value), flush=True)

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line for people; nothing where a program reads."""
        if not self.as_json:
            self._console().print(_text(text, style), soft_wrap=True)

    def verbatim(self, text: str) -> None:
        """Print text of our own as it is."""
        print(text, end="" if text.endswith("\n") else "\n", flush=True)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
        """Print a table for people, or a sentence where it has no rows.

        Parameters
        ----------
        titles : sequence of str
            Of the columns.
        rows : iterable of sequence of str
            The cells; those that are a phase have its colour.
        empty : str
            What to say where there are none.
        """
        from rich import box
        from rich.table import Table

        cells = list(rows)
        if not cells:
            self.say(empty)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in titles:
            table.add_column(title, overflow="fold")
        for row in cells:
            table.add_row(*(_text(cell, _STYLES.get(cell)) for cell in row))
        self._console().print(table)

    def diff(self, lines: Iterable[str]) -> None:
        """Print the lines of a unified diff."""
        styles = {"+": "green", "-": "red", "@": "cyan"}
        for line in lines:
            self.say(line, styles.get(line[:1]))

    def ask(self, question: str) -> bool:
        """Return whether a person agrees; nobody does where there is none."""
        # Not on the standard output, which may be for somebody else.
        print(f"{plain(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not sys.stdin.isatty():
            # Nobody has ended the line there.
            print(file=sys.stderr)
        return answer.strip().lower() in {"y", "yes"}

    def error(self, error: SpecClusterError) -> None:
        """Print what went wrong on the standard error."""
        if self.as_json:
            print(json.dumps(error.to_dict()), file=sys.stderr)
        else:
            print(f"error: {plain(error.message)}", file=sys.stderr)

    def warning(self, message: str) -> None:
        """Print what is to be known, and keeps nothing from being done, on the standard error."""
        if self.as_json:
            print(json.dumps({"code": "warning", "message": message}), file=sys.stderr)
        else:
            print(f"warning: {plain(message)}", file=sys.stderr)

    def _console(self) -> Console:
        from rich.console import Console

        return Console(
            markup=False,
            emoji=False,
            highlight=False,
            width=None if sys.stdout.isatty() else _PIPE_WIDTH,
        )


def _text(text: str, style: str | None = None) -> Any:
    from rich.text import Text

    return Text(plain(text), style=style or "")


def run(verb: Callable[[argparse.Namespace, Output], int], options: argparse.Namespace) -> int:
    """Do what a verb does, say what went wrong, and return the exit status."""
    output = Output(options.json)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: output.warning(str(message))
            status = verb(options, output)
        sys.stdout.flush()
    except SpecClusterError as error:
        output.error(error)
        return _status(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever has read has enough. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _status(error: SpecClusterError) -> int:
    match error:
        case ClusterNotFound() | EntryNotFound() | TemplateNotFound() | PageNotFound():
            return 3
        case MemberNotFound() | FileMissing():
            return 3
        case InvalidInput():
            return 2
        case TimeoutError():
            return 4
        case _:
            return FAILED

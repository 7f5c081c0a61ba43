"""What can be said on the command line, and its help. Imports nothing that takes time."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["make_parser"]

PROGRAM: Final = "jupyter speccluster"
DEFAULT_WAIT: Final = 60.0

_ABOUT: Final = (
    "Dask clusters of this user on this machine: the same that JupyterLab's panel shows."
)
_STATUSES: Final = """\
exit status:
  0    done
  1    it could not be done; the message says why. For doctor: something is wrong
  2    what was given is not acceptable
  3    there is no such cluster, entry, worker, template or file
  4    no answer, or not what was waited for, in time
  130  interrupted

Every verb has --help with examples, and --json for programs: what was found on
the standard output, an error as {"code", "message", "field"?} on the other, where
a line of the code "warning" may come before it.
Completion: jupyter speccluster completion bash >> ~/.bashrc (or zsh, fish)
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=_ABOUT,
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, module: str, about: str, *examples: str) -> argparse.ArgumentParser:
        lines = "\n".join(f"  {PROGRAM} {example}".rstrip() for example in examples)
        added = verbs.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"examples:\n{lines}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(module=module)
        added.add_argument("--json", action="store_true", help="answer in JSON, for programs")
        return added

    _looking(verb)
    _acting(verb)
    _sizing(verb)
    _entries(verb)
    _desired(verb)
    verb("doctor", "doctor", "look for what commonly goes wrong, and say what mends it", "doctor")
    migrate = verb(
        "import-dask-config",
        "migration",
        "write templates from what dask-labextension was configured with",
        "import-dask-config --dry-run",
        "import-dask-config",
        "import-dask-config --file ~/.config/dask/labextension.yaml --replace",
    )
    migrate.add_argument(
        "--file",
        metavar="FILE",
        help="a YAML file with a `labextension` section; dask's whole configuration if not given",
    )
    migrate.add_argument("--dry-run", action="store_true", help="say what it would write")
    migrate.add_argument(
        "--replace", action="store_true", help="write over templates of the same names"
    )
    shell = verb(
        "completion",
        "completion",
        "print what lets a shell complete this command",
        "completion bash >> ~/.bashrc",
        "completion fish >> ~/.config/fish/config.fish",
    )
    shell.add_argument("shell", choices=["bash", "zsh", "fish"], help="which shell")
    return parser


def _looking(verb: Callable[..., argparse.ArgumentParser]) -> None:
    verb("list", "looking", "list the clusters", "list", "list --json")
    show = verb(
        "show",
        "looking",
        "show a cluster with its entries and their workers",
        "show brave-otter",
        "show brave-otter --json",
    )
    _id(show)
    verb("templates", "looking", "list the templates", "templates")
    events = verb(
        "events",
        "looking",
        "show what has happened to a cluster, oldest first",
        "events brave-otter",
        "events brave-otter --since 120",
    )
    _id(events)
    events.add_argument(
        "--since", type=int, default=0, metavar="N", help="only what came after event number N"
    )
    logs = verb(
        "logs",
        "logs",
        "show the end of the log of a cluster's own process, or of a worker",
        "logs brave-otter",
        "logs brave-otter --member 0-1 --tail 20 -f",
    )
    _id(logs)
    logs.add_argument(
        "--member", metavar="NAME", help="of this worker, or of the workers of this entry"
    )
    logs.add_argument("--tail", type=int, default=100, metavar="N", help="lines: 100 if not given")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")


def _acting(verb: Callable[..., argparse.ArgumentParser]) -> None:
    start = verb(
        "start",
        "acting",
        "start a cluster from a template",
        "start local",
        "start grouped --name 'My ETL' --set nthreads=2 --set memory_limit='4 GiB' --wait",
    )
    start.add_argument("template", metavar="TEMPLATE", help="its name, as `templates` lists it")
    start.add_argument("--name", help="what people are to call it; suggested if not given")
    start.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a value for the template's form, which `templates` lists; may be repeated. "
        "Other users can see it while this runs",
    )
    start.add_argument("--kernel", metavar="NAME", help="run with the Python of this kernel")
    _wait(start)
    stop = verb(
        "stop",
        "acting",
        "stop a cluster, and wait until nothing of it is left",
        "stop brave-otter",
        "stop brave-otter --force",
    )
    _id(stop)
    stop.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_WAIT,
        metavar="SECONDS",
        help=f"how long to wait; {DEFAULT_WAIT:g} seconds if not given",
    )
    stop.add_argument("--force", action="store_true", help="kill one that does not stop in time")


def _sizing(verb: Callable[..., argparse.ArgumentParser]) -> None:
    scale = verb(
        "scale",
        "sizing",
        "set the size of a cluster; what is surplus moves its data first",
        "scale brave-otter 4",
        "scale brave-otter --workers 12 --wait 120",
        "scale brave-otter --memory '64 GiB'",
    )
    _id(scale)
    scale.add_argument("entries", type=int, nargs="?", metavar="N", help="number of entries")
    for unit, metavar, about in (
        ("--workers", "N", "number of workers"),
        ("--cores", "N", "number of threads, of all workers together"),
        ("--memory", "SIZE", "of all workers together, such as '64 GiB'"),
    ):
        kind = str if metavar == "SIZE" else int
        about = f"{about}; rounded up to whole entries"
        scale.add_argument(unit, type=kind, metavar=metavar, help=f"instead of N: {about}")
    _wait(scale)
    adapt = verb(
        "adapt",
        "sizing",
        "have a cluster keep as many workers as there is work for; `scale` ends that",
        "adapt brave-otter --maximum 8",
        "adapt brave-otter --minimum 2 --maximum 8 --wait",
        "adapt brave-otter --off",
    )
    _id(adapt)
    for limit, about in (
        ("--minimum", "workers that there always are; 0 if not given"),
        ("--maximum", "workers that there are at most; as many as there may be if not given"),
    ):
        adapt.add_argument(limit, type=int, metavar="N", help=f"{about}. Whole entries are kept")
    adapt.add_argument("--off", action="store_true", help="end it; the cluster keeps its size")
    _wait(adapt)


def _entries(verb: Callable[..., argparse.ArgumentParser]) -> None:
    for name, about in (
        ("restart", "have an entry made anew as its spec says; what it holds moves first"),
        ("retry", "try an entry that has failed again now, however long it was to wait"),
    ):
        examples = (f"{name} brave-otter 0", f"{name} brave-otter 0 --wait")
        added = verb(name, "entries", about, *examples)
        _id(added)
        added.add_argument("entry", metavar="ENTRY", help="its name, as `show` has it")
        _wait(added)


def _desired(verb: Callable[..., argparse.ArgumentParser]) -> None:
    edit = verb(
        "edit",
        "changing",
        "edit a cluster's spec with $VISUAL or $EDITOR; shows what that would do, and asks",
        "edit brave-otter",
        "EDITOR='code --wait' jupyter speccluster edit brave-otter --yes",
    )
    edit.epilog = str(edit.epilog).replace(f"{PROGRAM} EDITOR", "EDITOR")
    _id(edit)
    edit.add_argument("-y", "--yes", action="store_true", help="do not ask")
    _wait(edit)
    for name, about in (
        ("apply", "make a cluster what a file says; does nothing where it is that already"),
        ("plan", "show what `apply` would do, and do nothing"),
    ):
        added = verb(name, "desired", about, f"{name} etl.yaml", f"{name} - < etl.yaml")
        added.add_argument("file", metavar="FILE", help="YAML or JSON; - for the standard input")
        added.epilog = f"{_CLUSTER_FILE}\n{added.epilog}"
        if name == "apply":
            _wait(added)


_CLUSTER_FILE: Final = """\
a cluster file:
  name: My ETL              # finds the cluster, or names the new one
  template: grouped
  fields: {nthreads: 2}     # of the template's form
  entries: 3                # the template's own number if not given
  adaptive: {minimum: 0, maximum: 9}   # instead of entries
  spec:                     # laid over the template's; workers replaces
    worker: {options: {nthreads: 4}}
  whole: {…}                # or all of the spec, in place of the template's
  kernel: python3           # with whose Python a new cluster runs, or python: PATH
"""


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the cluster's, as `list` shows it")


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=_seconds,
        nargs="?",
        const=DEFAULT_WAIT,
        metavar="SECONDS",
        help=f"until all workers are there; {DEFAULT_WAIT:g} seconds if no number is given",
    )


def _seconds(text: str) -> Any:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds

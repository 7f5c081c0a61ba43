"""``doctor``: looks for what commonly goes wrong, and says what mends it. Changes nothing."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from jupyter_core.paths import jupyter_config_path, jupyter_path

from speccluster_lab.client.command.output import FAILED
from speccluster_lab.client.survey import has_failed, survey
from speccluster_lab.errors import ClusterNotFound, InvalidInput, StartFailed
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.interpreters import LEAST_PYTHON
from speccluster_lab.link.launch import is_stopped, read_launch
from speccluster_lab.link.logs import last_log_lines, stored_specs
from speccluster_lab.link.paths import (
    clusters_folder,
    connections_folder,
    socket_path,
    temporary_folder,
)
from speccluster_lab.link.settings import UnknownSetting, read_settings
from speccluster_lab.link.templates import look_for_templates
from speccluster_lab.references import mentioned_in, secrets_for_log
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from speccluster_lab.client.command.output import Output

__all__ = ["VERBS", "Finding"]

ASK_SECONDS: Final = 5.0
# As pyproject.toml has them: below, things fail in odd ways.
FLOORS: Final = {
    "dask": (2026, 8),
    "distributed": (2026, 8),
    "jupyter_server": (2, 20),
    "jupyterlab": (4, 6),
}
_OPTIONAL: Final = {"jupyterlab"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what : str
        What it is about.
    state : str
        ``ok``, ``warning`` or ``problem``.
    message : str
        How it is, in words for a person.
    mend : str
        What to do about it; empty where there is nothing to do.
    """

    what: str
    state: Literal["ok", "warning", "problem"]
    message: str
    mend: str = ""


def _doctor(_: argparse.Namespace, output: Output) -> int:
    found = [finding for check in _CHECKS for finding in check()]
    problems = sum(one.state == "problem" for one in found)
    if output.as_json:
        output.data([asdict(one) for one in found])
        return FAILED if problems else 0
    output.table(
        ["", "What", "How it is"], ([one.state, one.what, one.message] for one in found), ""
    )
    mends = [one for one in found if one.mend]
    for one in mends:
        output.say(f"{one.what}: {one.mend}", "red" if one.state == "problem" else "yellow")
    if not mends:
        output.say("Nothing is wrong.", "green")
    return FAILED if problems else 0


def _versions() -> Iterator[Finding]:
    if sys.version_info < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        yield Finding("python", "problem", f"{sys.version.split()[0]} is too old", f"use {least}")
    there = {}
    for name, floor in FLOORS.items():
        try:
            there[name] = version(name)
        except PackageNotFoundError:
            if name not in _OPTIONAL:
                yield Finding(name, "problem", "is not installed", _install(name, floor))
            continue
        if _numbers(there[name]) < floor:
            yield Finding(name, "problem", f"{there[name]} is too old", _install(name, floor))
        else:
            yield Finding(name, "ok", there[name])
    if there.get("dask") != there.get("distributed"):
        yield Finding(
            "dask and distributed",
            "warning",
            "have different versions, which are released together",
            _pip("--upgrade", "dask", "distributed"),
        )


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


def _install(name: str, floor: tuple[int, ...]) -> str:
    return _pip(f"{name}>={'.'.join(map(str, floor))}")


def _pip(*arguments: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def _installation() -> Iterator[Finding]:
    mend = _pip("--force-reinstall", "--no-deps", "speccluster-lab")
    for what, folders, name in (
        ("extension of JupyterLab", jupyter_path("labextensions"), "speccluster-lab"),
        (
            "extension of the server",
            [f"{one}/jupyter_server_config.d" for one in jupyter_config_path()],
            "speccluster_lab.json",
        ),
    ):
        place = next((Path(one, name) for one in folders if Path(one, name).exists()), None)
        if place is None:
            yield Finding(what, "warning", "is not installed: there is no panel", mend)
        else:
            yield Finding(what, "ok", str(place))


def _folders() -> Iterator[Finding]:
    for what, get in (
        ("folder of connection files", connections_folder),
        ("folder of clusters", clusters_folder),
    ):
        try:
            folder = get()
            if not os.access(folder, os.W_OK | os.X_OK):
                raise StartFailed(f"{str(folder)!r} cannot be written")
        except StartFailed as error:
            mend = "make it yours alone: chown to yourself, chmod 700; or remove it"
            yield Finding(what, "problem", error.message, mend)
        else:
            yield Finding(what, "ok", str(folder))
    mend = "set TMPDIR to a short folder of your own"
    for what, get in (
        # The longest that an id can be.
        ("folder of sockets", lambda: socket_path("x" * 63).parent),
        ("folder of what workers put aside", _scratch),
    ):
        try:
            yield Finding(what, "ok", str(get()))
        except StartFailed as error:
            yield Finding(what, "problem", error.message, mend)


def _scratch() -> Path:
    import dask.config

    place: str | None = dask.config.get("temporary-directory")
    return Path(place) if place else temporary_folder()


def _connection_files() -> Iterator[Finding]:
    try:
        files = sorted(connections_folder().glob("*.json"))
    except StartFailed:
        # It has been said already.
        return
    for file in files:
        try:
            connection = read_connection(file.stem)
        except ClusterNotFound as error:
            mend = shlex.join(["rm", str(file)])
            yield Finding(file.name, "problem", error.message, mend)
            continue
        if not connection.is_alive():
            yield Finding(
                file.name,
                "warning",
                f"process {connection.pid}, which it leads to, has ended",
                f"a running JupyterLab removes it, as does: {shlex.join(['rm', str(file)])}",
            )


def _clusters() -> Iterator[Finding]:
    try:
        folders = sorted(clusters_folder().iterdir())
        found = asyncio.run(survey(ASK_SECONDS))
    except StartFailed:
        return
    for one in found:
        if one.phase is ClusterPhase.UNREACHABLE:
            yield Finding(
                f"cluster {one.id}",
                "problem",
                "its process is there, and does not answer",
                f"jupyter speccluster stop {one.id} --force",
            )
        elif one.phase not in (ClusterPhase.FAILED, ClusterPhase.STOPPING):
            yield Finding(f"cluster {one.id}", "ok", one.phase.value)
    for folder in folders:
        yield from _dead_host(folder)


def _dead_host(folder: Path) -> Iterator[Finding]:
    """Say what is wrong with a cluster that has a folder, and nobody who looks after it."""
    what, mend = f"cluster {folder.name}", f"jupyter speccluster stop {folder.name}"
    if not has_failed(folder):
        return
    if is_stopped(folder):
        yield Finding(what, "warning", "was to stop, and its files are left", mend)
        return
    try:
        read_launch(folder)
    except StartFailed as error:
        yield Finding(what, "problem", error.message, mend)
        return
    # What its guard says last is that it gives up.
    known = asyncio.run(secrets_for_log(None, mentioned_in(stored_specs(folder))))
    said = [line for line in last_log_lines(folder, known=known) if " guard: " not in line]
    why = f"; its log ends with: {said[-1]}" if said else ""
    yield Finding(what, "problem", f"has failed{why}", f"restart it in the panel, or: {mend}")


def _templates() -> Iterator[Finding]:
    found = look_for_templates()
    yield Finding("templates", "ok", ", ".join(found.templates))
    for file in found.files:
        if file.why is not None:
            yield Finding(str(file.path), "problem", file.why, "mend or remove the file")


def _settings() -> Iterator[Finding]:
    """Say whether the command line and notebooks can make clusters by Jupyter's configuration."""
    mend = "`jupyter --paths` lists the config folders, in one of which a file says so"
    try:
        with warnings.catch_warnings(record=True) as unknown:
            warnings.simplefilter("always", UnknownSetting)
            settings = read_settings()
    except InvalidInput as error:
        yield Finding("settings", "problem", error.message, mend)
        return
    for one in unknown:
        yield Finding("settings", "warning", str(one.message), mend)
    most = f"up to {settings.max_clusters} clusters, each of up to {settings.max_workers} workers"
    yield Finding("settings", "ok", most)


_CHECKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    _versions,
    _installation,
    _settings,
    _folders,
    _connection_files,
    _clusters,
    _templates,
)

VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {"doctor": _doctor}

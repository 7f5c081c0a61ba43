"""Reserving an id and starting a host."""

import datetime
import os
import pwd
import stat
import sys
from pathlib import Path

import psutil
import pytest

from speccluster_lab.errors import ClusterNotFound, NameInUse, StartFailed
from speccluster_lab.link.connections import Connection, remove_connection, write_connection
from speccluster_lab.link.guard import NO_USE
from speccluster_lab.link.launch import (
    HOST_LOG,
    Launch,
    names_in_use,
    read_launch,
    reserve,
    reserve_for,
    start_host,
    write_launch,
)
from speccluster_lab.link.logs import last_log_lines
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import Owner, OwnerKind
from speccluster_lab.spec.templates import shipped_templates

# Stands in for the interpreter, except for the guard: says how it was called, and what it finds.
SAYS = f"""#!/bin/sh
if [ "$1" = -I ]; then exec {sys.executable} "$@"; fi
echo "arguments: $*"
echo "session: $(ps -o sid= -p $$) of $PPID"
echo "folder: $(pwd)"
read line || echo "no input"
ls /proc/$$/fd
echo "an error" >&2
exit {NO_USE}
"""


def launch(nonce: str = "n" * 43) -> Launch:
    spec = shipped_templates()["grouped"].make_spec({})
    return Launch(
        id="one",
        display_name="One",
        template="grouped",
        owner=Owner(kind=OwnerKind.SERVER),
        created=datetime.datetime.now(datetime.UTC),
        nonce=nonce,
        spec=spec,
        trusted=spec,
        admission=Admission(max_workers=3),
    )


def test_an_id_can_be_reserved_once() -> None:
    folder = reserve("one")
    assert folder == cluster_folder("one")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(NameInUse) as refused:
        reserve("one")
    assert refused.value.field == "name"
    with pytest.raises(ClusterNotFound):
        reserve("../one")


def test_a_name_gets_the_first_id_that_nobody_has() -> None:
    process = psutil.Process()
    alive = Connection(
        id="my-etl-2",
        pid=process.pid,
        start_time=process.create_time(),
        nonce="n" * 43,
        socket="/nowhere.sock",
        version="0",
    )
    ended = alive.model_copy(update={"id": "my-etl-3", "start_time": 1.0})
    for connection in (alive, ended):
        write_connection(connection)
    assert reserve_for("My ETL") == ("my-etl", cluster_folder("my-etl"))
    # Without a folder too, it is somebody's as long as that process lives.
    with pytest.raises(NameInUse):
        reserve("my-etl-2")
    assert not cluster_folder("my-etl-2").exists()
    assert reserve_for("My ETL", frozenset({"my-etl-4"}))[0] == "my-etl-3"
    assert reserve_for("My ETL", frozenset({"my-etl-4"}))[0] == "my-etl-5"
    suggested, folder = reserve_for(None)
    assert names_in_use() == {"my-etl", "my-etl-2", "my-etl-3", "my-etl-5", suggested}
    assert folder == cluster_folder(suggested)
    for connection in (alive, ended):
        remove_connection(connection.id)


def test_there_and_back() -> None:
    folder = reserve("one")
    write_launch(folder, launch())
    assert read_launch(folder) == launch().model_copy(
        update={"created": read_launch(folder).created}
    )
    assert stat.S_IMODE((folder / "launch.json").stat().st_mode) == 0o600
    assert "n" * 43 not in repr(launch())


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"id": "one"}'])
def test_what_cannot_be_read_is_said_so(text: str | None) -> None:
    folder = reserve("one")
    if text is not None:
        (folder / "launch.json").write_text(text)
        (folder / "launch.json").chmod(0o600)
    with pytest.raises(StartFailed):
        read_launch(folder)


def test_a_launch_that_others_could_have_written_is_refused() -> None:
    folder = reserve("one")
    write_launch(folder, launch())
    (folder / "launch.json").chmod(0o606)
    with pytest.raises(StartFailed, match="lets other users in"):
        read_launch(folder)


def test_how_a_host_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    python = tmp_path / "python"
    python.write_text(SAYS)
    python.chmod(0o700)
    folder = reserve("one")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        popen = start_host(folder, python=str(python))
        assert popen.wait(20) == NO_USE
    finally:
        os.close(reading)
        os.close(writing)
    lines = last_log_lines(folder)
    assert lines[0] == f"arguments: -P -m speccluster_lab.host {folder}"
    session, pid = lines[1].removeprefix("session: ").split(" of ")
    assert int(session) == int(pid) == popen.pid
    assert lines[2:4] == [f"folder: {tmp_path}", "no input"]
    assert lines[-2] == "an error"
    assert str(writing) not in lines[4:-2]
    assert stat.S_IMODE((folder / HOST_LOG).stat().st_mode) == 0o600


@pytest.mark.parametrize("home", ["/nonexistent", None])
def test_a_user_without_a_home_folder_has_hosts_as_well(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home is None:
        # As for one that the system has no name for.
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    else:
        monkeypatch.setenv("HOME", home)
    folder = reserve("one")
    command = [sys.executable, "-c", "import os; print(os.getcwd()); os._exit(78)"]
    assert start_host(folder, command=command).wait(20) == NO_USE
    assert last_log_lines(folder)[0] == "/"


def test_a_module_in_the_home_folder_does_not_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "argparse.py").write_text("print('evil', flush=True)")
    (tmp_path / "json.py").write_text("print('evil', flush=True)")
    folder = reserve("one")
    popen = start_host(folder)
    assert popen.wait(30) == NO_USE
    assert "evil" not in "\n".join(last_log_lines(folder))


def test_a_host_that_cannot_be_started_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="could not be started"):
        start_host(reserve("one"), python=str(tmp_path / "nothing"))
    with pytest.raises(StartFailed, match="could not be started"):
        start_host(tmp_path / "no-folder", python=sys.executable)

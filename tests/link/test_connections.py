"""How a host is found, and when it is not."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from speccluster_lab.errors import ClusterNotFound
from speccluster_lab.link.connections import (
    Connection,
    list_connections,
    read_connection,
    remove_connection,
    write_connection,
)
from speccluster_lab.link.launch import names_in_use
from speccluster_lab.link.paths import connection_file

NONCE = "n" * 43


def connection(id: str = "one", **values: object) -> Connection:
    ours = psutil.Process()
    document = {
        "id": id,
        "pid": ours.pid,
        "start_time": ours.create_time(),
        "nonce": NONCE,
        "socket": "/tmp/one.sock",
        "version": "1",
    }
    return Connection.model_validate({**document, **values})


def write_text(id: str, text: str, mode: int = 0o600) -> Path:
    file = connection_file(id)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_those_of_another_machine_with_the_same_home_are_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No process of this one is theirs: who looks would remove them."""
    write_connection(connection())
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "other.example.org")
        assert list_connections() == []
        assert names_in_use() == frozenset()
        write_connection(connection(pid=1))
        remove_connection("one")
    assert list_connections() == [connection()]
    remove_connection("one")


def test_there_and_back() -> None:
    with pytest.raises(ClusterNotFound):
        read_connection("one")
    write_connection(connection())
    try:
        assert read_connection("one") == connection()
        assert list_connections() == [connection()]
        assert stat.S_IMODE(connection_file("one").stat().st_mode) == 0o600
        assert set(json.loads(connection_file("one").read_text())) == {
            "id", "pid", "start_time", "boot_time", "nonce", "socket", "version",
        }  # fmt: skip
    finally:
        remove_connection("one")
    remove_connection("one")
    assert list_connections() == []


def test_the_nonce_is_not_shown() -> None:
    assert NONCE not in repr(connection())
    assert NONCE not in str(connection())


def test_a_process_is_known_by_its_start_as_well() -> None:
    assert connection().is_alive()
    # The clock was set by a second; another process has the id; there is none of the id.
    assert connection(start_time=psutil.Process().create_time() + 1.0).is_alive()
    assert not connection(start_time=psutil.Process().create_time() - 60.0).is_alive()
    assert not connection(pid=2**22 + 1).is_alive()


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_was_set_makes_it_no_other_process(
    monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    write_connection(connection())
    # psutil reckons every start from this, which is another time when the clock was set.
    booted = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted + step)
    assert psutil.Process().create_time() - read_connection("one").start_time == step
    assert read_connection("one").is_alive()
    assert [found.id for found in list_connections()] == ["one"]
    early = connection(start_time=psutil.Process().create_time() - 60.0)
    assert not early.is_alive()
    remove_connection("one")


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL) as child:
        process = psutil.Process(child.pid)
        found = connection(pid=child.pid, start_time=process.create_time())
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process.status() == psutil.STATUS_ZOMBIE
        assert not found.is_alive()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "\xff",
        json.dumps({**json.loads(connection().model_dump_json()), "pid": -1}),
        json.dumps({**json.loads(connection().model_dump_json()), "pid": 0}),
        json.dumps({**json.loads(connection().model_dump_json()), "nonce": ""}),
        json.dumps({**json.loads(connection().model_dump_json()), "nonce": "a\r\nX: " + NONCE}),
        json.dumps({**json.loads(connection().model_dump_json()), "more": 1}),
        connection("another").model_dump_json(),
        "x" * 5_000_000,
    ],
    ids=range(12),
)
def test_a_garbled_file_is_no_cluster(text: str, caplog: pytest.LogCaptureFixture) -> None:
    file = write_text("one", text)
    write_connection(connection("two"))
    try:
        with pytest.raises(ClusterNotFound):
            read_connection("one")
        assert [found.id for found in list_connections()] == ["two"]
    finally:
        file.unlink()
        remove_connection("two")
    assert "Left out connection file" in caplog.text
    assert NONCE not in caplog.text


def test_a_file_that_others_could_have_written_is_no_cluster(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = connection().model_dump_json()
    file = write_text("one", good, mode=0o666)
    target = write_text("two", connection("three").model_dump_json())
    target.rename(target.with_suffix(".real"))
    connection_file("three").symlink_to(target.with_suffix(".real"))
    try:
        for id in ("one", "three"):
            with pytest.raises(ClusterNotFound):
                read_connection(id)
        assert list_connections() == []
    finally:
        file.unlink()
        connection_file("three").unlink()
    assert caplog.text.count("Left out connection file") == 2


def test_files_of_other_names_are_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    file = write_text("one", connection().model_dump_json())
    strange = file.with_name("Not an id\n.json")
    file.rename(strange)
    (file.parent / "notes.txt").write_text("")
    assert list_connections() == []
    assert "\n.json" not in caplog.text
    strange.unlink()


def test_hosts_that_have_died_are_left_out() -> None:
    write_connection(connection(start_time=1.0))
    assert read_connection("one").start_time == 1.0
    assert list_connections() == []
    remove_connection("one")

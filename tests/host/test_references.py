"""A secret that a spec names: the workers have it, and it is nowhere else."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import psutil
import pytest

from speccluster_lab import connect
from speccluster_lab.spec.api import LogQuery, Scale
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from pathlib import Path

    from running_hosts import Hosts

    from speccluster_lab.spec.api import Cluster

SECRET = "canary-4711"


def test_a_workers_secret_is_only_where_it_is_used(hosts: Hosts, tmp_path: Path) -> None:
    place = tmp_path / "token"
    place.write_text(f"{SECRET}\n")
    place.chmod(0o600)
    said = {"SCL_TOKEN": {"$file": str(place)}}
    entry = {"cls": "distributed.Nanny", "options": {"nthreads": 1, "env": said}}
    spec = {"worker": entry, "workers": {"0": entry}}
    host = hosts.start("local", spec=spec)
    host.until_running()
    with connect(host.id) as handle, handle.get_client() as client:
        found = client.run(os.getenv, "SCL_TOKEN")
        assert list(found.values()) == [SECRET]
        shown = [repr(handle), str(handle._repr_mimebundle_()), str(handle.logs())]
    cluster = host.get()
    assert cluster.spec.workers["0"].options["env"] == said
    shown.append(cluster.model_dump_json())
    shown.append(str(host.ask(lambda client: client.log(LogQuery(member="0")))))
    shown.append(str(host.ask(lambda client: client.timeline())))
    shown.append(host.log)
    for file in host.folder.rglob("*"):
        if file.is_file():
            shown.append(file.read_text(errors="replace"))
    for process in host.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            shown.append(" ".join(process.cmdline()))
    for text in shown:
        assert SECRET not in text


def has_failed(cluster: Cluster) -> bool:
    return any(entry.attempts > 0 for entry in cluster.workers)


@pytest.mark.parametrize("reference", ["$env", "$file"])
def test_what_failed_with_it_does_not_tell_it(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    place = tmp_path / "token"
    place.write_text(f"{SECRET}\n")
    monkeypatch.setenv("A_TOKEN", SECRET)
    where = {"$env": "A_TOKEN", "$file": str(place)}[reference]
    options = {"password": {reference: where}}
    entry = {"cls": "difficult_workers.Tells", "options": options}
    host = hosts.start(
        "local", spec={"worker": entry, "workers": {"0": entry}}, allowed={entry["cls"]}
    )
    (tried,) = host.until(has_failed).workers
    assert "it is ***" in (tried.message or "")
    scheduler = {"cls": "difficult_workers.TellingScheduler", "options": options}
    failed = hosts.start("local", id="failed", spec={"scheduler": scheduler, "workers": {}})
    why = failed.until(lambda cluster: cluster.phase == "failed").conditions[-1]
    assert why.message == "the scheduler could not be started: this scheduler was told ***"
    for one in (host, failed):
        # It is in what they themselves have written, and told by nobody.
        assert SECRET in one.log
        told = one.ask(lambda client: client.log(LogQuery()))
        assert "***" in str(told)
        assert SECRET not in str(told)


def test_what_was_wanted_before_is_not_told_either(hosts: Hosts) -> None:
    entry = {"cls": "difficult_workers.Tells", "options": {"password": SECRET}}
    host = hosts.start("local", spec={"worker": entry, "workers": {"0": entry}})
    host.until(has_failed)
    host.ask(lambda client: client.replace_spec(ClusterSpec(), 1))
    host.until_running()
    assert SECRET in host.log
    told = str(host.ask(lambda client: client.log(LogQuery())))
    assert "it is ***" in told
    assert SECRET not in told


def test_what_was_wanted_of_an_earlier_process_is_not_told_either(
    hosts: Hosts, tmp_path: Path
) -> None:
    place = tmp_path / "token"
    place.write_text("canary-of-a-file\n")

    def spec(password: object) -> ClusterSpec:
        entry = {"cls": "difficult_workers.Tells", "options": {"password": password}}
        return ClusterSpec.model_validate({"worker": entry, "workers": {"0": entry}})

    first, second = spec({"$file": str(place)}), spec(SECRET)
    host = hosts.start("local", spec=first, allowed=frozenset({"difficult_workers.Tells"}))
    host.until(lambda _: "it is canary-of-a-file" in host.log)
    host.ask(lambda client: client.replace_spec(second, 1))
    host.until(lambda _: f"it is {SECRET}" in host.log)
    host.ask(lambda client: client.replace_spec(ClusterSpec(), 2))
    psutil.Process(host.connection.pid).kill()
    host.reconnected()
    host.until_running()
    told = str(host.ask(lambda client: client.log(LogQuery())))
    assert "it is ***" in told
    assert "canary" not in told


def test_what_an_earlier_process_has_read_is_not_told_either(hosts: Hosts, tmp_path: Path) -> None:
    place = tmp_path / "token"
    place.write_text(f"{SECRET}\n")
    options = {"password": {"$file": str(place)}}
    entry = {"cls": "difficult_workers.Tells", "options": options}
    host = hosts.start("local", spec={"worker": entry, "workers": {"0": entry}})
    host.until(has_failed)
    host.ask(lambda client: client.scale(Scale(entries=0)))
    psutil.Process(host.connection.pid).kill()
    host.reconnected()
    # This one makes no worker, and reads nothing for it.
    host.until_running()
    assert SECRET in host.log
    told = str(host.ask(lambda client: client.log(LogQuery())))
    assert "it is ***" in told
    assert SECRET not in told

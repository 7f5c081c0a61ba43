"""A secret that a spec names: the workers have it, and it is nowhere else."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import psutil

from speccluster_lab import connect
from speccluster_lab.spec.api import LogQuery

if TYPE_CHECKING:
    from pathlib import Path

    from running_hosts import Hosts

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

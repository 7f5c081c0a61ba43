"""Secrets in specs: shown to nobody who reads, and kept by those who edit."""

import asyncio
import datetime
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonpatch
import psutil
import pytest
import yaml
from fake_host import DIE, HANG
from serving import Answer, Api, FakeHosts, Made, Stop, Wait, folder_of, next_server, until
from traitlets.config import Config

from speccluster_lab import references
from speccluster_lab.errors import InvalidInput
from speccluster_lab.host.store import Desired
from speccluster_lab.link.api import _SILENCE_SECONDS
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.files import make_private_folder, write_private_file
from speccluster_lab.link.launch import DESIRED_FILE, HOST_LOG
from speccluster_lab.link.templates import template_file
from speccluster_lab.server.absence import before_it_is_known
from speccluster_lab.server.manager import _LOG_SECONDS, ClusterManager
from speccluster_lab.server.secrets import Secrets
from speccluster_lab.server.shown import Shown
from speccluster_lab.server.supervisor import Supervisor
from speccluster_lab.spec.api import (
    ListedTemplate,
    LogQuery,
    PatchEvent,
    PatchOperation,
    SnapshotEvent,
)
from speccluster_lab.spec.models import ClusterSpec

SECRET = "canary-4711"
OTHER = "canary-0815"

HOST_TESTS = Path(__file__).parents[1] / "host"


def template(options: dict[str, Any]) -> ListedTemplate:
    worker = {"cls": "distributed.Worker", "options": options}
    return ListedTemplate(name="one", title="One", spec={"worker": worker})


def marked(secrets: Secrets, options: dict[str, Any]) -> dict[str, Any]:
    found = secrets.without_in_template(template(options)).spec["worker"]["options"]
    assert isinstance(found, dict)
    return found


def restored(secrets: Secrets, options: dict[str, Any]) -> dict[str, Any]:
    worker = {"cls": "distributed.Worker", "options": options}
    spec = ClusterSpec.model_validate({"workers": {"0": worker}})
    return secrets.restored(spec, "spec").workers["0"].options


def test_what_goes_out_marked_comes_back_as_it_was() -> None:
    options = {
        "api_token": SECRET,
        "env": {"A": "plain", "B_PASSWORD": SECRET, "C": f"https://me:{SECRET}@there/"},
        "passwords": [SECRET, OTHER],
        "token_file": {"$file": "/somewhere"},
        "nthreads": 2,
        "secret": "",
    }
    secrets = Secrets()
    found = marked(secrets, options)
    assert "canary" not in json.dumps(found)
    kept = {"nthreads": 2, "secret": "", "token_file": {"$file": "/somewhere"}}
    assert {name: found[name] for name in kept} == kept
    assert found["env"]["A"] == "plain"
    # The same secret looks the same, so that two specs can be compared, and another one other.
    assert marked(secrets, options) == found
    assert len({*found["passwords"], found["api_token"]}) == 3
    assert restored(secrets, found) == options
    assert restored(secrets, {"passwords": found["passwords"][::-1]}) == {
        "passwords": [OTHER, SECRET]
    }


def test_a_mark_is_worth_nothing_elsewhere() -> None:
    secrets = Secrets()
    mark = marked(secrets, {"api_token": SECRET})["api_token"]
    for strange in ("***", mark[:-1] + ("0" if mark[-1] != "0" else "1")):
        with pytest.raises(InvalidInput) as refused:
            restored(secrets, {"api_token": strange})
        assert refused.value.field == "workers.0.options.api_token"
    for moved in ({"local_directory": mark}, {"env": {"api_token": mark}}):
        with pytest.raises(InvalidInput) as refused:
            restored(secrets, moved)
        assert SECRET not in str(refused.value)
    # Nor to another server, which has a key of its own.
    assert marked(Secrets(), {"api_token": SECRET})["api_token"] != mark
    with pytest.raises(InvalidInput, match="server was started anew") as refused:
        restored(Secrets(), {"api_token": mark})
    assert refused.value.field == "workers.0.options.api_token"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/spec/workers/0/options/env/TOKEN", SECRET),
        ("/spec/workers/0/options/tokens/3", SECRET),
        ("/spec/workers/0/options/tokens/-", SECRET),
        ("/spec/workers/0/options/a~1token", SECRET),
        ("/spec/workers/0", {"cls": "distributed.Worker", "options": {"token": SECRET}}),
        ("/spec", {"worker": {"cls": "distributed.Worker", "options": {"token": SECRET}}}),
        ("", {"spec": {"scheduler": {"options": {"token": SECRET}}}}),
    ],
)
def test_changes_are_told_without(path: str, value: object) -> None:
    secrets = Secrets()
    operation = PatchOperation(op="replace", path=path, value=value)
    told = secrets.without_in_change(PatchEvent(seq=1, cluster="one", patch=[operation]), None)
    text = told.model_dump_json(exclude_unset=True)
    assert SECRET not in text
    assert "***" in text


def test_where_a_value_is_named_nothing_is_hidden() -> None:
    said = {"token": {"$field": "asked"}, "password": {"$env": "NAME"}}
    fields = {"asked": {"type": "string", "title": "Asked", "default": "a"}}
    worker = {"cls": "distributed.Worker", "options": said}
    document = {"name": "one", "title": "One", "fields": fields, "spec": {"worker": worker}}
    found = ListedTemplate.model_validate(document)
    assert Secrets().without_in_template(found) == found


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    jp_server_config.SpecClusterLab.allow_code_options = True
    return jp_server_config


def write_template(spec: dict[str, Any]) -> None:
    """Write the template ``secretive``."""
    written = {"name": "secretive", "title": "Secretive", "spec": spec}
    file = template_file("secretive")
    make_private_folder(file.parent.parent)
    make_private_folder(file.parent)
    write_private_file(file, yaml.safe_dump(written).encode())


@pytest.fixture
def secretive(api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a template whose workers are to have the secret from a variable."""
    monkeypatch.setenv("A_TOKEN", SECRET)
    options = {"nthreads": 1, "env": {"A": {"$env": "A_TOKEN"}}}
    write_template({"worker": {"cls": "distributed.Nanny", "options": options}, "workers": {}})
    return "secretive"


def say_last_words(log: Path) -> None:
    """Write what has the secret in it into a host's log."""
    with log.open("a") as stream:
        stream.write(f"the last words are {SECRET}\n")


async def test_no_route_tells_one_and_an_edit_keeps_it(
    api: Api, wait_for: Wait, manager: ClusterManager, jp_ws_fetch: Any
) -> None:
    form: dict[str, Any] = {
        "cls": "distributed.Nanny",
        "options": {"nthreads": 1, "env": {"SCL_TOKEN": SECRET}},
    }
    write_template({"worker": form})
    socket = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    told: list[str] = []

    async def listen() -> None:
        while isinstance(message := await socket.read_message(), str):
            told.append(message)

    async def call(*args: object, **kwargs: object) -> Answer:
        answer = await api(*args, **kwargs)
        told.append(json.dumps(answer.body))
        return answer

    listening = asyncio.create_task(listen())
    listed = (await call("GET", "/templates/secretive")).body
    assert listed["spec"]["worker"]["options"]["env"]["SCL_TOKEN"].startswith("***")
    made = await call("POST", "/clusters", {"template": "secretive", "name": "Real"})
    assert made.status == 201
    await wait_for("real", "running")
    spec = (await call("GET", "/clusters/real")).body["spec"]

    async def put(spec: object, generation: int) -> Answer:
        headers = {"If-Match": f'"{generation}"'}
        return await call("PUT", "/clusters/real/spec", spec, headers=headers)

    def wanted() -> str:
        env = manager.get("real").spec.workers["0"].options["env"]["SCL_TOKEN"]
        assert isinstance(env, str)
        return env

    # Sent back as it was read it changes nothing, and edited elsewhere it keeps the secret.
    nothing = (await call("POST", "/clusters/real/plan", {"spec": spec})).body
    assert (nothing["start"], nothing["replace"], nothing["retire"]) == ([], [], [])
    same = await put(spec, 1)
    assert (same.status, same.body["generation"], same.body["spec"]) == (202, 1, spec)
    spec["workers"]["1"] = spec["worker"]
    assert (await put(spec, 1)).body["generation"] == 2
    await until(lambda: manager.get("real").generation == 2)
    assert wanted() == SECRET
    assert manager.get("real").spec.workers["1"] == manager.get("real").spec.worker

    # Another one is a change, and what was wanted before can be had again.
    del spec["workers"]["1"]
    marked = spec["workers"]["0"]
    spec["workers"]["0"] = {**form, "options": {**form["options"], "env": {"SCL_TOKEN": OTHER}}}
    changed = (await call("POST", "/clusters/real/plan", {"spec": spec})).body
    assert changed["replace"] == ["0"]
    assert (await put(spec, 2)).status == 202
    await until(lambda: manager.get("real").generation == 3)
    assert wanted() == OTHER
    earlier = (await call("GET", "/clusters/real/generations")).body
    assert earlier[0]["spec"]["workers"]["0"] == marked
    assert (await put(earlier[-1]["spec"], 3)).status == 202
    await until(lambda: manager.get("real").generation == 4)
    assert wanted() == SECRET

    marked["options"]["env"] = {"SCL_TOKEN": "***"}
    refused = await put({"workers": {"0": marked}}, 4)
    assert (refused.status, refused.body["field"]) == (422, "workers.0.options.env.SCL_TOKEN")
    for where in ("spec", "whole"):
        body = {"template": "secretive", where: {"worker": marked}}
        refused = await call("POST", "/clusters", body)
        field = f"{where}.worker.options.env.SCL_TOKEN"
        assert (refused.status, refused.body["field"]) == (422, field)
    refused = await call("POST", "/clusters", {"template": "local", "fields": {"nthreads": "***"}})
    assert (refused.status, refused.body["field"]) == (422, "fields.nthreads")
    await call("GET", "/clusters")
    await call("GET", "/clusters/real/events")
    await call("GET", "/clusters/real/logs")
    await call("GET", "/templates")
    # What it was is said once more, and is not what it was for.
    deleted = await call("DELETE", "/templates/secretive")
    assert (deleted.status, deleted.body["spec"]) == (200, listed["spec"])
    await call("DELETE", "/clusters/real")
    await wait_for("real", None)
    await until(lambda: any('"op":"remove","path":""' in one for one in told))
    listening.cancel()
    socket.close()
    for text in told:
        assert "canary" not in text


def test_what_comes_into_a_spec_is_said() -> None:
    worker = {"cls": "distributed.Nanny", "options": {"a_token": SECRET}}
    before = before_it_is_known("one", datetime.datetime.now(datetime.UTC))
    cluster = before.model_copy(update={"spec": ClusterSpec.model_validate({"worker": worker})})
    told: list[PatchOperation] = []
    shown = Shown(cluster, lambda _, patch: told.extend(patch))
    shown.take(SnapshotEvent(seq=0, snapshot=[cluster]))

    def tell(*operations: tuple[str, str, str]) -> list[dict[str, Any]]:
        told.clear()
        patch = [
            PatchOperation.model_validate({"op": op, "from": start, "path": end})
            for op, start, end in operations
        ]
        shown.take(PatchEvent(seq=shown._seq + 1, cluster=cluster.id, patch=patch))
        return [one.model_dump(exclude_unset=True, by_alias=True) for one in told]

    a, b, name = ("/spec/worker/options/a_token", "/spec/worker/options/b_token", "/display_name")
    removed, added = {"op": "remove", "path": a}, {"op": "add", "path": b, "value": SECRET}
    assert tell(("move", a, b)) == [removed, added]
    assert tell(("copy", b, a)) == [{**added, "path": a}]
    # A reader has a mark there, and not what is to be shown.
    assert tell(("copy", a, name)) == [{**added, "path": name}]
    assert shown.newest.display_name == SECRET
    assert tell(("move", a, b), ("move", b, a))[-1] == {**added, "path": a}
    # The rest is passed on as it is.
    assert tell(("copy", name, "/template")) == [{"op": "copy", "from": name, "path": "/template"}]


async def test_an_option_that_got_another_name_can_be_sent_back(
    api: Api, wait_for: Wait, stop: Stop, manager: ClusterManager, jp_ws_fetch: Any
) -> None:
    def spec_with(options: dict[str, Any]) -> dict[str, Any]:
        return {"worker": {"cls": "distributed.Nanny", "options": options}, "workers": {}}

    def wanted() -> dict[str, Any]:
        worker = manager.get("real").spec.worker
        assert worker is not None
        return worker.options

    write_template(spec_with({"nthreads": 1}))
    await api("POST", "/clusters", {"template": "secretive", "name": "Real"})
    await wait_for("real", "running")
    socket = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    panel: dict[str, Any] = {}
    told: list[str] = []

    async def read_until(generation: int) -> None:
        """Do with the changes as the panel does."""
        while panel.get("generation", 0) < generation:
            async with asyncio.timeout(30):
                told.append(await socket.read_message())
            event = json.loads(told[-1])
            if "snapshot" in event:
                (found,) = event["snapshot"]
                panel.update(found)
            else:
                jsonpatch.apply_patch(panel, event["patch"], in_place=True)

    async def put(spec: object) -> None:
        headers = {"If-Match": f'"{panel["generation"]}"'}
        answer = await api("PUT", "/clusters/real/spec", spec, headers=headers)
        assert answer.status == 202, answer.body

    await read_until(1)
    renamed = (
        {"A_TOKEN": SECRET},
        {"B_TOKEN": SECRET},
        {"A_TOKEN": OTHER, "C": f"password={SECRET}"},
        {"B_TOKEN": f"password={SECRET}", "C_TOKEN": OTHER},
    )
    for generation, env in enumerate(renamed, 2):
        await put(spec_with({"nthreads": 1, "env": env}))
        await read_until(generation)
        # What it shows it can send, and that changes nothing.
        await put(panel["spec"])
        assert wanted() == {"nthreads": 1, "env": env}
        assert manager.get("real").generation == generation
    assert not [text for text in told if "canary" in text]
    socket.close()
    await stop("real")


@pytest.mark.parametrize("reference", ["plain", "$env", "$file"])
async def test_what_a_host_was_told_is_not_told_by_its_log(
    api: Api,
    wait_for: Wait,
    stop: Stop,
    manager: ClusterManager,
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reference: str,
) -> None:
    place = tmp_path / "token"

    def write() -> None:
        place.write_text(f"{SECRET}\n")
        monkeypatch.setenv("A_TOKEN", SECRET)

    async def told(path: str) -> str:
        return json.dumps((await api("GET", path)).body)

    write()
    monkeypatch.setenv("PYTHONPATH", str(HOST_TESTS), prepend=os.pathsep)
    password = {"plain": SECRET, "$env": {"$env": "A_TOKEN"}, "$file": {"$file": str(place)}}
    options = {"password": password[reference]}
    write_template({"scheduler": {"cls": "difficult_workers.TellingScheduler", "options": options}})
    made = await api("POST", "/clusters", {"template": "secretive", "name": "Real"})
    assert made.status == 201
    await wait_for("real", "failed")
    log = folder_of(data_folder, "real") / HOST_LOG
    assert SECRET in log.read_text()
    # The host knows what it has read, whatever stands there now.
    place.unlink()
    monkeypatch.delenv("A_TOKEN")
    for path in ("/clusters/real/logs", "/clusters/real", "/clusters"):
        assert "this scheduler was told ***" in (text := await told(path))
        assert SECRET not in text

    write()
    say_last_words(log)
    supervisor = manager._find("real")
    assert isinstance(supervisor, Supervisor)
    guard = supervisor._guard
    assert guard is not None
    guard.process.kill()
    await until(lambda: supervisor.has_failed)
    assert "HostExited" in await told("/clusters/real")
    for path in ("/clusters/real/logs", "/clusters/real", "/clusters"):
        assert "the last words are ***" in (text := await told(path))
        assert SECRET not in text
    # Not only on its way out of the server.
    assert SECRET not in str(supervisor.newest.conditions)
    await stop("real")


async def test_a_server_that_finds_a_failed_cluster_hides_what_was_wanted_last(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await made()
    worker = {"cls": "distributed.Worker", "options": {"a_token": SECRET}}
    desired = Desired(generation=2, spec=ClusterSpec.model_validate({"worker": worker}))
    folder = folder_of(data_folder, id)
    write_private_file(folder / DESIRED_FILE, desired.model_dump_json().encode())
    say_last_words(folder / HOST_LOG)
    await api("POST", f"/clusters/{id}/scale", {"entries": DIE})
    await wait_for(id, "failed")
    following = next_server(manager)
    await following.attach()
    await until(lambda: following.get(id).phase == "failed")
    # A spec may have thousands of entries: it is looked through where it holds up no loop.
    threads: set[threading.Thread] = set()

    def noting(real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            threads.add(threading.current_thread())
            return real(*args, **options)

        return noted

    with monkeypatch.context() as patched:
        patched.setattr(references, "_references", noting(references._references))
        patched.setattr(ClusterSpec, "model_dump", noting(ClusterSpec.model_dump))
        log = await following.log(id, LogQuery())
    assert threads
    assert threading.main_thread() not in threads
    for text in (following.get(id).model_dump_json(), log.model_dump_json()):
        assert "the last words are ***" in text
        assert SECRET not in text
    await following.close(stop_clusters=False)
    await stop(id)


async def test_a_file_that_is_never_read_holds_up_no_end(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    manager: ClusterManager,
    monkeypatch: pytest.MonkeyPatch,
    no_tracebacks: Callable[[], None],
) -> None:
    reads, goes_on = threading.Event(), threading.Event()

    def read(path: Path) -> str:
        reads.set()
        assert goes_on.wait(60)
        return ""

    monkeypatch.setattr(references, "_text_of", read)
    monkeypatch.setattr(references, "LOG_READ_SECONDS", 10.0)
    manager.bounds = replace(manager.bounds, call=0.5)
    options = {"nthreads": 1, "env": {"A_TOKEN": {"$file": "/never/read"}}}
    write_template({"worker": {"cls": "distributed.Nanny", "options": options}})
    id = await made(template="secretive")
    await api("POST", f"/clusters/{id}/scale", {"entries": DIE})
    await until(reads.is_set)
    following = manager._find(id)._following
    assert following is not None
    assert (await api("DELETE", f"/clusters/{id}")).status == 202
    await wait_for(id, None)
    # It has gone while its log was not read yet, and nothing comes back.
    assert not following.done()
    goes_on.set()
    await until(following.done)
    assert manager.clusters() == []
    no_tracebacks()


async def test_a_host_that_is_busy_tells_its_log_itself(
    api: Api,
    made: Made,
    stop: Stop,
    data_folder: Path,
    secretive: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _LOG_SECONDS > _SILENCE_SECONDS + references.LOG_READ_SECONDS
    id = await made(template=secretive)
    # What was told to the host is known to nobody else any more.
    monkeypatch.setenv("A_TOKEN", OTHER)
    log = folder_of(data_folder, id) / HOST_LOG
    say_last_words(log)
    host = psutil.Process(read_connection(id).pid)
    host.suspend()
    try:
        asked = asyncio.ensure_future(api("GET", f"/clusters/{id}/logs"))
        # As long as a busy one can be silent.
        await asyncio.sleep(3)
    finally:
        host.resume()
    text = json.dumps((await asked).body)
    assert "the last words are ***" in text
    assert SECRET not in text
    await stop(id)


async def test_the_log_of_a_host_that_hangs_is_told_without(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    stop: Stop,
    data_folder: Path,
    secretive: str,
) -> None:
    id = await made(template=secretive)
    await api("POST", f"/clusters/{id}/scale", {"entries": HANG})
    log = folder_of(data_folder, id) / HOST_LOG
    await until(lambda: "hanging" in log.read_text())
    say_last_words(log)
    # Before that it hangs is known, most likely, and after.
    for _ in range(2):
        async with asyncio.timeout(10):
            answer = await api("GET", f"/clusters/{id}/logs")
        assert (answer.status, answer.body["lines"][-1]) == (200, "the last words are ***")
        await wait_for(id, "unreachable")
    await stop(id)

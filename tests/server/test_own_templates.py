"""The user's own templates: written, listed, used and deleted over the API."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from serving import folder_of, make

from speccluster_lab.client.making import check_cluster
from speccluster_lab.errors import ClassNotAllowed
from speccluster_lab.link.launch import read_launch
from speccluster_lab.link.templates import template_file
from speccluster_lab.spec.api import CreateCluster

if TYPE_CHECKING:
    from pathlib import Path

    from serving import Api, FakeHosts, Wait

    from speccluster_lab.server.manager import ClusterManager

MINE: dict[str, Any] = {
    "name": "mine",
    "title": "Mine: 'quoted' é <b>",
    "initial": 2,
    "fields": {
        "memory": {
            "type": "string",
            "title": "Memory",
            "description": "of a worker",
            "default": "1 GiB",
            "minimum": None,
            "maximum": None,
        }
    },
    "spec": {
        "worker": {
            "cls": "distributed.Worker",
            "options": {"memory_limit": {"$field": "memory"}, "resources": {"GPU": 1e20, "no": 1}},
        }
    },
}


async def listed(api: Api) -> dict[str, dict[str, Any]]:
    answer = await api("GET", "/templates")
    return {one["name"]: one for one in answer.body}


async def test_one_is_written_listed_and_deleted(api: Api) -> None:
    assert {one["own"] for one in (await listed(api)).values()} == {False}
    saved = await api("PUT", "/templates/mine", MINE)
    assert (saved.status, saved.body["own"]) == (200, True)
    assert {key: saved.body[key] for key in MINE} == MINE
    assert stat.S_IMODE(template_file("mine").stat().st_mode) == 0o600
    assert (await listed(api))["mine"] == saved.body
    assert (await api("GET", "/templates/mine")).body == saved.body
    deleted = await api("DELETE", "/templates/mine")
    assert (deleted.status, deleted.body) == (200, saved.body)
    assert "mine" not in await listed(api)
    for verb in ("GET", "DELETE"):
        gone = await api(verb, "/templates/mine")
        assert (gone.status, gone.code) == (404, "template_not_found")


async def test_a_cluster_is_made_from_it(
    api: Api, fake_host: FakeHosts, wait_for: Wait, data_folder: Path
) -> None:
    policy = {"max_surge": 1, "restart_scheduler": True}
    await api("PUT", "/templates/mine", {**MINE, "policy": policy})
    id = await make(api, template="mine", fields={"memory": "2 GiB"})
    launch = read_launch(folder_of(data_folder, id))
    assert launch.policy.given() == policy
    cluster = await wait_for(id, "running")
    assert cluster is not None
    assert (cluster["template"], list(cluster["spec"]["workers"])) == ("mine", ["0", "1"])
    assert cluster["spec"]["worker"]["options"]["memory_limit"] == "2 GiB"


async def test_one_that_is_there_is_only_replaced_when_that_is_meant(api: Api) -> None:
    await api("PUT", "/templates/mine", MINE)
    other = {**MINE, "initial": 3}
    refused = await api("PUT", "/templates/mine", other)
    assert (refused.status, refused.body["field"]) == (422, "name")
    assert (await listed(api))["mine"]["initial"] == 2
    answer = await api("PUT", "/templates/mine", other, params={"replace": "true"})
    assert (answer.status, answer.body["initial"]) == (200, 3)


async def test_those_of_others_stay_as_they_are(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever may write could change what others start by a name that they trust."""
    folder = tmp_path / "admin" / "speccluster-lab" / "templates"
    folder.mkdir(parents=True)
    (folder / "theirs.yaml").write_text(yaml.safe_dump({**MINE, "name": "theirs"}))
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_JUPYTER_PATH", [str(tmp_path / "admin")])
    for name in ("theirs", "local"):
        mine = {**MINE, "name": name}
        path = f"/templates/{name}"
        for answer in (
            await api("PUT", path, mine),
            await api("PUT", path, mine, params={"replace": "true"}),
            await api("DELETE", path),
        ):
            assert (answer.status, answer.code) == (409, "template_not_own")
        assert not template_file(name).exists()
        assert (await listed(api))[name]["own"] is False


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("mine", {**MINE, "name": "other"}, "name"),
        ("..%2f..%2fmine", {**MINE, "name": "../../mine"}, "name"),
        ("mine", {**MINE, "title": ""}, "title"),
        ("mine", {**MINE, "title": "a\nb"}, "title"),
        ("mine", {**MINE, "python": "/tmp/python"}, "python"),
        ("mine", {**MINE, "initial": 1000}, "initial"),
        ("mine", {**MINE, "initial": 10**9}, "initial"),
        ("mine", {**MINE, "spec": {"worker": {"cls": "os.system"}}}, "spec.worker.cls"),
        ("mine", {**MINE, "own": True}, "own"),
        (
            "mine",
            {**MINE, "spec": {"worker": {**MINE["spec"]["worker"], "options": {"name": "***"}}}},
            "spec.worker.options.name",
        ),
    ],
)
async def test_what_may_not_be_in_one_names_its_field(
    api: Api, no_tracebacks: Any, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await api("PUT", f"/templates/{path}", body)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert not template_file("mine").parent.exists()
    no_tracebacks()


@pytest.mark.parametrize("depth", [40, 900])
async def test_a_spec_without_a_bottom_is_refused(api: Api, no_tracebacks: Any, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    raw = f'{{"name": "mine", "title": "Mine", "spec": {deep}}}'.encode()
    answer = await api("PUT", "/templates/mine", raw=raw)
    assert answer.status in (400, 422)
    no_tracebacks()


async def test_like_another_it_may_say_what_that_one_says(api: Api) -> None:
    template_file("mine").parent.mkdir(parents=True)
    preload = {"preload": ["geo.py"]}
    spec = {"worker": {"cls": "distributed.Worker", "options": preload}}
    template_file("geo").write_text(yaml.safe_dump({"name": "geo", "title": "G", "spec": spec}))
    mine = {**MINE, "spec": spec}
    refused = await api("PUT", "/templates/mine", mine)
    assert (refused.status, refused.code) == (422, "class_not_allowed")
    assert (await api("PUT", "/templates/mine", mine, params={"like": "nope"})).status == 404
    assert (await api("PUT", "/templates/mine", mine, params={"like": "geo"})).status == 200


async def test_there_are_only_so_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speccluster_lab.server.templates.MAX_OWN", 1)
    await api("PUT", "/templates/mine", MINE)
    refused = await api("PUT", "/templates/other", {**MINE, "name": "other"})
    assert (refused.status, refused.code) == (409, "too_many_templates")
    answer = await api("PUT", "/templates/mine", MINE, params={"replace": "true"})
    assert answer.status == 200


async def test_the_whole_spec_takes_the_place_of_the_templates(
    api: Api, manager: ClusterManager, fake_host: FakeHosts, wait_for: Wait
) -> None:
    entry = {"cls": "distributed.Worker", "options": {"nthreads": 1}}
    whole = {"scheduler": {}, "worker": entry, "workers": {"a": entry, "b": entry}}
    id = await make(api, whole=whole)
    cluster = await wait_for(id, "running")
    assert cluster is not None
    assert list(cluster["spec"]["workers"]) == ["a", "b"]
    # Of the template's options nothing is left.
    assert cluster["spec"]["worker"]["options"] == {"nthreads": 1}
    bad = {**whole, "workers": {"a": {"cls": "os.system"}}}
    refused = await api("POST", "/clusters", {"template": "threads", "whole": bad})
    assert (refused.status, refused.body["field"]) == (422, "whole.workers.a.cls")
    both = {"template": "threads", "whole": whole, "spec": {}}
    assert (await api("POST", "/clusters", both)).status == 422
    assert len(manager.clusters()) == 1


async def test_one_that_says_more_than_is_allowed_by_now_cannot_be_used(
    api: Api, manager: ClusterManager, no_tracebacks: Any
) -> None:
    spec = {"worker": {"cls": "distributed.Worker", "options": {"preload": ["geo.py"]}}}
    geo = template_file("geo")
    geo.parent.mkdir(parents=True)
    geo.write_text(yaml.safe_dump({"name": "geo", "title": "G", "spec": spec}))
    for name, like in (("mine", "geo"), ("second", "mine")):
        saved = await api(
            "PUT", f"/templates/{name}", {**MINE, "name": name, "spec": spec}, params={"like": like}
        )
        assert (saved.status, saved.body["unusable"]) == (200, None)
    assert (await api("PUT", "/templates/third", {**MINE, "name": "third"})).status == 200
    # Nor does a request say for itself that it is trusted.
    refused = await api("PUT", "/templates/mine", {**MINE, "saved": {}}, params={"replace": "true"})
    assert (refused.status, refused.body["field"]) == (422, "saved")

    async def check(reasons: dict[str, str]) -> None:
        found = await listed(api)
        for name in ("geo", "mine", "second", "third"):
            why = found[name]["unusable"]
            assert (await api("GET", f"/templates/{name}")).body["unusable"] == why
            if name not in reasons:
                assert why is None, name
                continue
            assert reasons[name] in why
            answer = await api("POST", "/clusters", {"template": name})
            assert (answer.status, answer.code) == (422, "class_not_allowed")
            assert (answer.body["field"], answer.body["message"]) == ("template", why)
        no_tracebacks()

    await check({})
    # What a person has written into a file is trusted as before.
    tight = manager.admission.model_copy(update={"worker_classes": frozenset({"geo.Worker"})})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "admission", tight)
        patch.setattr(manager.templates, "_admission", tight)
        await check({"third": "template 'third' cannot be used any more: spec.worker.cls: class"})
    await check({})
    # What the one was like says it no more, or has gone.
    option = "spec.worker.options.preload: option 'preload' can load code"
    geo.write_text(yaml.safe_dump({"name": "geo", "title": "G", "spec": {}}))
    await check({"mine": option, "second": option})
    # A notebook or the command line may ask for it, and is told that the template may not.
    with pytest.raises(ClassNotAllowed) as refused_here:
        check_cluster(CreateCluster(template="mine"))
    assert refused_here.value.message == (await listed(api))["mine"]["unusable"]
    assert refused_here.value.field == "template"
    geo.unlink()
    found = await listed(api)
    assert option in found["mine"]["unusable"]
    assert (await api("DELETE", "/templates/mine")).status == 200

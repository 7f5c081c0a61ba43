"""The committed OpenAPI file is the one that the models make, and it is a valid one."""

import json
from pathlib import Path

import jsonschema

from speccluster_lab.spec import openapi
from speccluster_lab.spec.api import Cluster
from speccluster_lab.spec.templates import shipped_templates

COMMITTED = Path(__file__).parent.parent / "docs" / "openapi.json"

# The cluster of the design's section 7: its names are fixed.
EXAMPLE = {
    "id": "brave-otter",
    "display_name": "Brave otter",
    "template": "grouped",
    "owner": {"kind": "server", "detail": None},
    "phase": "running",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "AllMembersRegistered",
            "message": "6 of 6 workers have registered",
            "since": "2026-11-24T00:00:00Z",
        }
    ],
    "generation": 3,
    "observed_generation": 3,
    "created": "2026-11-24T00:00:00Z",
    "adaptive": None,
    "scheduler": {"address": "tls://127.0.0.1:41234", "dashboard": True, "status": "running"},
    "counts": {
        "entries": 2,
        "expected": 6,
        "registered": 6,
        "nthreads": 6,
        "memory_limit": 6442450944,
        "memory_used": 402653184,
    },
    "spec": json.loads(shipped_templates()["grouped"].make_spec({}).model_dump_json()),
    "workers": [
        {
            "name": "0",
            "phase": "running",
            "reason": None,
            "message": None,
            "cls": "speccluster_lab.MultiWorker",
            "generation": 3,
            "attempts": 0,
            "next_retry": None,
            "engine": None,
            "members": [
                {
                    "name": "0-0",
                    "address": "tls://127.0.0.1:40001",
                    "status": "running",
                    "nthreads": 1,
                    "memory_limit": 1073741824,
                    "memory_used": 67108864,
                    "cpu": 0.02,
                    "tasks": 0,
                    "last_seen": "2026-11-24T00:00:00Z",
                }
            ],
        }
    ],
    "unexpected": [],
}


def test_the_committed_file_is_not_stale() -> None:
    assert COMMITTED.read_text() == openapi.text(), (
        "run: python -m speccluster_lab.spec.openapi > docs/openapi.json"
    )


def test_every_schema_is_valid_and_every_reference_leads_somewhere() -> None:
    document = openapi.document()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = document["components"]["schemas"].keys()
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in names


def test_a_cluster_has_the_names_of_the_design() -> None:
    # Names may be added to them.
    never = {"orphan_timeout": None, "idle_timeout": None, "max_lifetime": None}
    added = {"environment": None, "lifetimes": never}
    assert json.loads(Cluster.model_validate(EXAMPLE).model_dump_json()) == {**EXAMPLE, **added}


def test_every_path_of_this_slice_is_there() -> None:
    calls = {
        (method, path)
        for path, methods in openapi.document()["paths"].items()
        for method in methods
    }
    assert calls == {
        ("get", "/templates"),
        ("get", "/templates/{template}"),
        ("put", "/templates/{template}"),
        ("delete", "/templates/{template}"),
        ("get", "/classes"),
        ("get", "/clusters"),
        ("post", "/clusters"),
        ("get", "/clusters/{id}"),
        ("delete", "/clusters/{id}"),
        ("put", "/clusters/{id}/spec"),
        ("post", "/clusters/{id}/scale"),
        ("post", "/clusters/{id}/plan"),
        ("put", "/clusters/{id}/adaptive"),
        ("delete", "/clusters/{id}/adaptive"),
        ("post", "/clusters/{id}/entries/{name}/retry"),
        ("post", "/clusters/{id}/entries/{name}/restart"),
        ("post", "/clusters/{id}/restart"),
        ("get", "/clusters/{id}/events"),
        ("get", "/clusters/{id}/generations"),
        ("get", "/clusters/{id}/logs"),
        ("post", "/clusters/{id}/credentials"),
        ("get", "/events"),
    }


def _references(value: object) -> list[str]:
    match value:
        case {"$ref": str(reference)}:
            return [reference]
        case dict():
            return [found for item in value.values() for found in _references(item)]
        case list():
            return [found for item in value for found in _references(item)]
        case _:
            return []

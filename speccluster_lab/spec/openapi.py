"""The OpenAPI 3.1 document of the HTTP API, generated from the models.

``python -m speccluster_lab.spec.openapi`` prints it; ``docs/openapi.json`` is the committed copy,
from which the TypeScript types are generated. The tests fail when either is stale.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic.json_schema import models_json_schema

from speccluster_lab.spec.api import (
    API_PREFIX,
    Adapt,
    ClassesQuery,
    Cluster,
    CreateCluster,
    Credentials,
    CredentialsRequest,
    ErrorBody,
    Event,
    EventsQuery,
    Generation,
    ListedTemplate,
    Log,
    LogQuery,
    PatchEvent,
    Plan,
    PlanRequest,
    Scale,
    SnapshotEvent,
    SnapshotRequest,
    Template,
    TemplateQuery,
    WorkerClass,
)
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.names import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

__all__ = ["OPERATIONS", "Operation", "document"]

_REF: Final = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API.

    Parameters
    ----------
    method, path : str
        The verb in lower case, and the path below the prefix.
    name : str
        ``operationId``.
    summary : str
        What it does, for a person.
    status : int
        Of a success.
    errors : sequence of int
        Statuses of failures, beside those that every call can have.
    body, answer : type, optional
        Models of the request's and the answer's bodies.
    query : type, optional
        Model of what may stand after the path.
    many : bool
        Whether the answer is a list of ``answer``.
    if_match : bool
        Whether the call needs ``If-Match: "<generation>"``.
    """

    method: str
    path: str
    name: str
    summary: str
    status: int
    errors: Sequence[int] = ()
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    many: bool = False
    if_match: bool = False
    headers: Sequence[str] = field(default=())


_ID: Final = "/clusters/{id}"
_TEMPLATE: Final = "/templates/{template}"

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/templates",
        "listTemplates",
        "List the templates",
        200,
        answer=ListedTemplate,
        many=True,
    ),
    Operation("get", _TEMPLATE, "getTemplate", "One template", 200, (404,), answer=ListedTemplate),
    Operation(
        "put",
        _TEMPLATE,
        "saveTemplate",
        "Write a template of the user's own",
        200,
        (400, 404, 409, 413, 422),
        body=Template,
        query=TemplateQuery,
        answer=ListedTemplate,
    ),
    Operation(
        "delete",
        _TEMPLATE,
        "deleteTemplate",
        "Delete a template of the user's own; answers what it was",
        200,
        (404, 409),
        answer=ListedTemplate,
    ),
    Operation(
        "get",
        "/classes",
        "listClasses",
        "List the worker classes that specs may name, with the JSON Schema of their options",
        200,
        (404, 422),
        query=ClassesQuery,
        answer=WorkerClass,
        many=True,
    ),
    Operation(
        "get", "/clusters", "listClusters", "List the clusters", 200, answer=Cluster, many=True
    ),
    Operation(
        "post",
        "/clusters",
        "createCluster",
        "Make a cluster; it answers at once, in phase `starting`",
        201,
        (400, 404, 409, 413, 422),
        body=CreateCluster,
        answer=Cluster,
        headers=("Location", "ETag"),
    ),
    Operation(
        "get",
        _ID,
        "getCluster",
        "One cluster: spec and status",
        200,
        (404, 504),
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation("delete", _ID, "stopCluster", "Stop a cluster", 202, (404, 504), answer=Cluster),
    Operation(
        "put",
        f"{_ID}/spec",
        "replaceSpec",
        "Replace the desired state",
        202,
        (400, 404, 409, 412, 413, 422, 428, 504),
        body=ClusterSpec,
        answer=Cluster,
        if_match=True,
        headers=("ETag",),
    ),
    Operation(
        "post",
        f"{_ID}/scale",
        "scaleCluster",
        "Set the number of entries, workers or cores, or the memory",
        202,
        (400, 404, 409, 413, 422, 504),
        body=Scale,
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation(
        "post",
        f"{_ID}/plan",
        "planCluster",
        "What a change would start, replace and retire, and what data is at stake; changes nothing",
        200,
        (400, 404, 409, 413, 422, 504),
        body=PlanRequest,
        answer=Plan,
    ),
    Operation(
        "put",
        f"{_ID}/adaptive",
        "adaptCluster",
        "Have adaptive scaling keep to a range",
        202,
        (400, 404, 409, 413, 422, 504),
        body=Adapt,
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation(
        "delete",
        f"{_ID}/adaptive",
        "endAdaptive",
        "End adaptive scaling; the cluster keeps the size that it has",
        202,
        (404, 409, 422, 504),
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation(
        "post",
        f"{_ID}/entries/{{name}}/retry",
        "retryEntry",
        "Try an entry again now, whatever its backoff says",
        202,
        (404, 409, 504),
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation(
        "post",
        f"{_ID}/entries/{{name}}/restart",
        "restartEntry",
        "Make an entry anew although its spec says the same; its data moves first",
        202,
        (404, 409, 504),
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation(
        "post",
        f"{_ID}/restart",
        "restartCluster",
        "Start the cluster again as it is wanted; one that has failed, too",
        202,
        (404, 409, 504),
        answer=Cluster,
        headers=("ETag",),
    ),
    Operation(
        "get",
        f"{_ID}/events",
        "listEvents",
        "What has happened, oldest first: the timeline",
        200,
        (404, 409, 422, 504),
        answer=Event,
        query=EventsQuery,
        many=True,
    ),
    Operation(
        "get",
        f"{_ID}/generations",
        "listGenerations",
        "Earlier desired states, newest first, as far as they are kept",
        200,
        (404, 409, 504),
        answer=Generation,
        many=True,
    ),
    Operation(
        "get",
        f"{_ID}/logs",
        "readLog",
        "The end of the log of a worker or an entry, or of the cluster's own process",
        200,
        (404, 409, 422, 504),
        answer=Log,
        query=LogQuery,
    ),
    Operation(
        "post",
        f"{_ID}/credentials",
        "issueCredentials",
        "A client's certificate, for a handle on another machine; needs the action `execute`",
        200,
        (400, 404, 409, 413, 422, 504),
        body=CredentialsRequest,
        answer=Credentials,
    ),
)

_HEADERS: Final = {
    "Location": {"description": "Where the new cluster is.", "schema": {"type": "string"}},
    "ETag": {
        "description": "The generation, in quotes, for `If-Match`.",
        "schema": {"type": "string"},
    },
}
_EVERYWHERE: Final = (401, 403)


def document() -> dict[str, Any]:
    """Return the OpenAPI document as JSON values."""
    # A body is described as it is read, an answer as it is written: what has a default is always
    # in an answer. A spec is both, and taken as an answer.
    models: dict[type[BaseModel], Literal["validation", "serialization"]] = {}
    for operation in OPERATIONS:
        if operation.body is not None:
            models[operation.body] = "validation"
    models[SnapshotRequest] = "validation"
    for operation in OPERATIONS:
        if operation.answer is not None:
            models[operation.answer] = "serialization"
    for model in (ClusterSpec, ErrorBody, PatchEvent, SnapshotEvent):
        models[model] = "serialization"
    in_order = sorted(models.items(), key=lambda one: one[0].__name__)
    _, schemas = models_json_schema(in_order, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    paths["/events"] = {"get": _events()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "speccluster-lab",
            "version": "1",
            "description": "Clusters described by a spec, on the Jupyter server and on the "
            "socket of each cluster's host.",
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": API_PREFIX}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
        "security": [{"token": []}],
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _errors(statuses: Sequence[int]) -> dict[str, Any]:
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": _json(_ref(ErrorBody))}
        for status in statuses
    }


def _operation(operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answer is not None:
        answer = _ref(operation.answer)
        success["content"] = _json(
            {"type": "array", "items": answer} if operation.many else dict(answer)
        )
    if operation.headers:
        success["headers"] = {name: _HEADERS[name] for name in operation.headers}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            str(operation.status): success,
            **_errors(sorted({*_EVERYWHERE, *operation.errors})),
        },
    }
    parameters: list[dict[str, Any]] = []
    for name in ("id", "template"):
        if f"{{{name}}}" in operation.path:
            parameters.append(
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
                }
            )
    if "{name}" in operation.path:
        parameters.append(
            {
                "name": "name",
                "in": "path",
                "required": True,
                "description": "The entry's.",
                "schema": {"type": "string"},
            }
        )
    if operation.query is not None:
        parameters.extend(_query(operation.query))
    if operation.if_match:
        parameters.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The generation that the caller has seen, in quotes.",
                "schema": {"type": "string", "pattern": '^"\\d+"$'},
            }
        )
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(_ref(operation.body))}
    return described


def _query(model: type[BaseModel]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.pop("description"),
            "schema": schema,
        }
        for name, schema in model.model_json_schema()["properties"].items()
    ]


def _events() -> dict[str, Any]:
    return {
        "operationId": "events",
        "summary": "A websocket: one `SnapshotEvent`, then `PatchEvent`s in order of `seq`. "
        "A reader that finds a gap sends a `SnapshotRequest`.",
        "responses": {
            "101": {
                "description": "Switching Protocols",
                "content": _json({"anyOf": [_ref(SnapshotEvent), _ref(PatchEvent)]}),
            },
            **_errors(_EVERYWHERE),
        },
        "x-sends": _ref(SnapshotRequest),
    }


def text() -> str:
    """Return the document as the text of the committed file."""
    return json.dumps(document(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())

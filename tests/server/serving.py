"""What the tests of the Jupyter server share, beside their fixtures."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
from jupyter_server.auth import Authorizer

from speccluster_lab.server.manager import ClusterManager

OPENAPI = json.loads(
    (Path(__file__).parent.parent.parent / "docs" / "openapi.json").read_text(encoding="utf-8")
)


def check_against_contract(value: object, model: str, *, many: bool = False) -> None:
    """Fail unless ``value`` is what the OpenAPI file says of ``model``."""
    one = {"$ref": f"#/components/schemas/{model}"}
    schema = {"type": "array", "items": one} if many else one
    schema = {**schema, "components": OPENAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        return str(self.body["code"])


Api = Callable[..., Awaitable[Answer]]


def operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in OPENAPI["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return operations[method.lower()]
    return None


@dataclass
class FakeHosts:
    """Says how the fake hosts that are started from now on misbehave.

    ``restarts`` and ``pauses`` are how often one that dies is started again, and after how long.
    """

    set_mode: Callable[[str], None]
    restarts: int = 0
    pauses: tuple[float, ...] = (0.0,)

    def __call__(self, mode: str) -> None:
        self.set_mode(mode)


Wait = Callable[..., Awaitable[dict[str, Any] | None]]
Made = Callable[..., Awaitable[str]]
Stop = Callable[[str], Awaitable[None]]


class PickyAuthorizer(Authorizer):
    """Allows what :attr:`allowed` says, and notes what it was asked."""

    allowed = frozenset({"read", "write", "execute"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[tuple[str, str]] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return action in self.allowed


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for what nobody tells of."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.02)


async def make(api: Api, **body: object) -> str:
    """Make a cluster, with the name "One" unless told otherwise, and return its id."""
    answer = await api("POST", "/clusters", {"template": "threads", "name": "One", **body})
    assert answer.status == 201
    return str(answer.body["id"])


async def make_running(api: Api, wait_for: Wait, *names: str) -> None:
    """Make clusters whose names are their ids, side by side."""
    for name in names:
        await make(api, name=name)
    for name in names:
        await wait_for(name, "running")


def next_server(manager: ClusterManager) -> ClusterManager:
    """Return the clusters of another server of the same user."""
    return ClusterManager(
        admission=manager.admission,
        max_clusters=16,
        log=logging.getLogger("next"),
        bounds=manager.bounds,
    )


def folder_of(data_folder: Path, id: str) -> Path:
    (folder,) = data_folder.glob(f"*/clusters/{id}")
    return folder


def folders(data_folder: Path) -> list[Path]:
    return list(data_folder.glob("*/clusters/*"))


def sockets(own_folders: Path) -> list[Path]:
    return list(own_folders.rglob("*.sock"))

"""Imports run one way, and JupyterLab does not start slower for having us."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TypeGuard

import pytest

import speccluster_lab

PACKAGE = Path(speccluster_lab.__file__).parent

# What each part may import of the others (the design's section 3).
MAY_IMPORT = {
    "errors": set(),
    "threads": set(),
    "spec": {"errors"},
    "references": {"errors", "spec", "threads"},
    "reconcile": {"errors", "spec"},
    "cluster": {"errors", "spec", "references", "reconcile"},
    "link": {"errors", "spec"},
    "host": {"errors", "spec", "references", "reconcile", "cluster", "link"},
    "server": {"errors", "spec", "threads", "references", "link"},
    "client": {"errors", "spec", "references", "link"},
}
# What is found by its name where it is needed, because imports may not run that way.
BY_NAME = {
    "cluster/displayed.py": {"client"},
    "cluster/publishing.py": {"host"},
    "link/classes.py": {"cluster"},
    "link/launch.py": {"host"},
    "link/settings.py": {"server"},
}
HEAVY = ("distributed", "dask", "bokeh")


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module)
                found.update(f"{module}.{alias.name}" for alias in node.names)
            case ast.ImportFrom(level=level) if level:
                pytest.fail(f"{file} has a relative import, which this test does not follow")
    return found


def names_in_text(file: Path) -> set[str]:
    """Return the dotted names that strings of a file consist of: what they name can be imported."""
    texts = (node.value for node in ast.walk(ast.parse(file.read_text())) if is_text(node))
    return {text for text in texts if re.fullmatch(r"speccluster_lab(\.\w+)+", text)}


def is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def parts_imported(file: Path) -> set[str]:
    names = imports_of(file) | names_in_text(file)
    inside = (name.split(".") for name in names if name.startswith("speccluster_lab."))
    return {path[1] for path in inside if path[1] in MAY_IMPORT}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_run_one_way(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]
    assert all(file.exists() for file in files)
    wrong = {
        place: extra
        for file in files
        if (place := str(file.relative_to(PACKAGE)))
        and (extra := parts_imported(file) - MAY_IMPORT[part] - {part})
    }
    assert wrong == {place: parts for place, parts in BY_NAME.items() if place.startswith(part)}


def test_every_part_is_known() -> None:
    there = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert there == set(MAY_IMPORT)


@pytest.mark.parametrize(
    "part", ["errors", "threads", "spec", "references", "reconcile", "link", "server"]
)
def test_the_server_side_never_names_dask(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]
    named = {name.split(".")[0] for file in files for name in imports_of(file)}
    assert not named & set(HEAVY)


@pytest.mark.parametrize("part", ["reconcile", "spec"])
def test_the_core_is_pure(part: str) -> None:
    impure = {"asyncio", "socket", "subprocess", "threading", "time", "tornado", "os"}
    named = {
        name.split(".")[0] for file in (PACKAGE / part).rglob("*.py") for name in imports_of(file)
    }
    assert not named & impure


@pytest.mark.parametrize("module", ["speccluster_lab", "speccluster_lab.server"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    program = f"import {module}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert "speccluster_lab" in loaded
    assert not loaded & set(HEAVY)


# Says which validators stand when all that the server imports of us has been imported.
BUILT = """
import sys
from pydantic import BaseModel, TypeAdapter
import speccluster_lab.server

def below(model):
    for one in model.__subclasses__():
        yield one
        yield from below(one)

ours = [m for name, m in sorted(sys.modules.items()) if name.startswith("speccluster_lab")]
adapters = [(m.__name__, name, it) for m in ours for name, it in vars(m).items()]
models = list(below(BaseModel))
assert len(models) > 20
print([model.__name__ for model in models if model.__pydantic_complete__])
print([f"{m}.{n}" for m, n, it in adapters if isinstance(it, TypeAdapter) and it.pydantic_complete])
"""


def test_importing_builds_no_validators() -> None:
    # They take longer than all else of us; each is built when it is first used.
    done = subprocess.run(
        [sys.executable, "-c", BUILT], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_public_names_are_what_they_say() -> None:
    for name in speccluster_lab.__all__:
        assert getattr(speccluster_lab, name).__name__ == name
    assert set(speccluster_lab.__all__) <= set(dir(speccluster_lab))
    assert not {"Any", "TYPE_CHECKING", "importlib"} & set(dir(speccluster_lab))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = speccluster_lab.nonsense

"""The Pythons that a host may run with: found, asked and judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from jupyter_client.kernelspec import KernelSpecManager

import speccluster_lab
from speccluster_lab.errors import InvalidInput, UnfitInterpreter
from speccluster_lab.link import interpreters
from speccluster_lab.link.interpreters import (
    Interpreter,
    ask_interpreter,
    check_interpreter,
    python_of_kernel,
)

if TYPE_CHECKING:
    from pathlib import Path
from typing import Any


def program(folder: Path, text: str) -> str:
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    folder = tmp_path / "kernels"
    folder.mkdir()
    return folder


def kernel(folder: Path, name: str, **spec: object) -> None:
    (folder / name).mkdir()
    what = {"argv": ["/opt/env/bin/python", "-m", "x"], "language": "python", "display_name": "X"}
    (folder / name / "kernel.json").write_text(json.dumps({**what, **spec}))


def test_this_one_is_fit_and_says_what_clients_compare() -> None:
    found = ask_interpreter(sys.executable)
    check_interpreter(found)
    assert found.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"dask", "distributed", "cloudpickle", "msgpack", "tornado"} <= found.versions.keys()


def test_one_without_this_package_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    # Quick, because it gets no pip.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    path = str(tmp_path / "env" / "bin" / "python")
    with pytest.raises(UnfitInterpreter) as caught:
        check_interpreter(ask_interpreter(path), field="kernel")
    assert caught.value.field == "kernel"
    mend = f"{path} -m pip install speccluster-lab=={speccluster_lab.__version__}"
    assert str(caught.value) == (
        f"speccluster-lab is not installed for {path!r}; this mends it: {mend}"
    )


def test_another_version_of_this_package_is_refused() -> None:
    packages = {"speccluster-lab": "0.0.0"}
    with pytest.raises(UnfitInterpreter, match=r"is version 0\.0\.0, not .*pip install"):
        check_interpreter(Interpreter(path="/x", python=(3, 12, 0), packages=packages))


def test_a_python_that_is_too_old_is_refused_before_anything_else() -> None:
    with pytest.raises(UnfitInterpreter, match=r"is Python 3\.10\.4, and 3\.11 or newer is needed"):
        check_interpreter(Interpreter(path="/x", python=(3, 10, 4)))


def test_the_command_can_be_pasted_whatever_the_path() -> None:
    with pytest.raises(UnfitInterpreter, match="'/my env/python' -m pip install"):
        check_interpreter(Interpreter(path="/my env/python", python=(3, 12, 0)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo hello", "its answer is none of Python"),
        ("echo '[1, 2]'", "its answer is none of Python"),
        ('echo \'{"python": "x"}\'', "its answer is none of Python"),
        ("echo boom >&2; exit 3", "it ended with status 3: boom"),
    ],
)
def test_what_is_no_python_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UnfitInterpreter, match=why) as caught:
        ask_interpreter(program(tmp_path, text))
    assert caught.value.field == "python"


def test_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnfitInterpreter, match="No such file"):
        ask_interpreter(str(tmp_path / "none"))
    with pytest.raises(UnfitInterpreter, match="Permission denied"):
        ask_interpreter(str(tmp_path))
    with pytest.raises(UnfitInterpreter, match="is no absolute path"):
        ask_interpreter("python")


def test_one_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "ASK_SECONDS", 0.5)
    with pytest.raises(UnfitInterpreter, match=r"has not answered within 0\.5 s"):
        ask_interpreter(program(tmp_path, "exec sleep 60"))


def test_modules_of_the_folder_it_is_started_in_do_not_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('taken in')")
    monkeypatch.chdir(tmp_path)
    assert ask_interpreter(sys.executable).path == sys.executable


def test_a_kernel_names_its_python(kernels: Path) -> None:
    kernel(kernels, "mine")
    assert python_of_kernel("mine") == "/opt/env/bin/python"
    kernel(kernels, "here", argv=["python", "-m", "ipykernel_launcher"])
    assert python_of_kernel("here") == sys.executable


def test_a_kernel_of_another_environment_is_not_taken_for_this_one(
    kernels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(kernels, "mine", argv=["conda", "run", "-n", "mine", "python", "-m", "ipykernel"])
    with pytest.raises(InvalidInput, match="kernel 'mine' is started by 'conda'") as caught:
        python_of_kernel("mine", field="template")
    assert caught.value.field == "template"
    # Neither is a Python of another version, which is where programs are looked for.
    kernel(kernels, "older", argv=["python3.0", "-m", "ipykernel_launcher"])
    with pytest.raises(InvalidInput, match=r"started by 'python3\.0'"):
        python_of_kernel("older")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "python3.0").symlink_to(sys.executable)
    assert python_of_kernel("older") == str(tmp_path / "python3.0")


@pytest.mark.parametrize(
    "launcher",
    [
        # As nb_conda_kernels writes it.
        ["python", "-m", "nb_conda_kernels.runner", "/opt/conda", "/opt/env"],
        ["/usr/bin/env", "OMP_NUM_THREADS=1"],
        [],
    ],
)
@pytest.mark.parametrize("options", [[], ["-Xfrozen_modules=off"], ["-X", "frozen_modules=off"]])
@pytest.mark.parametrize("module", ["ipykernel_launcher", "ipykernel"])
def test_a_launcher_is_not_taken_for_the_python_that_it_starts(
    kernels: Path, launcher: list[str], options: list[str], module: str
) -> None:
    started = ["/opt/env/bin/python", *options, "-m", module, "-f", "{file}"]
    kernel(kernels, "mine", argv=[*launcher, *started])
    assert python_of_kernel("mine") == "/opt/env/bin/python"


def test_a_launcher_that_looks_for_the_python_is_followed_only_where_it_says_how(
    kernels: Path,
) -> None:
    # As pip installs a kernel into an environment of conda, and nb_conda_kernels shows it.
    runner = ["python", "-m", "nb_conda_kernels.runner", "/opt/conda", "/opt/env"]
    argv = [*runner, "python", "-m", "ipykernel_launcher"]
    kernel(kernels, "conda", argv=argv, metadata={"conda_env_path": "/opt/env"})
    assert python_of_kernel("conda") == "/opt/env/bin/python"
    kernel(kernels, "other", argv=argv)
    with pytest.raises(InvalidInput, match="kernel 'other' is started by 'python', which says of"):
        python_of_kernel("other")


class Odd(KernelSpecManager):
    def get_kernel_spec(self, kernel_name: str) -> Any:
        return {"none": None}[kernel_name]


def test_a_kernel_that_cannot_be_read_is_refused_in_words(kernels: Path) -> None:
    kernel(kernels, "broken")
    (kernels / "broken/kernel.json").write_text("{")
    with pytest.raises(InvalidInput, match="kernel 'broken' cannot be read: JSONDecodeError"):
        python_of_kernel("broken")
    kernel(kernels, "numbers", argv=["-m", "ipykernel", "-m", "ipykernel"], language="")
    with pytest.raises(InvalidInput, match="kernel 'numbers' runs an unknown language"):
        python_of_kernel("numbers")
    for name in ("none", "some"):
        kernel(kernels, name)
    with pytest.raises(InvalidInput, match="there is no kernel 'none'"):
        python_of_kernel("none", Odd())
    with pytest.raises(InvalidInput, match="kernel 'some' cannot be read: KeyError"):
        python_of_kernel("some", Odd())


def test_options_alone_are_no_program(kernels: Path) -> None:
    kernel(kernels, "options", argv=["-m", "ipykernel", "-m", "ipykernel"])
    with pytest.raises(InvalidInput, match="kernel 'options' is started by '-m'"):
        python_of_kernel("options")


def test_kernels_that_may_not_be_had_are_not_there(kernels: Path) -> None:
    kernel(kernels, "mine")
    kernel(kernels, "yours")
    some = KernelSpecManager(allowed_kernelspecs={"mine"})
    assert python_of_kernel("Mine", some) == "/opt/env/bin/python"
    with pytest.raises(InvalidInput, match=r"there is no kernel 'yours'; there are: mine$"):
        python_of_kernel("yours", some)


def test_a_kernel_that_is_not_there_or_of_another_language_is_refused(kernels: Path) -> None:
    kernel(kernels, "mine")
    with pytest.raises(InvalidInput, match=r"there is no kernel 'other'; there are: .*mine"):
        python_of_kernel("other")
    kernel(kernels, "stats", language="R", argv=["R"])
    with pytest.raises(InvalidInput, match="kernel 'stats' runs R"):
        python_of_kernel("stats")
    with pytest.raises(InvalidInput):
        python_of_kernel(f"..{os.sep}mine")

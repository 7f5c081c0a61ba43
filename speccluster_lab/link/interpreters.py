"""Which Python a host runs with: found by a kernel's name, asked what it has, and judged.

The kernel of a notebook may have an environment of its own; a cluster that is to run the notebook's
functions must have the same packages (dask-labextension#18 asks for nothing else).
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from pydantic import Field, ValidationError

import speccluster_lab
from speccluster_lab.errors import InvalidInput, UnfitInterpreter
from speccluster_lab.spec.models import Document

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

__all__ = [
    "Interpreter",
    "ask_interpreter",
    "check_interpreter",
    "python_of_kernel",
    "this_interpreter",
]

ASK_SECONDS: Final = 30.0
LEAST_PYTHON: Final = (3, 11)
# What a scheduler, its workers and their clients must have in common, beside Python: see
# distributed.versions.
COMPARED: Final = ("dask", "distributed", "cloudpickle", "msgpack", "tornado")

# What Jupyter itself takes for the Python that it runs with: the kernels of this environment.
_THIS_PYTHON: Final = (
    "python",
    f"python{sys.version_info.major}",
    f"python{sys.version_info.major}.{sys.version_info.minor}",
)
_PYTHON: Final = re.compile(r"python[0-9.]*t?")
# How a Python is told to be a kernel.
_WITH_VALUE: Final = ("-X", "-W")
_KERNEL: Final = (["-m", "ipykernel_launcher"], ["-m", "ipykernel"])

_QUESTION: Final = """\
import json, sys
try:
    from importlib.metadata import PackageNotFoundError, version
except ImportError:
    version = None
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except Exception:
        pass
print(json.dumps({"python": list(sys.version_info[:3]), "packages": found}))
"""


class Interpreter(Document):
    """A Python and what it has of the packages that matter here.

    Parameters
    ----------
    path : str
        Of its program.
    python : tuple of int
        Its version.
    packages : dict of str to str
        Versions, of those that are installed.
    """

    path: str
    python: tuple[int, int, int]
    packages: dict[str, str] = Field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """What has to be the same on both sides, by name."""
        return {
            "python": ".".join(map(str, self.python)),
            **{name: self.packages[name] for name in COMPARED if name in self.packages},
        }


@functools.cache
def this_interpreter() -> Interpreter:
    """Return what the interpreter has that runs this; looked up once, for that takes a moment."""
    packages = {}
    for name in ("speccluster-lab", *COMPARED):
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return Interpreter(path=sys.executable, python=sys.version_info[:3], packages=packages)


def python_of_kernel(
    name: str, kernels: KernelSpecManager | None = None, *, field: str = "kernel"
) -> str:
    """Return the path of the Python that a kernel runs with; may read files.

    Parameters
    ----------
    name : str
        The kernelspec's.
    kernels : KernelSpecManager, optional
        Who knows it; by default who finds what Jupyter's folders have.
    field : str
        The input that an error is to name.

    Raises
    ------
    InvalidInput
        There is no such kernel, it does not run Python, or it does not say which one.
    """
    spec = _kernel(name, kernels, field)
    if spec.language.lower() != "python" or not spec.argv:
        raise InvalidInput(
            f"kernel {name!r} runs {spec.language or 'an unknown language'}, and a cluster runs "
            "Python",
            field=field,
        )
    program = _program_of(spec)
    if program in _THIS_PYTHON:
        return sys.executable
    if program is not None and os.path.isabs(program):
        return program
    # A launcher, as conda's, would be asked as if it were a Python itself, and this one would run
    # another environment than the kernel.
    found = shutil.which(program) if program and _PYTHON.fullmatch(program) else None
    if found is None:
        raise InvalidInput(
            f"kernel {name!r} is started by {spec.argv[0]!r}, which says of no Python where it is; "
            "name a kernel that does, or a template",
            field=field,
        )
    return os.path.abspath(found)


def _kernel(name: str, kernels: KernelSpecManager | None, field: str) -> KernelSpec:
    # Here, because hosts and notebooks use this module as well, and are to be there at once.
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = kernels or KernelSpecManager()
    try:
        # Those that may be had, of all that there are.
        known = sorted(manager.find_kernel_specs())
        exact = next((one for one in known if one.lower() == name.lower()), None)
        spec = None if exact is None else manager.get_kernel_spec(exact)
    except NoSuchKernel:
        spec = None
    except Exception as error:
        # A manager may be anybody's, and what it reads as well.
        raise InvalidInput(
            f"kernel {name!r} cannot be read: {type(error).__name__}: {error}", field=field
        ) from error
    if spec is None:
        raise InvalidInput(
            f"there is no kernel {name!r}; there are: {', '.join(known) or 'none'}", field=field
        )
    return spec


def _program_of(spec: KernelSpec) -> str | None:
    """Return what runs the kernel; ``None`` where a launcher looks for it in a place of its own."""
    argv = [str(one) for one in spec.argv]
    for place in range(1, len(argv) - 1):
        if argv[place : place + 2] in _KERNEL:
            before = place - 1
            while before > 0 and (argv[before].startswith("-") or argv[before - 1] in _WITH_VALUE):
                before -= 1
            if before == 0:
                break
            # As nb_conda_kernels has it, whose launcher looks for it in the environment.
            environment = spec.metadata.get("conda_env_path")
            if isinstance(environment, str) and _PYTHON.fullmatch(argv[before]):
                return os.path.join(environment, "bin", argv[before])
            return argv[before] if os.path.isabs(argv[before]) else None
    return argv[0]


def ask_interpreter(path: str, *, field: str = "python") -> Interpreter:
    """Return what an interpreter has; starts it, so not for an event loop.

    Parameters
    ----------
    path : str
        Of its program, absolute.
    field : str
        The input that an error is to name.

    Raises
    ------
    UnfitInterpreter
        It is none, or does not answer.
    """
    if not os.path.isabs(path):
        raise UnfitInterpreter(f"{path!r} is no absolute path", field=field)
    command = [path, "-c", _QUESTION, "speccluster-lab", *COMPARED]
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            # Its first place to look for modules is where it is started.
            cwd=os.sep,
            timeout=ASK_SECONDS,
            check=True,
        )
        said = json.loads(answer.stdout)
        return Interpreter(path=path, **said)
    except subprocess.TimeoutExpired:
        why = f"it has not answered within {ASK_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = f"it ended with status {error.returncode}: {''.join(last)[:300]}"
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, TypeError, ValidationError):
        why = "its answer is none of Python"
    raise UnfitInterpreter(f"{path!r} cannot be used as a Python: {why}", field=field)


def check_interpreter(found: Interpreter, *, field: str = "python") -> None:
    """Refuse an interpreter that a host cannot run with, with the command that mends it.

    Raises
    ------
    UnfitInterpreter
        It is too old, or has another version of this package, or none.
    """
    if found.python < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        raise UnfitInterpreter(
            f"{found.path!r} is Python {'.'.join(map(str, found.python))}, and {least} or newer is "
            "needed",
            field=field,
        )
    ours, theirs = speccluster_lab.__version__, found.packages.get("speccluster-lab")
    if theirs == ours:
        return
    what = "is not installed" if theirs is None else f"is version {theirs}, not {ours},"
    mend = shlex.join([found.path, "-m", "pip", "install", f"speccluster-lab=={ours}"])
    raise UnfitInterpreter(
        f"speccluster-lab {what} for {found.path!r}; this mends it: {mend}", field=field
    )

"""Making a cluster from a template: the same for the server, a notebook and the command line."""

from __future__ import annotations

import datetime
import secrets
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speccluster_lab.errors import SpecClusterError, TooManyClusters
from speccluster_lab.link.interpreters import ask_interpreter, check_interpreter, python_of_kernel
from speccluster_lab.link.launch import Launch, reserve_for, start_host, write_launch
from speccluster_lab.link.templates import look_for_templates
from speccluster_lab.spec.marks import refuse_marks_in
from speccluster_lab.spec.saving import check_saved

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_client.kernelspec import KernelSpecManager

    from speccluster_lab.link.templates import Found
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import CreateCluster, Owner
    from speccluster_lab.spec.limits import Limits
    from speccluster_lab.spec.models import ClusterSpec
    from speccluster_lab.spec.templates import Template

__all__ = ["Maker", "Wish", "check_python", "check_room", "create", "wish_for"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A cluster that may be had, before it has an id.

    Parameters
    ----------
    name : str or None
        What people are to call it.
    template : Template
        What it is made from.
    spec : ClusterSpec
        The desired state at the start.
    trusted : ClusterSpec
        What of it later requests may repeat.
    python : str or None
        The path of the Python that its host is to run with; that of this process if not given.
    python_from : str
        The input that has said so.
    """

    name: str | None
    template: Template
    spec: ClusterSpec
    trusted: ClusterSpec
    python: str | None
    python_from: str


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes clusters, and what they may take up.

    Parameters
    ----------
    owner : Owner
        Whose they are.
    admission : Admission
        What later requests may ask for.
    orphan_timeout : float or None
        Seconds after which one that nobody asks for stops by itself, unless its template says
        otherwise.
    limits : Limits
        What a cluster's process and the API may take up.
    """

    owner: Owner
    admission: Admission
    orphan_timeout: float | None
    limits: Limits


def wish_for(
    request: CreateCluster,
    admission: Admission,
    kernels: KernelSpecManager | None = None,
    *,
    is_trusted: bool = False,
) -> Wish:
    """Return what a request asks for; reads files: not for an event loop.

    Whether a host can run with the Python that it names is for :func:`check_python`.

    Parameters
    ----------
    request : CreateCluster
        What is asked for.
    admission : Admission
        What may be asked for.
    kernels : KernelSpecManager, optional
        Who knows the kernels, if not everybody does.
    is_trusted : bool
        Whether it is asked for by who runs code as this user anyway: then all of it is trusted
        as a template is.

    Raises
    ------
    TemplateNotFound, InvalidInput, ClassNotAllowed
        It cannot be had.
    """
    found = look_for_templates()
    template = found.get(request.template)
    check_usable(found, template.name, admission)
    refuse_marks_in(request.fields, "fields")
    spec = request.whole or template.make_spec(request.fields, request.spec)
    trusted = spec if is_trusted else template.make_spec(request.fields)
    prefix = "spec" if request.whole is None else "whole"
    admission.check(spec, trusted=trusted, prefix=prefix)
    if not is_trusted:
        admission.check_python(request.python)
    python, python_from = _find_python(request, template, kernels)
    return Wish(request.name, template, spec, trusted, python, python_from)


def check_python(wish: Wish) -> None:
    """Refuse a Python that a host cannot run with; starts it, which may take half a minute.

    Raises
    ------
    UnfitInterpreter
        The message says what mends it.
    """
    if wish.python is not None:
        found = ask_interpreter(wish.python, field=wish.python_from)
        check_interpreter(found, field=wish.python_from)


def check_usable(found: Found, name: str, admission: Admission) -> None:
    """Refuse a template that was saved when requests might ask for more than they may now.

    Parameters
    ----------
    found : Found
        All templates.
    name : str
        Which of them.
    admission : Admission
        What may be asked for.

    Raises
    ------
    ClassNotAllowed, InvalidInput
        The message says where it is too much.
    """
    if name not in found.saved:
        return
    try:
        check_saved(found.templates[name], admission, found.like(name))
    except SpecClusterError as error:
        error.message = f"template {name!r} cannot be used any more: {error.field}: {error.message}"
        error.field = "template"
        raise


def check_room(there: int, most: int) -> None:
    """Refuse one more cluster where there are as many as there may be.

    Raises
    ------
    TooManyClusters
        There are.
    """
    if there >= most:
        raise TooManyClusters(
            f"there are {there} clusters, and there may be {most}; stop one first"
        )


def create(
    wish: Wish,
    maker: Maker,
    taken: frozenset[str] = frozenset(),
    take_spare: Callable[[Path], subprocess.Popen[bytes] | None] | None = None,
) -> tuple[Launch, subprocess.Popen[bytes]]:
    """Reserve an id, start a host, and return what it is told and its guard.

    Waits for the disk: not for an event loop.

    Parameters
    ----------
    wish : Wish
        What is wanted.
    maker : Maker
        Who makes it.
    taken : frozenset of str
        Ids that are not to be had, beside those in use.
    take_spare : callable, optional
        Returns the guard of a host that has been waiting for a cluster, and has got the folder;
        or nothing. It has the Python of this process.

    Raises
    ------
    NameInUse, InvalidInput, StartFailed
        It could not be started; nothing is left of it.
    """
    id, folder = reserve_for(wish.name, taken)
    try:
        launch = Launch(
            id=id,
            display_name=wish.name or id.replace("-", " ").capitalize(),
            template=wish.template.name,
            owner=maker.owner,
            created=datetime.datetime.now(datetime.UTC),
            nonce=secrets.token_urlsafe(32),
            spec=wish.spec,
            trusted=wish.trusted,
            admission=maker.admission,
            start_method=wish.template.start_method,
            preimport=wish.template.preimport,
            python=wish.python,
            bind=wish.template.bind,
            lifetimes=wish.template.lifetimes(maker.orphan_timeout),
            policy=wish.template.policy,
            limits=maker.limits,
        )
        write_launch(folder, launch)
        guard = None if take_spare is None or launch.python is not None else take_spare(folder)
        return launch, guard or start_host(folder, python=launch.python)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _find_python(
    request: CreateCluster, template: Template, kernels: KernelSpecManager | None
) -> tuple[str | None, str]:
    """Return the path of the Python of a cluster, if it is not this one, and what has named it."""
    kernel, python = request.kernel, request.python
    field = "python" if kernel is None else "kernel"
    if kernel is None and python is None:
        kernel, python, field = template.kernel, template.python, "template"
    if kernel is not None:
        python = python_of_kernel(kernel, kernels, field=field)
    return None if python == sys.executable else python, field

"""The command line: what it takes, how it shows text of anybody's, and looking at clusters."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command_line import HOSTILE, cli

from speccluster_lab.client.command.arguments import make_parser
from speccluster_lab.client.command.changing import say_changes
from speccluster_lab.client.command.output import Output
from speccluster_lab.client.command.reaching import tell
from speccluster_lab.host.store import Desired
from speccluster_lab.link.files import make_private_folder, open_private_log, write_private_file
from speccluster_lab.link.launch import (
    DESIRED_FILE,
    GENERATIONS_FOLDER,
    HOST_LOG,
    reserve,
    write_launch,
)
from speccluster_lab.link.templates import template_file
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Here
    from running_hosts import Hosts, RunningHost


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from speccluster_lab.client.command import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'distributed', 'dask', 'bokeh', 'tornado', 'pydantic', 'rich', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]"
    assert "exit status:" in done.stdout


def test_no_verb_needs_distributed() -> None:
    program = (
        "import importlib, sys\n"
        "for one in sys.argv[1:]:\n"
        "    importlib.import_module(f'speccluster_lab.client.command.{one}')\n"
        "print('distributed' in sys.modules)"
    )
    modules = ["looking", "logs", "acting", "sizing", "entries", "changing", "desired", "doctor"]
    modules += ["completion", "migration"]
    done = subprocess.run(
        [sys.executable, "-c", program, *modules], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_every_verb_is_there_and_has_examples() -> None:
    (verbs,) = (one for one in make_parser()._actions if one.dest == "verb")
    assert verbs.choices is not None
    for name, parser in verbs.choices.items():  # type: ignore[attr-defined]
        module = __import__(
            f"speccluster_lab.client.command.{parser.get_default('module')}", fromlist=["VERBS"]
        )
        assert name in module.VERBS
        assert f"examples:\n  jupyter speccluster {name}" in parser.format_help() or name == "edit"
        assert "--json" in parser.format_help()
        assert all(one.help for one in parser._actions), name


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["scale"], ["scale", "x", "y"], ["start", "local", "--wait", "-1"]]
)
def test_wrong_usage(here: Here, arguments: list[str]) -> None:
    done = here(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "usage: jupyter speccluster" in done.err


def test_what_may_be_given_instead_is_said(place: Hosts, here: Here) -> None:
    done = here("start", "local", "--wait", "soon")
    assert (done.status, "'soon' is no number of seconds" in done.err) == (2, True)
    done = here("start", "local", "--set", "nthread=2")
    assert (done.status, "it has: nthreads, memory_limit" in done.err) == (2, True)
    done = here("scale", "My ETL", "2")
    assert (done.status, "`jupyter speccluster list`" in done.err) == (2, True)


def test_the_shell_is_told_what_could_come(running: RunningHost) -> None:
    def offered(line: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-m", "speccluster_lab.client.command"],
            env=os.environ
            | {
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull.replace("null", "stdout"),
                "_ARGCOMPLETE_IFS": "\n",
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return {one.strip() for one in done.stdout.splitlines()}

    assert offered("jupyter-speccluster st") == {"start", "stop"}
    assert offered("jupyter-speccluster stop ") >= {"brave-otter"}
    assert offered("jupyter-speccluster start ") >= {"grouped", "local", "threads"}
    assert offered("jupyter-speccluster start local --set nth") == {"nthreads="}
    assert offered("jupyter-speccluster restart brave-otter ") >= {"0"}
    assert "0" not in offered("jupyter-speccluster restart unknown ")
    for shell in ("bash", "zsh", "fish"):
        assert "jupyter-speccluster" in cli("completion", shell).out


@pytest.mark.parametrize(
    "arguments",
    [
        ["events", "ID"],
        ["show", "ID"],
        ["scale", "ID", "1"],
        ["adapt", "ID"],
        ["restart", "ID", "0"],
        ["retry", "ID", "0"],
        ["stop", "ID"],
        ["edit", "ID"],
        ["logs", "ID"],
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_cluster_that_is_not_there(
    running: RunningHost, here: Here, arguments: list[str]
) -> None:
    for id, status in (("unknown", 3), ("../x", 2), ("Not an id", 2)):
        done = here(*(id if one == "ID" else one for one in arguments), "--json")
        assert (done.status, done.out) == (status, "")
        assert id in done.error["message"]
    if arguments[0] != "stop":
        assert "brave-otter" in here(arguments[0], "unknown", *arguments[2:]).err
    done = cli(*("unknown" if one == "ID" else one for one in arguments))
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith("error: ")


def test_names_never_reach_the_terminal_as_they_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    output = Output(as_json=False)
    output.table(["Name"], [[HOSTILE], ["[bold]markup[/bold] :smile:"]], "")
    output.say(HOSTILE)
    output.diff([f"+{HOSTILE}"])
    Output(as_json=True).data({"name": HOSTILE})
    out = capfd.readouterr().out
    assert out.count("<img src=x>") == 4
    assert "[bold]markup[/bold] :smile:" in out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)


def test_secrets_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def spec(secret: str, address: str = "s3://eve:canary@x/") -> ClusterSpec:
        options = {"password": secret, "env": [{"MY_TOKEN": secret}, secret], "data": address}
        return ClusterSpec.model_validate({"worker": {"cls": "x.Y", "options": options}})

    output = Output(as_json=False)
    say_changes(spec("canary-1"), spec("canary-1", "s3://eve:canary@y/"), output)
    assert "+    data: s3://eve:***@y/" in capsys.readouterr().out
    say_changes(spec("canary-1"), spec("canary-2"), output)
    assert capsys.readouterr().out == "What differs is secret, and not shown.\n"
    say_changes(spec("canary-1"), ClusterSpec(), output)
    told = capsys.readouterr().out
    assert ("-    password: '***'" in told, "canary" in told) == (True, False)


def test_a_cluster_is_told_without_its_secrets(
    running: RunningHost, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"password": "canary-1"}
    spec = ClusterSpec.model_validate({"worker": {"cls": "x.Y", "options": options}})
    tell(running.get().model_copy(update={"spec": spec}), Output(as_json=True))
    told = capsys.readouterr().out
    assert (json.loads(told)["spec"]["worker"]["options"], "canary" in told) == (
        {"password": "***"},
        False,
    )


def test_list(running: RunningHost) -> None:
    (one,) = cli("list", "--json").data
    assert (one["id"], one["phase"], one["registered"]) == ("brave-otter", "running", 1)
    done = cli("list")
    assert done.status == 0
    assert "brave-otter" in done.out
    assert "1 of 1" in done.out


def test_show(running: RunningHost, here: Here) -> None:
    shown = here("show", running.id)
    assert shown.status == 0
    first, template, *table = shown.out.splitlines()
    assert first == "Brave otter (brave-otter): running, 1 entry, 1 of 1 worker"
    assert template == "Made from template 'threads'."
    (row,) = (cells for line in table if (cells := line.split())[:1] == ["0"])
    assert row[:5] == ["0", "running", "0", "running", "2"]
    told = cli("show", running.id, "--json").data
    assert told["workers"][0]["members"][0]["address"].startswith("tls://")
    assert told["spec"] == running.get().spec.model_dump(mode="json")


def test_templates(place: Hosts) -> None:
    assert [one["name"] for one in cli("templates", "--json").data] == [
        "grouped",
        "local",
        "threads",
    ]
    template_file("broken").parent.mkdir(parents=True, exist_ok=True)
    template_file("broken").write_text("{")
    try:
        done = cli("templates")
        assert (done.status, "broken.yaml cannot be used" in done.out) == (0, True)
        assert "grouped" in done.out
    finally:
        template_file("broken").unlink()


def test_events(running: RunningHost) -> None:
    found = cli("events", "brave-otter", "--json").data
    assert [one["seq"] for one in found] == list(range(1, len(found) + 1))
    assert cli("events", "brave-otter", "--since", "2", "--json").data == found[2:]
    assert "pending" in cli("events", "brave-otter").out
    done = cli("events", "brave-otter", "--since", "-1", "--json")
    assert (done.status, done.error["field"]) == (2, "since")


def test_logs(running: RunningHost, here: Here) -> None:
    lines = cli("logs", "brave-otter").out.splitlines()
    assert lines
    assert here("logs", "brave-otter", "--tail", "1").out.splitlines() == lines[-1:]
    (last,) = here("logs", "brave-otter", "--tail", "1", "--json").out.splitlines()
    assert json.loads(last) == {"line": lines[-1]}
    done = here("logs", "brave-otter", "--tail", "0", "--json")
    assert (done.status, done.error["field"]) == (2, "tail")
    assert "Start worker at" in here("logs", "brave-otter", "--member", "0").out
    unknown = here("logs", "brave-otter", "--member", "nobody", "--json")
    assert (unknown.status, unknown.error["code"]) == (3, "member_not_found")


def test_what_is_left_of_a_cluster_tells_no_secret(
    place: Hosts, running: RunningHost, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "canary-4711")
    (tmp_path / "token").write_text("canary-0815\n")
    options = {"a": {"$env": "A_TOKEN"}, "c_token": "canary"}
    spec = ClusterSpec.model_validate({"scheduler": {"options": options}})
    folder = reserve("telling")
    write_launch(folder, running.launch.model_copy(update={"id": "telling", "spec": spec}))
    with open(open_private_log(folder / HOST_LOG), "w") as stream:
        stream.write("it was told canary-4711, canary-0815, hunter-2 and canary\n")
    # What is wanted since.
    worker = {"cls": "distributed.Worker", "options": {"b": {"$file": str(tmp_path / "token")}}}
    desired = Desired(generation=2, spec=ClusterSpec.model_validate({"worker": worker}))
    write_private_file(folder / DESIRED_FILE, desired.model_dump_json().encode())
    # What was wanted between, and what is garbled.
    earlier = make_private_folder(folder / GENERATIONS_FOLDER)
    write_private_file(earlier / "1.json", b"{")
    write_private_file(earlier / "2.json", b'{"spec": {"scheduler": {"token": "hunter-2"}}}')
    for verb in (["logs", "telling"], ["doctor"]):
        done = here(*verb)
        assert "it was told ***, ***, *** and ***" in done.out
    shutil.rmtree(folder)


def test_a_log_is_followed_and_is_plain_text(place: Hosts, running: RunningHost) -> None:
    folder = reserve("logging")
    write_launch(folder, running.launch.model_copy(update={"id": "logging"}))
    log = folder / HOST_LOG
    with open(open_private_log(log), "w") as stream:
        stream.write(f"old\nfirst {HOSTILE}\n")
    following = [sys.executable, "-m", "speccluster_lab.client.command", "logs", "logging"]
    with subprocess.Popen(
        [*following, "-f", "--tail", "1"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            shown = process.stdout.readline()
            with log.open("a") as stream:
                # The same as before is something new; what has no end yet waits for it.
                stream.write("second\nsecond\nthi")
            shown += process.stdout.readline() + process.stdout.readline()
            with log.open("a") as stream:
                stream.write("rd\n")
            shown += process.stdout.readline()
            # It ends with the cluster.
            shutil.rmtree(folder)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert shown.splitlines()[1:] == ["second", "second", "third"]
    assert shown.startswith("first <img src=x> red0;title\ufffd ")
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)

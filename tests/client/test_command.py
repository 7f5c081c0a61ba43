"""The command line as its users have it: a process, its output and its exit status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from running_hosts import hosts_in

from speccluster_lab.client.command import main
from speccluster_lab.client.command.arguments import make_parser
from speccluster_lab.client.command.changing import say_changes
from speccluster_lab.client.command.output import Output
from speccluster_lab.link.files import open_private_log
from speccluster_lab.link.launch import (
    GUARD_FILE,
    HOST_LOG,
    names_in_use,
    read_launch,
    reserve,
    write_launch,
)
from speccluster_lab.link.paths import cluster_folder, connection_file, connections_folder
from speccluster_lab.link.templates import template_file
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import Hosts, RunningHost

SECONDS = 100
QUESTION = "Apply this? [y/N]"
HOSTILE = "<img src=x> \x1b[31mred\x1b]0;title\x07 \u202ereversed"


class Done:
    """What a command has come to."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def data(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        assert self.status != 0
        return json.loads(self.err.splitlines()[-1])  # type: ignore[no-any-return]


def cli(*arguments: str, stdin: str = "", **environment: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "speccluster_lab.client.command", *arguments],
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


class Here(Protocol):
    """Runs a command in this process, which is quicker."""

    def __call__(self, *arguments: str) -> Done: ...


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Here:
    def run(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            status: Any = main(arguments)
        except SystemExit as end:
            status = end.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Folders of their own for all tests of this module."""
    with hosts_in(tmp_path_factory.mktemp("command")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def running(place: Hosts) -> RunningHost:
    """One cluster, for all tests that leave it there."""
    host = place.start(id="brave-otter", display_name="Brave otter", max_workers=8)
    host.until_running()
    return host


# -- what needs no cluster -----------------------------------------------------------------------


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
    modules = ["looking", "logs", "acting", "changing", "desired", "doctor", "completion"]
    modules.append("migration")
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
    for shell in ("bash", "zsh", "fish"):
        assert "jupyter-speccluster" in cli("completion", shell).out


# -- looking -------------------------------------------------------------------------------------


def test_list(running: RunningHost) -> None:
    (one,) = cli("list", "--json").data
    assert (one["id"], one["phase"], one["registered"]) == ("brave-otter", "running", 1)
    done = cli("list")
    assert done.status == 0
    assert "brave-otter" in done.out
    assert "1 of 1" in done.out


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


@pytest.mark.parametrize(
    "arguments",
    [["events", "ID"], ["scale", "ID", "1"], ["stop", "ID"], ["edit", "ID"], ["logs", "ID"]],
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


# -- start, scale, stop --------------------------------------------------------------------------


def test_start_scale_and_stop(place: Hosts, here: Here) -> None:
    done = cli(
        "start", "threads", "--name", "My ETL", "--set", "nthreads=3", "--wait", "60", "--json"
    )
    assert done.data == {
        "id": "my-etl",
        "display_name": "My ETL",
        "template": "threads",
        "phase": "running",
    }
    try:
        launch = read_launch(cluster_folder("my-etl"))
        assert (launch.owner.kind, launch.python) == ("command", sys.executable)
        assert launch.lifetimes.orphan_timeout == 24 * 3600
        taken = cli("start", "threads", "--name", "My ETL", "--json")
        assert (taken.status, taken.error["code"]) == (1, "name_in_use")

        grown = cli("scale", "my-etl", "2", "--wait", "--json").data
        assert [one["members"][0]["nthreads"] for one in grown["workers"]] == [3, 3]
        assert len(cli("scale", "my-etl", "--cores", "1", "--json").data["spec"]["workers"]) == 1
        for size in (["-1"], ["1", "--cores", "2"], [], ["--memory", "lots"], ["1000"]):
            assert here("scale", "my-etl", *size).status == 2
    finally:
        done = cli("stop", "my-etl")
    assert (done.status, "Stopped my-etl." in done.out) == (0, True)
    assert "my-etl" not in names_in_use()


@pytest.mark.parametrize(
    ("arguments", "status", "field"),
    [
        (["nope"], 3, "template"),
        (["threads", "--set", "nope=1"], 2, "fields.nope"),
        (["threads", "--set", "nthreads=x"], 2, "fields.nthreads"),
        (["threads", "--set", "nthreads=0"], 2, "fields.nthreads"),
        (["threads", "--set", "nthreads"], 2, "set"),
        (["threads", "--name", "a\nb"], 2, "name"),
        (["threads", "--kernel", "nope"], 2, "kernel"),
    ],
)
def test_what_cannot_be_started(
    place: Hosts, here: Here, arguments: list[str], status: int, field: str
) -> None:
    before = names_in_use()
    done = here("start", *arguments, "--json")
    assert (done.status, done.error["field"]) == (status, field)
    assert names_in_use() == before


def test_one_that_hangs_is_killed_only_when_asked(place: Hosts) -> None:
    host = place.start(id="hanging")
    host.until_running()
    os.kill(host.connection.pid, signal.SIGSTOP)
    done = cli("stop", "hanging", "--timeout", "0.5", "--json")
    assert (done.status, done.error["code"]) == (4, "host_not_responding")
    assert "--force" in done.error["message"]
    assert "does not answer" in cli("doctor").out
    forced = cli("stop", "hanging", "--timeout", "0.5", "--force", "--json")
    assert forced.data == {"id": "hanging", "stopped": True}
    host.ended()
    assert not connection_file("hanging").exists()


def test_one_that_has_failed_is_seen_and_removed(place: Hosts, running: RunningHost) -> None:
    folder = reserve("failing")
    write_launch(folder, running.launch.model_copy(update={"id": "failing"}))
    said = "ImportError: no such module\n2026-11-28 06:05:46 WARNING guard: that was once too often"
    with open(open_private_log(folder / HOST_LOG), "w") as stream:
        stream.write(said)
    # It has been there for a while, and nobody looks after it.
    os.utime(folder, (0, 0))
    (one,) = (one for one in cli("list", "--json").data if one["id"] == "failing")
    assert one["phase"] == "failed"
    (finding,) = (
        one for one in json.loads(cli("doctor", "--json").out) if one["what"] == "cluster failing"
    )
    assert finding["state"] == "problem"
    assert "no such module" in finding["message"]
    assert "stop failing" in finding["mend"]
    done = cli("events", "failing", "--json")
    assert (done.status, done.error["code"]) == (1, "start_failed")
    assert cli("stop", "failing").status == 0
    assert not folder.exists()


def test_interrupted(running: RunningHost, tmp_path: Path) -> None:
    change = editor(tmp_path, "s = s.replace('nthreads: 2', 'nthreads: 1')")
    process = subprocess.Popen(
        [sys.executable, "-m", "speccluster_lab.client.command", "edit", running.id],
        env=os.environ | {"EDITOR": change, "VISUAL": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has it ignored by what it runs in the background: tests, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        assert process.stderr is not None
        try:
            assert process.stderr.read(len(QUESTION)) == QUESTION
            process.send_signal(signal.SIGINT)
            _, left = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, left.strip()) == (130, "")


# -- files and editing ---------------------------------------------------------------------------


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


def test_apply_twice_changes_nothing_the_second_time(place: Hosts, tmp_path: Path) -> None:
    file = tmp_path / "etl.yaml"
    file.write_text("name: Applied\ntemplate: threads\nfields: {nthreads: 1}\nentries: 2\n")
    assert cli("plan", str(file), "--json").data == {
        "action": "start",
        "id": None,
        "plan": {"start": ["0", "1"]},
    }
    assert "applied" not in names_in_use()
    try:
        assert cli("apply", str(file), "--wait", "--json").data["id"] == "applied"
        first = cli("apply", str(file), "--json").data
        assert cli("plan", str(file), "--json").data["action"] == "none"
        done = cli("apply", str(file))
        assert (done.status, "nothing was changed" in done.out) == (0, True)
        once_more = cli("apply", "-", "--json", stdin=file.read_text()).data
        assert [once_more[key] for key in ("generation", "spec")] == [
            first[key] for key in ("generation", "spec")
        ]

        file.write_text(file.read_text().replace("nthreads: 1", "nthreads: 2"))
        planned = cli("plan", str(file), "--json").data
        assert (planned["action"], planned["plan"]["replace"]) == ("change", ["0", "1"])
        shown = cli("plan", str(file)).out
        assert "-    nthreads: 1" in shown
        assert "+    nthreads: 2" in shown
        assert "2 entries to replace: 0, 1" in shown
        changed = cli("apply", str(file), "--wait", "--json").data
        assert changed["generation"] == first["generation"] + 1
        assert {one["members"][0]["nthreads"] for one in changed["workers"]} == {2}
        assert "nothing was changed" in cli("apply", str(file)).out

        file.write_text(
            file.read_text().replace("entries: 2", "adaptive: {minimum: 1, maximum: 3}")
        )
        adapted = cli("apply", str(file), "--json").data
        assert adapted["adaptive"] == {"minimum": 1, "maximum": 3}
        assert "nothing was changed" in cli("apply", str(file)).out

        file.write_text(file.read_text().replace("template: threads", "template: local"))
        done = cli("apply", str(file), "--json")
        assert (done.status, done.error["field"]) == (2, "template")
    finally:
        cli("stop", "applied")
    assert "applied" not in names_in_use()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", None),
        ("- 1", None),
        ("template: threads", "name"),
        ("name: x", "template"),
        ("name: x\ntemplate: threads\nextra: 1", "extra"),
        ("nmae: x\ntemplate: threads", "nmae"),
        ("name: x\ntemplate: threads\nentries: -1", "entries"),
        ("name: x\ntemplate: threads\nentries: 1\nadaptive: {}", None),
        ("name: x\ntemplate: threads\nfields: {nthreads: many}", "fields.nthreads"),
        ("name: x\ntemplate: threads\nentries: 1000", "spec.workers"),
        (
            "name: x\ntemplate: threads\nspec: {worker: {options: {resources: {token: '***'}}}}",
            "spec.worker.options.resources.token",
        ),
    ],
)
def test_a_file_that_cannot_be(
    place: Hosts, here: Here, tmp_path: Path, text: str, field: str | None
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    before = names_in_use()
    for verb in ("plan", "apply"):
        done = here(verb, str(file), "--json")
        assert done.status == 2
        assert done.error.get("field") == field
    assert names_in_use() == before


def test_a_file_that_is_not_there(place: Hosts, here: Here, tmp_path: Path) -> None:
    for verb in ("apply", "plan"):
        done = here(verb, str(tmp_path / "none.yaml"), "--json")
        assert (done.status, done.error["code"]) == (3, "file_not_found")


def editor(tmp_path: Path, program: str) -> str:
    """Return the command of an editor that does what a program does to the text ``s``."""
    file = tmp_path / "editor.py"
    file.write_text(
        "import os, sys, stat\n"
        "path = sys.argv[1]\n"
        "assert stat.S_IMODE(os.stat(path).st_mode) == 0o600\n"
        f"s = open(path).read()\n{program}\nopen(path, 'w').write(s)\n"
    )
    return f"{sys.executable} {file}"


def test_edit(running: RunningHost, tmp_path: Path) -> None:
    more = editor(tmp_path, "s = s.replace('nthreads: 2', 'nthreads: 1')")
    before = running.get()
    refused = cli("edit", running.id, stdin="n\n", EDITOR=more)
    assert refused.status == 1
    assert "1 entry to replace: 0" in refused.out
    assert "Apply this? [y/N]" in refused.err
    assert running.get().generation == before.generation

    assert cli("edit", running.id, "--wait", stdin="y\n", EDITOR=more).status == 0
    after = running.get()
    assert after.generation == before.generation + 1
    assert after.workers[0].members[0].nthreads == 1

    back = editor(tmp_path, "s = s.replace('nthreads: 1', 'nthreads: 2')")
    assert cli("edit", running.id, "--yes", "--wait", VISUAL=back).status == 0
    assert running.get().spec == before.spec
    told = cli("edit", running.id, EDITOR=editor(tmp_path, "print(s)"))
    assert "`worker` is what new entries are made of" in told.out


def test_edit_that_comes_to_nothing(
    running: RunningHost, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = running.get().generation
    for program in ("pass", "s += '# only a remark'"):
        same = cli("edit", running.id, EDITOR=editor(tmp_path, program))
        assert (same.status, "Nothing was changed" in same.out) == (1, True)
    for program in ("s = '{'", "s = '[]'", "s = s.replace('nthreads: 2', 'nthreads: -2')"):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        done = cli("edit", running.id, "--json", stdin="n\n", EDITOR=editor(tmp_path, program))
        assert (done.status, "kept in" in done.error["message"]) == (2, True)
    for command in ("false", "no-such-editor", "'"):
        monkeypatch.setenv("VISUAL", "")
        monkeypatch.setenv("EDITOR", command)
        done = here("edit", running.id)
        assert (done.status, "the editor" in done.err) == (2, True)
    assert running.get().generation == generation


def test_an_edit_that_comes_too_late(running: RunningHost, tmp_path: Path) -> None:
    other = f"{sys.executable} -m speccluster_lab.client.command scale {running.id} 2"
    late = editor(
        tmp_path,
        f"import subprocess; subprocess.run({other.split()!r}); s = s.replace(': 2', ': 1')",
    )
    done = cli("edit", running.id, "--yes", "--json", EDITOR=late)
    assert (done.status, done.error["code"]) == (1, "stale_generation")
    kept = Path(done.error["message"].rpartition("kept in ")[2].strip("'"))
    assert "nthreads: 1" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    kept.unlink()
    assert cli("scale", running.id, "1", "--wait").status == 0


# -- doctor --------------------------------------------------------------------------------------


def findings() -> dict[str, dict[str, str]]:
    return {one["what"]: one for one in json.loads(cli("doctor", "--json").out)}


def test_doctor_finds_nothing_where_nothing_is_wrong(running: RunningHost) -> None:
    done = cli("doctor")
    assert "brave-otter" in done.out
    assert not [one for one in findings().values() if one["state"] == "problem"]
    assert done.status == 0


def test_doctor(place: Hosts, running: RunningHost, tmp_path: Path) -> None:
    content = json.loads(connection_file(running.id).read_text())
    stale = connections_folder() / "stale.json"
    stale.write_text(json.dumps({**content, "id": "stale", "pid": 2**22 - 1}))
    stale.chmod(0o600)
    open_one = connections_folder() / "open.json"
    open_one.write_text(json.dumps({**content, "id": "open"}))
    open_one.chmod(0o666)
    template_file("broken").parent.mkdir(parents=True, exist_ok=True)
    template_file("broken").write_text("name: broken")
    try:
        found = findings()
        assert "has ended" in found["stale.json"]["message"]
        assert "lets other users in" in found["open.json"]["message"]
        assert f"rm {open_one}" in found["open.json"]["mend"]
        assert found[str(template_file("broken"))]["state"] == "problem"
        assert cli("doctor").status == 1
    finally:
        for file in (stale, open_one, template_file("broken")):
            file.unlink()
    # Nothing is changed by looking.
    assert GUARD_FILE in {one.name for one in running.folder.iterdir()}


def test_doctor_sees_settings_that_cannot_be(place: Hosts, tmp_path: Path) -> None:
    wrong = {"SpecClusterLab": {"max_workers": "many"}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(wrong))
    done = cli("doctor", JUPYTER_CONFIG_DIR=str(tmp_path))
    assert done.status == 1
    assert "'max_workers'" in done.out
    assert "jupyter --paths" in done.out


def test_doctor_sees_folders_that_cannot_be_used(place: Hosts, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    (runtime / "speccluster-lab").mkdir(parents=True)
    (runtime / "speccluster-lab").chmod(0o755)
    done = cli("doctor", JUPYTER_RUNTIME_DIR=str(runtime))
    assert done.status == 1
    assert "lets other users in" in done.out
    assert "chmod 700" in done.out
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    done = cli("doctor", XDG_RUNTIME_DIR="", TMPDIR=str(deep))
    assert done.status == 1
    assert "set XDG_RUNTIME_DIR or TMPDIR" in done.out

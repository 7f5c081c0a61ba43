"""The command line: specs, edited and kept in files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import cli, editor

from speccluster_lab.link.launch import names_in_use

if TYPE_CHECKING:
    from command_line import Here
    from running_hosts import Hosts, RunningHost

QUESTION = "Apply this? [y/N]"


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
        assert (same.status, "Nothing was changed" in same.out) == (0, True)
    same = cli("edit", running.id, "--json", EDITOR=editor(tmp_path, "pass"))
    assert same.data["generation"] == generation
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


def test_a_file_with_a_whole_spec(place: Hosts, tmp_path: Path) -> None:
    file = tmp_path / "whole.yaml"
    file.write_text(
        "name: Whole\ntemplate: local\nentries: 1\n"
        "whole: {worker: {cls: distributed.Worker, options: {nthreads: 1}}}\n"
    )
    assert cli("plan", str(file), "--json").data["plan"] == {"start": ["0"]}
    try:
        assert cli("apply", str(file), "--wait", "--json").data["id"] == "whole"
        spec = cli("apply", str(file), "--json").data["spec"]
        assert [spec["worker"], spec["workers"]["0"]] == [
            {"cls": "distributed.Worker", "options": {"nthreads": 1}}
        ] * 2
        assert cli("plan", str(file), "--json").data["action"] == "none"
        file.write_text(file.read_text().replace("nthreads: 1", "nthreads: 2"))
        changed = cli("apply", str(file), "--wait", "--json").data
        assert changed["workers"][0]["members"][0]["nthreads"] == 2
    finally:
        cli("stop", "whole")


def test_a_file_that_ends_adaptive_scaling_may_take_its_worker_form_away(
    place: Hosts, tmp_path: Path
) -> None:
    file = tmp_path / "adaptive.yaml"
    worker = "{cls: distributed.Worker, options: {nthreads: 1}}"
    text = f"name: Adaptive\ntemplate: threads\nwhole: {{%s: {worker}}}\n"
    file.write_text(text % "worker" + "adaptive: {minimum: 0, maximum: 3}\n")
    try:
        assert cli("apply", str(file), "--wait").status == 0
        file.write_text(text.replace(worker, f"{{a: {worker}}}") % "workers")
        planned = cli("plan", str(file), "--json").data
        assert (planned["action"], planned["plan"]["start"]) == ("change", ["a"])
        assert "Adaptive scaling would be ended." in cli("plan", str(file)).out
        applied = cli("apply", str(file), "--wait", "--json").data
        assert (applied["adaptive"], applied["spec"]["worker"]) == (None, None)
        assert list(applied["spec"]["workers"]) == ["a"]
    finally:
        cli("stop", "adaptive")


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
        (
            "name: x\ntemplate: threads\nentries: 1\n"
            "whole: {workers: {a: {cls: distributed.Worker}}}",
            None,
        ),
        ("name: x\ntemplate: threads\nspec: {}\nwhole: {}", None),
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

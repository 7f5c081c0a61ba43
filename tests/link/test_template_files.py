"""Templates that are no part of the package: an administrator's, and the user's own."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
import yaml

from speccluster_lab.errors import InvalidInput, NotStored, TemplateNotFound
from speccluster_lab.link.templates import (
    delete_template,
    get_template,
    known_templates,
    look_for_templates,
    template_file,
    write_template,
)
from speccluster_lab.spec.templates import shipped_templates

if TYPE_CHECKING:
    from pathlib import Path

MINE = {
    "name": "mine",
    "title": "Mine",
    "fields": {"nthreads": {"type": "integer", "title": "Threads", "default": 3}},
    "spec": {
        "worker": {"cls": "distributed.Nanny", "options": {"nthreads": {"$field": "nthreads"}}}
    },
}


def put(text: str | dict[str, object], name: str = "mine") -> Path:
    file = template_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
    return file


def test_those_that_ship_are_always_there() -> None:
    assert known_templates() == dict(shipped_templates())
    found = look_for_templates()
    assert (found.files, found.own) == ([], frozenset())


def test_the_users_own_is_there() -> None:
    put(MINE)
    assert list(known_templates()) == ["grouped", "local", "mine", "threads"]
    spec = get_template("mine").make_spec({})
    assert spec.workers["0"].options == {"nthreads": 3}


def test_the_users_own_comes_before_an_administrators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "admin" / "speccluster-lab" / "templates"
    folder.mkdir(parents=True)
    for name in ("mine", "local"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**MINE, "name": name, "title": "Ad"}))
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_JUPYTER_PATH", [str(tmp_path / "admin")])
    assert {get_template("mine").title, get_template("local").title} == {"Ad"}
    assert look_for_templates().own == frozenset()
    put(MINE)
    assert (get_template("mine").title, get_template("local").title) == ("Mine", "Ad")
    assert look_for_templates().own == {"mine"}
    # What comes before the user's folder counts in its place.
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "admin"))
    assert (get_template("mine").title, look_for_templates().own) == ("Ad", frozenset())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no YAML"),
        ("\x00", "no YAML"),
        ("- 1", "no mapping"),
        ("name: mine", "title: Field required"),
        (yaml.safe_dump({**MINE, "name": "other"}), "its name is 'other'"),
        (yaml.safe_dump({**MINE, "extra": 1}), "extra"),
        ("x" * 300_000, "more than"),
        ("a: &a [1]\nb: !!python/object/apply:os.getcwd []", "no YAML"),
    ],
)
def test_one_that_cannot_be_used_disturbs_no_other(text: str, why: str) -> None:
    file = put(text)
    found = look_for_templates()
    assert list(found.templates) == list(shipped_templates())
    (one,) = found.files
    assert (one.path, one.template) == (file, None)
    assert why in str(one.why)
    with pytest.raises(TemplateNotFound, match=r"'mine' cannot be used: .*"):
        get_template("mine")


def test_one_that_anybody_can_write_is_not_used() -> None:
    put(MINE).chmod(0o666)
    with pytest.raises(TemplateNotFound, match="every user can write it"):
        get_template("mine")


def test_one_that_anybody_can_exchange_is_not_used() -> None:
    file = put(MINE)
    file.parent.chmod(0o1777)
    assert "mine" not in known_templates()
    assert [one.why for one in look_for_templates().files] == [
        "every user can put one there (mode 1777)"
    ]
    file.parent.chmod(0o775)
    assert "mine" in known_templates()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("merged", [False, True])
def test_one_that_repeats_itself_without_end_holds_up_nobody(merged: bool) -> None:
    def line(number: int) -> str:
        if not number:
            return "  a0: &a0 {x: 1}"
        last = ", ".join([f"*a{number - 1}"] * 9)
        said = f"{{<<: [{last}]}}" if merged else f"[{last}]"
        return f"  a{number}: &a{number} {said}"

    put("name: mine\ntitle: Mine\nspec:\n" + "\n".join(map(line, range(30))))
    (file,) = look_for_templates().files
    assert file.why == "with what it repeats it has more than 262144 values"
    put("&a {name: *a}")
    (file,) = look_for_templates().files
    assert file.why == "with what it repeats it has more than 262144 values"


def test_one_that_repeats_a_part_of_it_will_do() -> None:
    text = yaml.safe_dump({**MINE, "fields": {}}).replace("$field: nthreads", "a: 1")
    put(f"{text}fields: {{a: &a {{type: integer, title: A, default: 1}}, b: {{<<: *a, title: B}}}}")
    fields = get_template("mine").fields
    assert [(name, one.title) for name, one in fields.items()] == [("a", "A"), ("b", "B")]


@pytest.mark.timeout(20)
def test_one_that_is_no_file_is_not_waited_for() -> None:
    file = put(MINE)
    file.unlink()
    os.mkfifo(file, 0o600)
    assert [one.why for one in look_for_templates().files] == ["it is no regular file"]


def test_an_unknown_one_says_which_there_are() -> None:
    with pytest.raises(TemplateNotFound, match="known are: grouped, local, threads"):
        get_template("nope")


def test_it_is_written_and_read_back() -> None:
    template = shipped_templates()["grouped"].model_copy(update={"name": "mine", "initial": 2})
    file = write_template(template)
    assert file == template_file("mine")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert get_template("mine") == template
    with pytest.raises(InvalidInput, match="already") as caught:
        write_template(template)
    assert caught.value.field == "name"
    write_template(template.model_copy(update={"initial": 3}), replace=True)
    assert get_template("mine").initial == 3


def test_it_is_deleted() -> None:
    write_template(shipped_templates()["grouped"].model_copy(update={"name": "mine"}))
    for _ in range(2):
        delete_template("mine")
        assert "mine" not in known_templates()


def test_what_no_reader_would_take_is_not_written() -> None:
    description = "x" * 300_000
    template = shipped_templates()["local"].model_copy(
        update={"name": "mine", "description": description}
    )
    with pytest.raises(InvalidInput, match="more than"):
        write_template(template)
    assert not template_file("mine").exists()


def test_a_folder_that_a_person_has_made_will_do() -> None:
    file = put(MINE)
    file.parent.chmod(0o755)
    template = get_template("mine").model_copy(update={"name": "other"})
    write_template(template)
    assert get_template("other") == template
    file.parent.chmod(0o777)
    with pytest.raises(NotStored, match="lets other users in"):
        write_template(template, replace=True)


def test_a_folder_that_cannot_be_used_is_said() -> None:
    file = template_file("mine")
    file.parent.parent.mkdir(parents=True)
    file.parent.write_text("")
    template = shipped_templates()["local"].model_copy(update={"name": "mine"})
    with pytest.raises(NotStored, match="cannot be written"):
        write_template(template)

"""The editor of a spec: as a form and as code, planned, applied, refused, disputed, undone."""

from __future__ import annotations

import copy
import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accessibility import violations, weak_contrasts
from playwright.sync_api import expect
from test_accessibility import THEMES, expect_for_everybody
from test_panel import addresses, refused, start, tab_to
from waiting import wait_until

import speccluster_lab

if TYPE_CHECKING:
    from clusterpanel import SpecEditor
    from labpage import LabPage
    from labserver import LabServer


def test_code_is_planned_before_it_is_applied(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Coded")
    editor = open_editor(lab, "Coded")
    editor.show("Code")
    editor.root.get_by_label("Written as").select_option("yaml")
    expect(editor.text).to_contain_text("nthreads: 2")
    spec = with_threads(before["spec"], 4)
    editor.write(json.dumps(spec))
    expect(editor.plan).to_contain_text("replace 1 entry, rolling")
    expect(editor.plan).to_contain_text("nthreads 2 → 4")
    assert server.cluster(before["id"])["generation"] == before["generation"]
    editor.apply()
    editor.expect_generation(before["generation"] + 1)
    expect(editor.plan).to_be_hidden()
    wait_until(lambda: server.cluster(before["id"])["counts"]["nthreads"] == 4, "it has 4 threads")
    lab.panel.card("Coded").expect_settled(1)
    # It is there again as it was left when JupyterLab is opened the next time.
    editor.show("History")
    expect(editor.root.get_by_role("heading", name="Generation 1")).to_be_visible()
    kept = server.home / "workspaces"
    wait_until(
        lambda: any('"view":"history"' in file.read_text() for file in kept.iterdir()),
        "JupyterLab keeps how it is",
    )
    lab.page.reload()
    lab.wait_until_ready()
    expect(editor.root.get_by_role("tab", name="History", selected=True)).to_be_visible()
    editor.show("Code")
    expect(editor.text).to_contain_text("nthreads: 4")


def test_what_is_typed_is_undone_and_is_not_lost_to_a_reload(
    lab: LabPage, server: LabServer
) -> None:
    start(server, "threads", "Typed")
    editor = open_editor(lab, "Typed")
    editor.show("Code")
    expect(editor.text).to_contain_text("scheduler")
    editor.text.press("ControlOrMeta+Home")
    editor.text.press("ControlOrMeta+z")
    expect(editor.text).to_contain_text("scheduler")
    editor.text.press("x")
    for again in ("ControlOrMeta+y", "ControlOrMeta+Shift+Z"):
        expect(editor.text).to_contain_text("x{")
        editor.text.press("ControlOrMeta+z")
        expect(editor.text).not_to_contain_text("x{")
        editor.text.press(again)
    expect(editor.text).to_contain_text("x{")
    # The page asks before it is left, and here it stays.
    lab.troubles.expected.append("dialog: beforeunload")
    with lab.page.expect_event("dialog") as asked:
        lab.page.evaluate("() => void setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    expect(editor.text).to_contain_text("x{")
    lab.troubles.found.clear()
    lab.troubles.expected.clear()
    editor.button("Revert").click()
    expect(editor.text).not_to_contain_text("x{")
    lab.page.reload()
    lab.wait_until_ready()


def test_a_form_is_drawn_from_what_the_class_takes(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Formed")
    editor = open_editor(lab, "Formed")
    expect(editor.field("Class")).to_have_value("distributed.Worker")
    editor.field("nthreads").fill("-1")
    expect(editor.field("nthreads")).to_have_attribute("aria-invalid", "true")
    expect(editor.root.get_by_text("must be 1 or more")).to_be_visible()
    lab.troubles.expected.append(refused(422))
    expect(editor.plan).to_contain_text("workers.0.options.nthreads")
    editor.field("nthreads").fill("3")
    editor.field("Another option").fill("resources")
    editor.button("Show").click()
    editor.button("Duplicate").click()
    expect(editor.field("Entry")).to_have_value("=1")
    editor.field("Name").fill("big")
    editor.field("Name").press("Enter")
    expect(editor.root.get_by_text("those that are the same: 0")).to_be_visible()
    editor.field("Change as well").check()
    editor.field("nthreads").fill("4")
    expect(editor.plan).to_contain_text("replace 1 entry, rolling, start 1 entry")
    editor.apply()
    editor.expect_generation(before["generation"] + 1)
    lab.panel.card("Formed").expect_settled(2)
    after = server.cluster(before["id"])["spec"]
    assert after["workers"].keys() == {"0", "big"}
    assert {one["options"]["nthreads"] for one in after["workers"].values()} == {4}
    assert after["worker"] == before["spec"]["worker"]


def test_how_many_an_entry_is_what_they_are_called_and_of_which_class(
    lab: LabPage, server: LabServer
) -> None:
    before = start(server, "grouped", "Herd")
    editor = open_editor(lab, "Herd")
    # What the class says of itself is there: also that one of its options goes with the number.
    expect(editor.root.get_by_text("A worker class whose entries are")).to_be_visible()
    expect(editor.field("Workers")).to_have_value("3")
    editor.field("Workers").fill("2")
    editor.field("Suffix pattern").fill("-w")
    expect(editor.root.get_by_text("needs {i}, or all would be")).to_be_visible()
    editor.field("Suffix pattern").fill("-w{i}")
    expect(editor.root.get_by_text("{i} is the number of the worker: -w0 -w1")).to_be_visible()
    expect(editor.plan).to_contain_text("replace 1 entry, rolling")
    editor.apply()
    editor.expect_generation(before["generation"] + 1)
    card = lab.panel.card("Herd")
    card.expect_settled(2)
    card.open()
    assert card.member_names() == ["0-w0", "0-w1"]
    entry = server.cluster(before["id"])["spec"]["workers"]["0"]
    assert entry["group"] == ["-w0", "-w1"]
    assert entry["options"]["processes"] == 2

    editor.field("a group").uncheck()
    editor.field("Class").select_option("distributed.Nanny")
    expect(editor.root.get_by_text("A process to manage worker processes")).to_be_visible()
    editor.field("Another option").fill("quiet")
    editor.button("Show").click()
    expect(editor.field("quiet")).to_be_visible()
    expect(editor.field("Suffix pattern")).to_have_count(0)
    lab.troubles.expected.append(refused(422))
    editor.field("memory_limit").fill("much")
    field = editor.field("memory_limit").locator("../..")
    # Its schema takes any text: that is what the server says.
    expect(field.get_by_text('text such as "6 GiB"')).to_be_visible()
    expect(editor.field("memory_limit")).to_have_attribute("aria-invalid", "true")
    editor.field("memory_limit").fill("1 GiB")
    expect(editor.plan).to_contain_text("replace 1 entry, rolling")
    editor.apply()
    editor.expect_generation(before["generation"] + 2)
    card.expect_settled(1)
    assert server.cluster(before["id"])["workers"][0]["cls"] == "distributed.Nanny"


def test_code_is_helped_with(lab: LabPage, server: LabServer) -> None:
    start(server, "threads", "Helped")
    editor = open_editor(lab, "Helped")
    editor.show("Code")
    lab.panel.card("Helped").button("Edit spec").click()
    expect(lab.page.get_by_role("main").get_by_role("tab", name="Helped")).to_have_count(1)
    # The one that was there, as it was.
    expect(editor.root.get_by_role("tab", name="Code", selected=True)).to_be_visible()
    lab.troubles.expected.append(refused(422))
    entry = {"cls": "distributed.Worker", "options": {"nthread": 2, "memory": 1}}
    editor.write(json.dumps({"workers": {"0": entry}}))
    # Of the first the server says it, and of no other.
    expect(editor.plan).to_contain_text("takes no option 'nthread'")
    editor.text.locator(".cm-lintRange-error").filter(has_text="memory").hover()
    expect(lab.page.get_by_text("is not known here", exact=True)).to_be_visible()

    entry["options"] = {}
    editor.write(json.dumps({"workers": {"0": entry}}))
    for _ in range(4):
        lab.page.keyboard.press("ArrowLeft")
    lab.page.keyboard.press("Control+Space")
    offered = lab.page.get_by_role("listbox", name="Completions").get_by_role("option")
    expect(offered.filter(has_text="nthreads")).to_be_visible()
    offered.filter(has_text="memory_limit").click()
    expect(editor.text).to_contain_text('{"memory_limit": }')


def test_what_is_wrong_is_said_beside_the_editor(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Wrong")
    card = lab.panel.card("Wrong")
    card.expect_settled(1)
    card.button("Edit spec").click()
    editor = lab.editor("Wrong")
    editor.show("Code")
    lab.troubles.expected.append(refused(422))

    def change(*path: str, to: Any) -> str:
        spec = copy.deepcopy(before["spec"])
        part = spec
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = to
        return json.dumps(spec, indent=2)

    entry = before["spec"]["workers"]["0"]
    wrong = [
        ('{"scheduler": {', None, "Not JSON"),
        ("[]", None, "A spec is a JSON object."),
        (change("adaptive", to={"minimum": 1}), "adaptive", "Extra inputs are not permitted"),
        (change("workers", to=[]), "workers", "dictionary"),
        (change("workers", "0", "cls", to=1), "workers.0.cls", "string"),
        (change("workers", "0", "cls", to="os.system"), "workers.0.cls", "is not allowed here"),
        (
            change("workers", "0", "options", "preload", to=["os"]),
            "workers.0.options.preload",
            "only templates may set it",
        ),
        (
            change("workers", "0", "options", "threads", to=2),
            "workers.0.options.threads",
            "takes no option 'threads'",
        ),
        (
            change("workers", "0", "options", "nthreads", to=-1),
            "workers.0.options.nthreads",
            "greater than or equal to 1",
        ),
        (
            change("workers", "0", "options", "memory_limit", to="much"),
            "workers.0.options.memory_limit",
            'text such as "6 GiB"',
        ),
        (change("workers", "a\nb", to=entry), "workers.a\nb", "control characters"),
        (change("workers", to={str(i): entry for i in range(65)}), "workers", "65 workers are"),
        (change("scheduler", "options", to={"port": 1}), "scheduler", "cannot be changed"),
    ]
    for text, field, message in wrong:
        editor.write(text)
        editor.apply()
        expect(editor.notice).to_contain_text(message)
        if field is not None:
            expect(editor.notice.get_by_role("code").first).to_have_text(field)
        # What was written is still there to be put right.
        expect(editor.button("Apply")).to_be_enabled()
    after = server.cluster(before["id"])
    assert after["generation"] == before["generation"]
    assert after["spec"] == before["spec"]
    assert addresses(after) == addresses(before)

    editor.button("Revert").click()
    expect(editor.notice).to_be_hidden()
    expect(editor.button("Apply")).to_be_disabled()


def test_whoever_was_slower_chooses(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Shared")
    editor = open_editor(lab, "Shared")
    editor.field("nthreads").fill("7")
    expect(editor.plan).to_contain_text("nthreads 2 → 7")
    elsewhere = server.scale(before["id"], 2)
    expect(editor.notice).to_contain_text("changed elsewhere")
    expect(editor.button("Apply")).to_be_disabled()
    editor.button("Compare").click()
    rows = editor.root.get_by_role("row")
    expect(rows.filter(has_text="workers.0.options.nthreads")).to_contain_text("272")
    expect(rows.filter(has_text="workers.1")).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(editor.root)
    assert server.cluster(before["id"])["spec"] == elsewhere["spec"]

    editor.button("Keep mine on top").click()
    expect(editor.notice).to_have_count(0)
    expect(editor.plan).to_contain_text("replace 1 entry, rolling")
    assert server.cluster(before["id"])["spec"] == elsewhere["spec"]
    editor.apply()
    editor.expect_generation(elsewhere["generation"] + 1)
    after = server.cluster(before["id"])["spec"]
    assert after == with_threads(elsewhere["spec"], 7)

    editor.field("nthreads").fill("9")
    server.scale(before["id"], 1)
    editor.button("Take theirs").click()
    expect(editor.notice).to_have_count(0)
    expect(editor.field("nthreads")).to_have_value("7")
    expect(editor.button("Apply")).to_be_disabled()


def test_what_was_wanted_before_is_wanted_again(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Undone")
    server.scale(before["id"], 2)
    editor = open_editor(lab, "Undone")
    lab.panel.card("Undone").expect_settled(2)
    editor.show("History")
    earlier = editor.root.get_by_role("listitem").filter(has_text="Generation 1")
    expect(earlier).to_contain_text("workers.1")
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(editor.root)
    editor.show("Code")
    expect(editor.text).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        assert violations(editor.root) == []
        assert weak_contrasts(editor.root.locator(".cm-gutters")) == []
    editor.show("History")
    earlier.get_by_role("button", name="Go back to this").click()
    expect(editor.plan).to_contain_text("retire 1 entry")
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(editor.plan)
    editor.apply()
    editor.expect_generation(before["generation"] + 2)
    lab.panel.card("Undone").expect_settled(1)
    assert server.cluster(before["id"])["spec"] == before["spec"]


def test_a_notebook_makes_the_same_cluster(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", 'It\'s "mine"')
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    editor = open_editor(lab, 'It\'s "mine"')
    editor.button("Copy as Python").click()
    expect(editor.root.get_by_text("Copied", exact=True)).to_be_visible()
    code = lab.page.evaluate("() => navigator.clipboard.readText()")
    lab.page.get_by_role("button", name="New Launcher").click()
    notebook = lab.new_notebook()
    notebook.write(0, code)
    notebook.run(0)
    shown = "import json; print(json.dumps([cluster.name, cluster.document().model_dump()]))"
    name, spec = json.loads(notebook.compute(shown))
    assert name == 'It\'s "mine"'
    assert spec["worker"] == before["spec"]["worker"]
    assert spec["workers"] == before["spec"]["workers"]
    notebook.compute("cluster.close()")


def test_the_editor_is_used_by_keyboard(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Typed")
    editor = open_editor(lab, "Typed")
    expect(editor.field("nthreads")).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(editor.root)
    press = lab.page.keyboard.press
    editor.root.get_by_role("tab", name="Form").focus()
    press("ArrowRight")
    expect(editor.root.get_by_role("tab", name="Code", selected=True)).to_be_focused()
    press("ArrowLeft")
    editor.field("nthreads").focus()
    press("ControlOrMeta+a")
    lab.page.keyboard.type("3")
    expect(editor.plan).to_contain_text("replace 1 entry")
    apply = editor.button("Apply")
    for _ in range(20):
        if apply.evaluate("node => node === document.activeElement"):
            break
        press("Tab")
    expect(apply).to_be_focused()
    press("Enter")
    editor.expect_generation(before["generation"] + 1)
    # There is nothing to be applied any more, and the focus goes on.
    expect(editor.root.get_by_role("tab", name="Form")).to_be_focused()


def test_apply_keeps_the_focus_while_a_cluster_scales_by_itself(
    lab: LabPage, server: LabServer
) -> None:
    made = start(server, "threads", "Tidal")
    server.adapt(made["id"], 1, 3)
    editor = open_editor(lab, "Tidal")
    editor.field("nthreads").fill("3")
    expect(editor.plan).to_contain_text("replace 1 entry")
    apply = editor.button("Apply")
    tab_to(lab, apply)
    # It is asked anew what the change would do, and Apply cannot be pressed meanwhile.
    server.adapt(made["id"], 2, 3)
    expect(editor.plan).to_contain_text("keep")
    expect(apply).to_be_focused()
    generation = server.cluster(made["id"])["generation"]
    lab.page.keyboard.press("Enter")
    editor.expect_generation(generation + 1)


def test_a_conflict_is_settled_by_keyboard(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Disputed")
    editor = open_editor(lab, "Disputed")
    press = lab.page.keyboard.press
    editor.field("nthreads").focus()
    press("ControlOrMeta+a")
    lab.page.keyboard.type("7")
    expect(editor.plan).to_contain_text("nthreads 2 → 7")
    elsewhere = server.scale(before["id"], 2)
    expect(editor.notice).to_contain_text("changed elsewhere")
    # It takes nothing out of the hands of somebody who is typing.
    expect(editor.field("nthreads")).to_be_focused()
    tab_to(lab, editor.button("Compare"), back=True)
    press("Enter")
    tab_to(lab, editor.root.get_by_role("region", name="Both changes"))
    tab_to(lab, editor.button("Keep mine on top"), back=True)
    press("Enter")
    expect(editor.root.get_by_role("tab", name="Form")).to_be_focused()
    expect(editor.plan).to_contain_text("replace 1 entry, rolling")
    tab_to(lab, editor.button("Apply"))
    press("Enter")
    editor.expect_generation(elsewhere["generation"] + 1)
    assert server.cluster(before["id"])["spec"] == with_threads(elsewhere["spec"], 7)

    editor.field("nthreads").focus()
    press("ControlOrMeta+a")
    lab.page.keyboard.type("9")
    server.scale(before["id"], 1)
    expect(editor.notice).to_contain_text("changed elsewhere")
    tab_to(lab, editor.button("Take theirs"), back=True)
    press("Enter")
    expect(editor.notice).to_have_count(0)
    expect(editor.root.get_by_role("tab", name="Form")).to_be_focused()
    expect(editor.field("nthreads")).to_have_value("7")


def test_what_is_not_used_is_not_loaded(lab: LabPage, server: LabServer) -> None:
    start(server, "threads", "Light")
    first = loaded(lab)
    # As they are built for developers, who want them legible: others get half of it. Nobody else
    # gets the comments.
    codes = [re.sub(rb"/\*.*?\*/", b"", code, flags=re.DOTALL) for code in first.values()]
    assert 50_000 < sum(len(gzip.compress(code)) for code in codes) < 100_000
    editor = open_editor(lab, "Light")
    expect(editor.field("nthreads")).to_be_visible()
    form = loaded(lab).keys() - first.keys()
    assert any("formview" in name for name in form)
    assert not any("lint" in name for name in form)
    editor.show("Code")
    wait_until(lambda: any("lint" in name for name in loaded(lab)), "what helps is there")


def loaded(lab: LabPage) -> dict[str, bytes]:
    """Return the code of ours that the page has loaded, by the names of its files."""
    urls: list[str] = lab.page.evaluate(
        """() => performance.getEntriesByType('resource').map(({ name }) => name)
            .filter(name => /speccluster-lab\\/static\\/.*\\.js/.test(name))"""
    )
    folder = Path(speccluster_lab.__file__).parent / "labextension" / "static"
    names = {re.sub(r".*/|[?].*", "", url) for url in urls}
    assert names
    return {name: (folder / name).read_bytes() for name in names}


def open_editor(lab: LabPage, name: str) -> SpecEditor:
    """Open the editor of a cluster from its card."""
    lab.panel.card(name).button("Edit spec").click()
    return lab.editor(name)


def with_threads(spec: Any, count: int) -> Any:
    """Return a spec whose entry ``0`` has so many threads."""
    changed = copy.deepcopy(spec)
    changed["workers"]["0"]["options"]["nthreads"] = count
    return changed

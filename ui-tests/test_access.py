"""Who may only look changes nothing; and where else clusters are listed."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from feed import Feed
from labserver import API
from looks import everything
from playwright.sync_api import expect
from test_panel import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import BrowserContext

LIMITED: Final = """\
from pathlib import Path

from jupyter_server.auth import Authorizer


class Limited(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "speccluster" or action in Path("allowed").read_text().split()


c.ServerApp.authorizer_class = Limited
"""

# What a person can do who may look.
LOOKS: Final = {
    "speccluster-lab:edit-spec",
    "speccluster-lab:open-dashboard",
    "speccluster-lab:open-logs",
    "speccluster-lab:insert-client-code",
    "speccluster-lab:insert-entry-code",
    "speccluster-lab:copy-client-code",
    "speccluster-lab:connect-automatically",
    "speccluster-lab:show-panel",
    "speccluster-lab:filter-clusters",
    "speccluster-lab:order-clusters",
    "speccluster-lab:group-clusters",
}
# And where the editor of a spec is in view.
SEES_SPEC: Final = {
    "speccluster-lab:copy-spec-code",
    "speccluster-lab:show-spec-view",
    "speccluster-lab:write-spec-as",
    "speccluster-lab:choose-entry",
}
# And one who may write as well, but have no code run that is not known yet.
WRITES: Final = {
    "speccluster-lab:scale-cluster",
    "speccluster-lab:adapt-cluster",
    "speccluster-lab:restart-cluster",
    "speccluster-lab:stop-cluster",
    "speccluster-lab:retry-entry",
    "speccluster-lab:restart-entry",
    "speccluster-lab:save-template",
}


@pytest.fixture(scope="module")
def limited(new_server: Callable[..., LabServer]) -> LabServer:
    """Start a server that allows what its file ``allowed`` says."""
    server = new_server("limited")
    (server.home / "config").mkdir()
    (server.home / "config" / "jupyter_server_config.py").write_text(LIMITED)
    allow(server, "read write execute")
    server.start()
    return server


def test_who_may_only_look_is_offered_nothing_else(
    limited: LabServer,
    context: BrowserContext,
    open_lab: Callable[[LabServer], LabPage],
) -> None:
    server = limited
    allow(server, "read")
    refused = server.request("POST", f"{API}/clusters", {"template": "threads"})
    assert refused.status == 403
    Feed(context, *everything())
    lab = open_lab(server)
    root = lab.panel.root
    expect(root.get_by_text("read only", exact=True)).to_be_visible()
    expect(lab.panel.cards).to_have_count(5)
    for name in ("New cluster", "Edit spec", "Stop", "Scale", "More entries", "Restart"):
        expect(root.get_by_role("button", name=name, exact=True)).to_have_count(0)
    assert enabled(lab) == LOOKS
    # The server does not know the feed's cluster, and says so.
    lab.troubles.expected.append(r"status of 404 ")
    lab.page.evaluate(
        "id => jupyterapp.commands.execute('speccluster-lab:edit-spec', { id })", "brave-otter"
    )
    editor = lab.editor("Brave otter")
    expect(editor.root.get_by_text("Read only", exact=True)).to_be_visible()
    expect(editor.field("Class")).to_be_disabled()
    for name in ("Apply", "Revert", "Add", "Remove"):
        expect(editor.button(name)).to_have_count(0)
    assert enabled(lab) == LOOKS | SEES_SPEC


def test_who_may_write_scales_and_stops_and_brings_in_no_code(
    limited: LabServer, open_lab: Callable[[LabServer], LabPage]
) -> None:
    server = limited
    allow(server, "read write execute")
    cluster = start(server, "threads", "Lent")
    allow(server, "read write")
    for method, path, body in (
        ("POST", "/clusters", {"template": "threads"}),
        ("PUT", f"/clusters/{cluster['id']}/spec", cluster["spec"]),
    ):
        assert server.request(method, f"{API}{path}", body).status == 403
    lab = open_lab(server)
    root, card = lab.panel.root, lab.panel.card("Lent")
    card.expect_settled(1)
    expect(root.get_by_text("read only", exact=True)).to_have_count(0)
    for name in ("New cluster", "Edit spec"):
        expect(root.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(root.get_by_text("Templates", exact=True)).to_have_count(0)
    assert enabled(lab) == LOOKS | WRITES
    card.button("More entries").click()
    card.expect_settled(2)

    card.root.get_by_role("heading", name="Lent").click(button="right")
    lab.page.get_by_role("menuitem", name="Show Spec", exact=True).click()
    editor = lab.editor("Lent")
    expect(editor.root.get_by_text("Read only", exact=True)).to_be_visible()
    expect(editor.button("Apply")).to_have_count(0)
    editor.show("Code")
    expect(editor.text).to_have_attribute("aria-readonly", "true")
    assert enabled(lab) == LOOKS | WRITES | SEES_SPEC

    card.button("Stop").click()
    lab.dialog("Stop Lent?").get_by_role("button", name="Stop", exact=True).click()
    expect(card.root).to_have_count(0)


def test_a_spec_is_edited_by_keyboard(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Typed")
    lab.page.evaluate(
        "id => jupyterapp.commands.execute('speccluster-lab:edit-spec', { id })", before["id"]
    )
    editor = lab.editor("Typed")
    command(lab, "Show Spec as Code")
    command(lab, "Write Spec as YAML")
    expect(editor.text).to_contain_text("nthreads: 2")
    spec = copy.deepcopy(before["spec"])
    spec["workers"]["0"]["options"]["nthreads"] = 3
    editor.write(json.dumps(spec))
    expect(editor.button("Apply")).to_be_enabled()
    editor.text.press("ControlOrMeta+s")
    editor.expect_generation(before["generation"] + 1)
    assert server.cluster(before["id"])["spec"]["workers"]["0"]["options"]["nthreads"] == 3
    # It is not offered where there is nothing to apply, and the browser saves no page.
    assert "speccluster-lab:apply-spec" not in enabled(lab)
    command(lab, "Go Back to Earlier Spec…")
    lab.dialog("Which generation?").get_by_role("button", name="Ok").click()
    expect(editor.text).to_contain_text("nthreads: 2")
    expect(editor.button("Apply")).to_be_enabled()
    command(lab, "Revert Spec")
    editor.expect_generation(before["generation"] + 1)


def test_clusters_are_among_what_runs(lab: LabPage, server: LabServer) -> None:
    start(server, "threads", "Listed")
    page = lab.page
    page.get_by_role("tab", name="Running Terminals and Kernels").click()
    running = page.get_by_role("region", name="Running Sessions").first
    item = running.get_by_role("treeitem").filter(has_text="Listed")
    expect(item).to_contain_text("1 of 1 worker")
    item.hover()
    item.get_by_title("Stop").click()
    dialog = lab.dialog("Stop Listed?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(item).to_be_visible()
    running.get_by_text("Stop All").click()
    question = lab.dialog("Stop 1 cluster?")
    question.get_by_role("button", name="Stop All").click()
    expect(item).to_have_count(0)


def allow(server: LabServer, actions: str) -> None:
    """Have a server allow nothing but these actions from now on."""
    (server.home / "allowed").write_text(actions)


def test_a_log_is_filtered_by_the_palette(lab: LabPage, server: LabServer) -> None:
    start(server, "threads", "Said")
    lab.panel.card("Said").root.click(button="right")
    lab.page.get_by_role("menuitem", name="Show Log").click()
    field = lab.page.get_by_role("main").get_by_role("searchbox", name="Filter lines")
    expect(field).to_be_visible()
    command(lab, "Filter Log")
    # Not only until the palette has closed.
    lab.page.keyboard.type("scheduler")
    expect(field).to_have_value("scheduler")


def test_entries_of_a_spec_by_the_palette(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Keyed")
    lab.page.evaluate(
        "id => jupyterapp.commands.execute('speccluster-lab:edit-spec', { id })", before["id"]
    )
    editor = lab.editor("Keyed")
    command(lab, "Add Entry to Spec")
    expect(editor.field("Entry")).to_have_value("=1")
    command(lab, "Rename Entry of Spec…")
    expect(editor.field("Name")).to_be_focused()
    lab.page.keyboard.press("ControlOrMeta+a")
    lab.page.keyboard.type("big")
    lab.page.keyboard.press("Enter")
    expect(editor.field("Entry")).to_have_value("=big")
    expect(editor.plan).to_contain_text("start")
    command(lab, "Show Another Option of Entry…")
    expect(editor.field("Another option")).to_be_focused()
    command(lab, "Show Next Entry of Spec")
    expect(editor.field("Entry")).to_have_value("new")
    command(lab, "Show Next Entry of Spec")
    expect(editor.field("Entry")).to_have_value("=0")
    command(lab, "Change Entries That Are the Same as Well")
    expect(editor.field("Change as well")).to_be_checked()
    editor.field("nthreads").fill("3")
    expect(editor.plan).to_contain_text("replace 1 entry")
    command(lab, "Remove Entry from Spec")
    expect(editor.field("Entry")).to_have_value("=big")


def command(lab: LabPage, name: str) -> None:
    """Choose a command in the palette."""
    lab.page.keyboard.press("ControlOrMeta+Shift+c")
    palette = lab.page.get_by_role("dialog").filter(has=lab.page.get_by_role("searchbox"))
    lab.page.keyboard.type(name)
    lab.page.keyboard.press("Enter")
    expect(palette).to_be_hidden()


def enabled(lab: LabPage) -> set[Any]:
    """Return which of our commands can be carried out."""
    found: list[str] = lab.page.evaluate(
        """() => jupyterapp.commands.listCommands().filter(
            id => id.startsWith('speccluster-lab:') && !id.includes('restore')
              && jupyterapp.commands.isEnabled(id))"""
    )
    return set(found)

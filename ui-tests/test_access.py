"""Who may only look changes nothing; and where else clusters are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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

ONLY_LOOKS: Final = """\
from jupyter_server.auth import Authorizer


class OnlyLooks(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "speccluster" or action == "read"


c.ServerApp.authorizer_class = OnlyLooks
"""


def test_who_may_only_look_is_offered_nothing_else(
    new_server: Callable[[str], LabServer],
    context: BrowserContext,
    open_lab: Callable[[LabServer], LabPage],
) -> None:
    server = new_server("looks")
    (server.home / "config").mkdir()
    (server.home / "config" / "jupyter_server_config.py").write_text(ONLY_LOOKS)
    server.start()
    refused = server.request("POST", f"{API}/clusters", {"template": "threads"})
    assert refused.status == 403
    Feed(context, *everything())
    lab = open_lab(server)
    root = lab.panel.root
    expect(root.get_by_text("read only", exact=True)).to_be_visible()
    expect(lab.panel.cards).to_have_count(5)
    for name in ("New cluster", "Edit spec", "Stop", "Scale", "More entries", "Restart"):
        expect(root.get_by_role("button", name=name, exact=True)).to_have_count(0)
    assert enabled(lab) == {
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


def test_clusters_are_among_what_runs(lab: LabPage, server: LabServer) -> None:
    start(server, "threads", "Listed")
    page = lab.page
    page.get_by_role("tab", name="Running Terminals and Kernels").click()
    running = page.get_by_role("region", name="Running Sessions").first
    item = running.get_by_role("treeitem").filter(has_text="Listed")
    expect(item).to_contain_text("1 of 1 workers")
    item.hover()
    item.get_by_title("Stop").click()
    dialog = lab.dialog("Stop Listed?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(item).to_be_visible()
    running.get_by_text("Stop All").click()
    question = lab.dialog("Stop 1 cluster?")
    question.get_by_role("button", name="Stop All").click()
    expect(item).to_have_count(0)


def enabled(lab: LabPage) -> set[Any]:
    """Return which of our commands can be carried out."""
    found: list[str] = lab.page.evaluate(
        """() => jupyterapp.commands.listCommands().filter(
            id => id.startsWith('speccluster-lab:') && !id.includes('restore')
              && jupyterapp.commands.isEnabled(id))"""
    )
    return set(found)

"""The widget in a notebook: live and of use while a cell runs, and what is left without it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from accessibility import small_targets, violations, weak_contrasts
from playwright.sync_api import expect
from test_accessibility import THEMES
from test_panel import HOSTILE, start
from waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import Locator

# Shown by a cell that goes on as a computation would.
SHOW_AND_GO_ON: Final = """\
import pathlib, time
from speccluster_lab import connect
cluster = connect("{id}")
display(cluster)
until = time.monotonic() + 120
while time.monotonic() < until and not pathlib.Path("go").exists():
    time.sleep(0.05)"""

OWN: Final = """\
import distributed
from speccluster_lab import SpecCluster
worker = {"cls": distributed.Worker, "options": {"nthreads": 1}}
scheduler = {"cls": distributed.Scheduler, "options": {"dashboard_address": ":0"}}
cluster = SpecCluster({"0": worker}, scheduler, worker, name="Own one", publish=True)
cluster"""


def test_it_is_live_and_of_use_while_a_cell_runs(
    lab: LabPage, server: LabServer, results: Path
) -> None:
    id = start(server, "threads", HOSTILE)["id"]
    notebook = lab.new_notebook()
    if wanted := os.environ.get("IPYKERNEL_VERSION"):
        assert notebook.compute("import ipykernel; print(ipykernel.__version__)") == f"{wanted}\n"
    cell = notebook.begin(SHOW_AND_GO_ON.format(id=id))
    shown = widget(lab)
    expect(shown.get_by_text(HOSTILE, exact=True).first).to_be_visible()
    expect(shown.get_by_text("1 of 1 worker ·")).to_be_visible()
    details = shown.locator("summary")
    details.click()

    shown.get_by_role("button", name="More entries").click()
    expect(shown.get_by_text("2 of 2 workers ·")).to_be_visible()
    expect(shown.get_by_role("spinbutton", name="Entries")).to_have_value("2")
    # What somebody else changes is seen, and what is open or has the focus stays so.
    restart = shown.get_by_role("button", name="Restart 0")
    restart.focus()
    server.scale(id, 3)
    expect(shown.get_by_text("3 of 3 workers ·")).to_be_visible()
    expect(restart).to_be_focused()
    expect(shown.get_by_role("rowheader")).to_have_count(3)
    assert notebook.is_running(cell)

    shown.get_by_role("spinbutton", name="Most workers").fill("3")
    shown.get_by_role("spinbutton", name="Fewest workers").fill("2")
    shown.get_by_role("button", name="Adapt").click()
    expect(shown.get_by_text("Adaptive, 2 to 3 workers")).to_be_visible()
    shown.get_by_role("button", name="Keep this size").click()
    expect(shown.get_by_role("button", name="Fewer entries")).to_be_visible()
    assert notebook.is_running(cell)
    (server.files / "go").touch()
    wait_until(lambda: not notebook.is_running(cell), "the cell ends")
    expect(shown.get_by_role("link", name="Dashboard")).to_have_attribute(
        "href", re.compile(f"/clusters/{id}/dashboard/status$")
    )
    for theme in THEMES:
        lab.set_theme(theme)
        lab.page.screenshot(path=results / f"widget-{theme.split()[-1].lower()}.png")
        assert violations(shown) == []
        assert weak_contrasts(shown) == []
        assert small_targets(shown) == []


def test_a_saved_notebook_shows_a_table_without_its_kernel(
    lab: LabPage, server: LabServer, results: Path
) -> None:
    id = start(server, "threads", HOSTILE)["id"]
    notebook = lab.new_notebook()
    notebook.write(0, f'from speccluster_lab import connect\ncluster = connect("{id}")\ncluster')
    notebook.run(0)
    expect(widget(lab)).to_be_visible()
    assert_no_secret(notebook.save(), server, id)
    notebook.reopen()
    table = lab.page.locator(".jp-OutputArea-output table")
    expect(table).to_be_visible()
    expect(table.get_by_role("cell", name="running").first).to_be_visible()
    expect(lab.page.get_by_text(HOSTILE, exact=True).last).to_be_visible()
    expect(widget(lab)).to_have_count(0)
    lab.page.screenshot(path=results / "widget-reopened.png")


def test_a_cluster_of_the_notebook_itself_shows_the_same(lab: LabPage) -> None:
    notebook = lab.new_notebook()
    notebook.write(0, OWN)
    notebook.run(0)
    shown = widget(lab)
    expect(shown.get_by_text("1 of 1 worker ·")).to_be_visible()
    shown.get_by_role("button", name="More entries").click()
    expect(shown.get_by_text("2 of 2 workers ·")).to_be_visible()
    lab.panel.card("Own one").expect_settled(2)
    notebook.compute("cluster.close()")
    expect(shown.get_by_text("The cluster has gone")).to_be_visible()


def assert_no_secret(saved: str, server: LabServer, id: str) -> None:
    """Check that neither keys nor addresses have come into a notebook."""
    (connection,) = server.home.glob(f"runtime/speccluster-lab/*/{id}.json")
    nonce = re.search(r'"nonce": ?"([^"]+)"', connection.read_text())
    assert nonce is not None
    assert id in saved
    for secret in (server.token, nonce[1], "PRIVATE KEY", "tls://"):
        assert secret not in saved


def widget(lab: LabPage) -> Locator:
    """Return the widget that is shown."""
    return lab.page.locator(".jp-OutputArea-output .speccluster-widget")

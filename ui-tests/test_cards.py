"""The cards of many clusters, in any state: told of by a simulated feed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from feed import Feed, cluster, entry, ghost, member
from looks import everything
from playwright.sync_api import expect
from test_accessibility import THEMES, expect_for_everybody

if TYPE_CHECKING:
    from collections.abc import Callable

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import BrowserContext

OUTLINE: Final = re.compile(r" solid 2px$")


@pytest.fixture
def feed(context: BrowserContext) -> Feed:
    """Tell the pages of one cluster for each thing that can be wrong, or right."""
    return Feed(context, *everything())


@pytest.fixture
def lab(feed: Feed, server: LabServer, open_lab: Callable[[LabServer], LabPage]) -> LabPage:
    """Open JupyterLab, which is told of the clusters by the feed."""
    return open_lab(server)


@pytest.mark.parametrize(
    ("name", "phase", "texts"),
    [
        ("Brave otter", "degraded", ["5 of 6", "10", "7.1 of 20 GiB", "1-2 has gone", "3 h"]),
        ("Nightly etl", "starting", ["4 of 9", "slurm", "command line", "3 min"]),
        ("Probe", "degraded", ["start failed 5 times: ModuleNotFoundError"]),
        ("Wide heron", "running", ["Adaptive, 1 to 12", "ends in 10 minutes"]),
        ("Shy marten", "failed", ["explore.ipynb", "killed by signal 9"]),
    ],
)
def test_a_card_says_how_its_cluster_is(
    lab: LabPage, name: str, phase: str, texts: list[str]
) -> None:
    card = lab.panel.card(name)
    card.expect_phase(phase)
    for text in texts:
        expect(card.root).to_contain_text(text)


def test_the_lines_that_say_why_are_there_on_demand(lab: LabPage) -> None:
    root = lab.panel.card("Probe").root
    lines = root.get_by_text("RuntimeError: Nanny failed to start.")
    expect(lines).to_be_hidden()
    root.get_by_text("3 lines of it").focus()
    lab.page.keyboard.press("Enter")
    expect(lines).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(root)


def test_progress_ends_when_all_is_there(lab: LabPage, feed: Feed) -> None:
    card = lab.panel.card("Nightly etl")
    progress = card.root.get_by_role("progressbar", name="Workers registered")
    expect(progress).to_have_attribute("aria-valuenow", "4")
    expect(progress).to_have_attribute("aria-valuemax", "9")
    feed.put(cluster("nightly-etl", [entry(str(i), [member(str(i))]) for i in range(9)]))
    card.expect_settled(9)


def test_clusters_are_found_by_what_they_and_their_workers_are_called(lab: LabPage) -> None:
    panel = lab.panel
    search = panel.root.get_by_role("searchbox", name="Filter clusters and workers")
    search.fill("EXPLORE")
    expect(panel.cards).to_have_count(1)
    expect(panel.card("Shy marten").root).to_be_visible()
    search.fill("stranger")
    expect(panel.cards).to_have_count(1)
    card = panel.card("Brave otter")
    card.open()
    expect(card.tree).to_be_hidden()
    expect(card.root.get_by_role("list", name="Unexpected workers of Brave otter")).to_be_visible()
    search.fill("weasel")
    expect(panel.cards).to_have_count(0)
    panel.root.get_by_role("button", name="Show all").click()
    expect(panel.cards).to_have_count(5)


def test_the_panel_is_come_to_by_its_keys_and_by_the_palette(lab: LabPage) -> None:
    page, root, press = lab.page, lab.panel.root, lab.page.keyboard.press
    search = root.get_by_role("searchbox", name="Filter clusters and workers")
    page.get_by_role("tab", name="File Browser").click()
    expect(root).to_be_hidden()
    press("ControlOrMeta+Alt+c")
    expect(root).to_be_visible()
    card = lab.panel.card("Brave otter")
    card.button("Show workers").focus()
    # Where the focus is has to be seen, of buttons and of rows.
    press("Enter")
    expect(card.button("Hide workers")).to_have_css("outline", OUTLINE)
    press("Tab")
    row = card.entry("0")
    expect(row).to_be_focused()
    expect(row.locator(".jp-SpecCluster-entryRow")).to_have_css("outline", OUTLINE)
    press("/")
    expect(search).to_be_focused()
    # What is typed there is a part of what is looked for.
    press("/")
    expect(search).to_have_value("/")
    search.clear()
    page.get_by_role("tab", name="File Browser").click()
    expect(root).to_be_hidden()
    press("ControlOrMeta+Shift+c")
    expect(page.locator(".jp-ModalCommandPalette input")).to_be_focused()
    page.keyboard.type("Show Clusters")
    expect(page.get_by_role("menuitem", name="Show Clusters")).to_be_visible()
    press("Enter")
    expect(root).to_be_visible()
    press("ControlOrMeta+Shift+c")
    expect(page.locator(".jp-ModalCommandPalette input")).to_be_focused()
    page.keyboard.type("Filter Clusters")
    expect(page.get_by_role("menuitem", name="Filter Clusters")).to_be_visible()
    press("Enter")
    expect(search).to_be_focused()


def test_those_in_trouble_come_first_when_that_is_asked_for(
    lab: LabPage, feed: Feed, server: LabServer
) -> None:
    panel, press = lab.panel, lab.page.keyboard.press
    order = panel.root.get_by_role("button", name="Order")
    order.focus()
    press("Enter")
    expect(lab.page.get_by_role("menuitemcheckbox", name="Oldest First")).to_be_focused()
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    expect(order).to_be_focused()
    expect(panel.cards.first).to_have_accessible_name("Shy marten")
    expect(panel.cards.last).to_have_accessible_name("Wide heron")
    order.click()
    lab.page.get_by_role("menuitem", name="By Name").click()
    # By age it would be the last.
    expect(panel.cards.nth(1)).to_have_accessible_name("Nightly etl")
    # A cluster that grows comes before those that are smaller now.
    for item, workers in (("Most Workers First", 6), ("Most Memory First", 20)):
        order.click()
        lab.page.get_by_role("menuitem", name=item).click()
        largest = cluster("wide-heron", [entry("0", [member(str(i)) for i in range(workers)])])
        smallest = cluster("wide-heron", [entry("0", [ghost("0")], "starting")])
        feed.put(largest)
        expect(panel.cards.first).to_have_accessible_name("Wide heron")
        feed.put(smallest)
        expect(panel.cards.first).to_have_accessible_name("Brave otter")
    order.click()
    lab.page.get_by_role("menuitem", name="By Name").click()
    order.click()
    lab.page.get_by_role("menuitem", name="Group Clusters by Phase").click()
    expect(panel.root.get_by_role("heading", name="degraded 2")).to_be_visible()
    # A cluster whose phase changes goes where it belongs.
    feed.put(cluster("wide-heron", [entry("0", [ghost("0")], "lost")], phase="degraded"))
    expect(panel.root.get_by_role("heading", name="degraded 3")).to_be_visible()
    # It is kept in the settings, as JupyterLab keeps them: for this person, everywhere.
    path = "/lab/api/settings/speccluster-lab:panel"
    kept = server.request("GET", path).body["settings"]
    assert kept == {"order": "name", "groupByPhase": True}
    lab.page.reload()
    lab.wait_until_ready()
    expect(panel.root.get_by_role("heading", name="degraded 3")).to_be_visible()
    assert server.request("PUT", path, {"raw": "{}"}).status == 204


def test_the_way_to_restart_an_entry_hides_nothing(lab: LabPage) -> None:
    root = lab.panel.root
    lab.widen_panel(400 - root.evaluate("node => node.clientWidth"))
    for name, last in (("Brave otter", "3 of 3"), ("Probe", "idle")):
        card = lab.panel.card(name)
        card.open()
        entry = card.entry("0")
        entry.hover()
        text, button = (
            one.bounding_box()
            for one in (entry.get_by_text(last), entry.get_by_role("button", name="Restart 0"))
        )
        assert text is not None
        assert button is not None
        assert text["x"] + text["width"] <= button["x"]


def test_what_may_be_out_of_date_says_so(lab: LabPage, feed: Feed) -> None:
    stale = lab.panel.root.get_by_text("What is shown may be out of date.")
    expect(lab.panel.connection).to_have_text("live")
    feed.lose()
    expect(lab.panel.connection).to_have_text("reconnecting")
    expect(stale).to_be_visible()
    expect(lab.panel.cards).to_have_count(5)
    expect(lab.panel.connection).to_have_text("live")
    expect(stale).to_have_count(0)

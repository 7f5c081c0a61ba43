"""Entries and their members, told of by a simulated feed: few of them, and thousands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from feed import Feed, cluster, entry, ghost, member, moment
from logviewer import LogViewer
from looks import everything
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import BrowserContext

# Parts of rows that are on one another, or are cut off at the end of the row.
_OVERLAPS: Final = """tree => {
  const row = '.jp-SpecCluster-entryRow, .jp-SpecCluster-member';
  return [...tree.querySelectorAll(row)].flatMap(one => {
    const parts = [...one.children]
      .flatMap(part => (part.matches('.jp-SpecCluster-figures') ? [...part.children] : [part]))
      .filter(part => part.getClientRects().length > 0);
    const lefts = parts.map(part => part.getBoundingClientRect().left);
    const end = part =>
      Math.max(...[part, ...part.children].map(one => one.getBoundingClientRect().right));
    lefts.push(one.getBoundingClientRect().right);
    return parts
      .filter((part, at) => end(part) > lefts[at + 1] + 0.5)
      .map(part => `${one.textContent}: ${part.textContent}`);
  });
}"""


@pytest.fixture
def feed(context: BrowserContext) -> Feed:
    """Tell the pages of one cluster for each thing that can be wrong, or right."""
    return Feed(context, *everything())


@pytest.fixture
def lab(feed: Feed, server: LabServer, open_lab: Callable[[LabServer], LabPage]) -> LabPage:
    """Open JupyterLab, which is told of the clusters by the feed."""
    return open_lab(server)


def test_a_worker_tells_all_of_itself_when_asked(lab: LabPage) -> None:
    card = lab.panel.card("Brave otter")
    card.open()
    row = card.member("1-1")
    expect(row).to_have_attribute("aria-expanded", "false")
    row.click()
    for text in ("tls://10.0.0.3:40001", "30%", "3.6 of 4 GiB"):
        expect(row).to_contain_text(text)
    expect(row).to_contain_text(re.compile(r"Heartbeat\d+ s ago"))
    expect(card.tree.get_by_role("treeitem", name="1-2: expected")).to_be_visible()
    strangers = card.root.get_by_role("list", name="Unexpected workers of Brave otter")
    expect(strangers.get_by_role("listitem")).to_have_count(1)
    # The server does not know the feed's cluster, and says so.
    lab.troubles.expected.append(r"status of 404 ")
    card.member("1-0").click(button="right")
    lab.page.get_by_role("menuitem", name="Show Log of Worker", exact=True).click()
    expect(LogViewer(lab.page, "Brave otter: 1-0").root).to_be_visible()


@pytest.mark.parametrize("width", [250, 290, 400])
def test_the_parts_of_a_row_are_side_by_side(lab: LabPage, feed: Feed, width: float) -> None:
    long = "ip-10-0-0-12.eu-west-1.compute.internal"
    entries = [
        entry("0", [member("0", status="undefined")], "replacing"),
        entry("1", [member("1", status="closing_gracefully", tasks=12345)], "retiring"),
        entry(long, [member(long, tasks=123456)]),
        entry("2", [member("2-0", status="closing"), ghost("2-1")], "degraded"),
    ]
    feed.tell(cluster("otter", entries))
    card = lab.panel.card("Otter")
    card.open()
    lab.widen_panel(width - lab.panel.root.evaluate("node => node.clientWidth"))
    expect(card.tree.get_by_role("treeitem")).to_have_count(6)
    assert card.tree.evaluate(_OVERLAPS) == []


def test_the_next_try_is_counted_down_to(lab: LabPage) -> None:
    card = lab.panel.card("Probe")
    card.open()
    row = card.entry("3")
    expect(row).to_contain_text("Tried 5 times")
    said = re.compile(r"next try in \d+ s")
    expect(row).to_contain_text(said)
    before = row.get_by_text(said).inner_text()
    expect(row.get_by_text(before)).to_have_count(0)
    expect(row.get_by_text(said)).to_be_visible()
    # The server does not know the feed's cluster, and says so.
    lab.troubles.expected.append(r"status of 404 ")
    row.get_by_role("button", name="Retry now").click()
    expect(lab.page.get_by_role("alert").filter(has_text="3 was not tried again")).to_be_visible()


def test_an_entry_is_made_anew_with_the_keyboard(lab: LabPage) -> None:
    card = lab.panel.card("Probe")
    card.open()
    restart = card.button("Restart 1")
    expect(restart.locator("..")).to_have_css("opacity", "0")
    card.entry("1").focus()
    expect(restart.locator("..")).to_have_css("opacity", "1")
    lab.page.keyboard.press("Tab")
    expect(restart).to_be_focused()
    lab.troubles.expected.append(r"status of 404 ")
    lab.page.keyboard.press("Enter")
    expect(lab.page.get_by_role("alert").filter(has_text="1 was not restarted")).to_be_visible()


def test_what_is_closed_stays_closed_when_something_changes(lab: LabPage, feed: Feed) -> None:
    card = lab.panel.card("Brave otter")
    card.open()
    card.entry("0").click()
    expect(card.member("0-0")).to_have_count(0)
    feed.patch(
        "brave-otter",
        {"op": "replace", "path": "/workers/1/members/0/tasks", "value": 77},
    )
    expect(card.member("1-0")).to_contain_text("77 tasks")
    expect(card.member("0-0")).to_have_count(0)


def test_thousands_of_workers_are_walked_with_the_keyboard(
    context: BrowserContext, server: LabServer, open_lab: Callable[[LabServer], LabPage]
) -> None:
    entries = [
        entry(str(i), [member(f"{i}-{j}") for j in range(7)] + [ghost(f"{i}-7")], "degraded")
        for i in range(625)
    ]
    entries[3] |= {"phase": "backoff", "message": "no\nroom " * 9, "next_retry": moment(50)}
    Feed(context, cluster("wide", entries))
    lab = open_lab(server)
    card = lab.panel.card("Wide")
    card.open()
    press = lab.page.keyboard.press
    rows = card.tree.get_by_role("treeitem")
    # JupyterLab gives the focus to its launcher when that has come up.
    expect(lab.page.get_by_role("main").get_by_role("tab", name="Launcher")).to_be_visible()
    card.button("Hide workers").focus()
    press("Tab")
    expect(rows.first).to_be_focused()
    assert rows.count() < 100
    press("End")
    last = card.tree.get_by_role("treeitem", name="624-7: expected")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    expect(last).to_have_attribute("aria-posinset", "8")
    expect(last).to_have_attribute("aria-setsize", "8")
    press("ArrowLeft")
    expect(card.entry("624")).to_be_focused()
    press("ArrowLeft")
    expect(card.entry("624")).to_have_attribute("aria-expanded", "false")
    press("ArrowUp")
    expect(card.tree.get_by_role("treeitem", name="623-7: expected")).to_be_focused()
    press("Home")
    expect(card.entry("0")).to_be_focused()
    expect(card.entry("0")).to_be_in_viewport()
    for _ in range(30):
        press("ArrowDown")
    expect(card.entry("3")).to_have_count(1)
    expect(card.member("3-2")).to_be_focused()
    expect(card.member("3-2")).to_be_in_viewport()
    # Scrolled away, the row that had the focus is not there; its tree still has it.
    lab.page.mouse.move(150, 600)
    lab.page.mouse.wheel(0, 40_000)
    expect(card.member("3-2")).to_have_count(0)
    expect(card.tree).to_be_focused()
    press("ArrowDown")
    expect(card.member("3-3")).to_be_focused()
    assert rows.count() < 100

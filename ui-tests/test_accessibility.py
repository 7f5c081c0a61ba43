"""For everybody: axe, contrast, targets, motion, and what is said aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from accessibility import small_targets, violations, weak_contrasts
from feed import Feed, cluster, entry, member
from looks import everything
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import BrowserContext, Locator

THEMES = ("JupyterLab Light", "JupyterLab Dark")


@pytest.fixture
def feed(context: BrowserContext) -> Feed:
    """Tell the pages of one cluster for each thing that can be wrong, or right."""
    return Feed(context, *everything())


@pytest.fixture
def lab(feed: Feed, server: LabServer, open_lab: Callable[[LabServer], LabPage]) -> LabPage:
    """Open JupyterLab, which is told of the clusters by the feed."""
    return open_lab(server)


@pytest.mark.parametrize("width", [250, 400])
def test_the_panel_is_for_everybody(lab: LabPage, width: float) -> None:
    root = lab.panel.root
    lab.widen_panel(width - root.evaluate("node => node.clientWidth"))
    lab.panel.card("Brave otter").open()
    lab.panel.card("Brave otter").member("0-1").click()
    lab.panel.card("Probe").open()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(root)


def test_nothing_is_for_everybody_too(
    context: BrowserContext, server: LabServer, open_lab: Callable[[LabServer], LabPage]
) -> None:
    Feed(context)
    lab = open_lab(server)
    expect(lab.panel.root.get_by_role("button", name="Threads", exact=True)).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(lab.panel.root)


def test_the_dialogs_are_for_everybody(lab: LabPage) -> None:
    # The server does not know the feed's clusters, and says so.
    lab.troubles.expected.append(r"status of 404 ")
    lab.panel.card("Wide heron").button("Adaptive, 1 to 12").click()
    expect_dialog_for_everybody(lab, "Scale Wide heron")
    for item, title in (
        ("Scale Cluster…", "Scale Probe"),
        ("Save as Template…", "Save Probe as a template"),
        ("Restart Cluster", "Restart Probe?"),
        ("Stop Cluster", "Stop Probe?"),
    ):
        lab.panel.card("Probe").root.get_by_role("heading", name="Probe").click(button="right")
        lab.page.get_by_role("menuitem", name=item, exact=True).click()
        expect_dialog_for_everybody(lab, title)


def test_nothing_moves_where_that_is_not_wanted(lab: LabPage) -> None:
    moving = "node => node.getAnimations({ subtree: true }).length"
    assert lab.panel.root.evaluate(moving) > 0
    lab.page.emulate_media(reduced_motion="reduce")
    assert lab.panel.root.evaluate(moving) == 0


def test_a_change_is_said_once_and_numbers_that_only_move_are_not(lab: LabPage, feed: Feed) -> None:
    said = lab.panel.root.get_by_role("status")
    expect(said).to_have_count(1)
    expect(said).to_have_attribute("aria-live", "polite")
    feed.put(cluster("nightly-etl", [entry(str(i), [member(str(i))]) for i in range(9)]))
    expect(said).to_have_text("Nightly etl: running, 9 of 9 workers.")
    feed.patch("probe", {"op": "replace", "path": "/counts/memory_used", "value": 12345})
    lab.page.wait_for_function("() => document.body.textContent.includes('12 KiB of 12 GiB')")
    expect(said).to_have_text("Nightly etl: running, 9 of 9 workers.")


def expect_dialog_for_everybody(lab: LabPage, title: str) -> None:
    """Check what a dialog asks, in both themes, and leave it; its buttons are JupyterLab's."""
    dialog = lab.dialog(title)
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(dialog.locator(".jp-Dialog-body"))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


def expect_for_everybody(part: Locator) -> None:
    """Check a part of the page in the theme that it has now."""
    assert violations(part) == []
    assert weak_contrasts(part) == []
    assert small_targets(part) == []

"""A log that is shown in a tab, addressed as a person would: by role and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["LogViewer"]


class LogViewer:
    """The tab of a log.

    Parameters
    ----------
    page : Page
        The browser's tab.
    name : str
        The cluster's display name; that and the worker's, if it is a worker's.
    """

    def __init__(self, page: Page, name: str) -> None:
        self.root = page.get_by_role("region", name=f"Log of {name}", exact=True)
        self.lines = self.root.get_by_role("log", name=f"Lines of the log of {name}", exact=True)
        self.source = self.root.get_by_role("combobox", name="Whose log")
        self.filter = self.root.get_by_role("searchbox", name="Filter lines")
        self.level = self.root.get_by_role("combobox", name="Level")

    def line(self, text: str) -> Locator:
        """Return the line that says exactly this, when it is in the page."""
        return self.lines.get_by_text(text, exact=True)

    @property
    def in_page(self) -> int:
        """How many lines are in the page, of however many."""
        return self.lines.locator("[data-line]").count()

    def button(self, name: str) -> Locator:
        """Return one of its buttons."""
        return self.root.get_by_role("button", name=name, exact=True)

    def expect_following(self, is_following: bool) -> None:
        """Wait until it says that it follows, or that it does not."""
        pressed = "true" if is_following else "false"
        expect(self.button("Follow")).to_have_attribute("aria-pressed", pressed)

"""The Clusters panel and the spec's editor, addressed as a person would: by role and name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from labpage import LabPage, Notebook

__all__ = ["Card", "ClusterPanel", "NewDialog", "SpecEditor"]

# How a member is read out; one that is only expected is read out as that.
_REGISTERED: Final = r"running, \d+ threads?, "

# Phases are short: what is there between two looks would be missed by looking only.
_RECORD: Final = """panel => {
  const phases = (window.phasesSeen = {});
  const look = () => {
    for (const card of panel.querySelectorAll('article')) {
      const seen = (phases[card.getAttribute('aria-label')] ??= []);
      if (seen.at(-1) !== card.dataset.phase) {
        seen.push(card.dataset.phase);
      }
    }
  };
  new MutationObserver(look).observe(panel, {
    attributes: true, childList: true, subtree: true
  });
}"""


class ClusterPanel:
    """The panel in the left sidebar.

    Parameters
    ----------
    page : Page
        The browser's tab.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.root = page.get_by_role("region", name="Clusters", exact=True)

    @property
    def cards(self) -> Locator:
        """All cards."""
        return self.root.get_by_role("article")

    @property
    def connection(self) -> Locator:
        """Whether what is shown is what is: a word in the header."""
        return self.root.get_by_text(re.compile("^(connecting|live|reconnecting)$"))

    def card(self, name: str) -> Card:
        """Return the card of the cluster that is called ``name``."""
        return Card(self._page, self.root.get_by_role("article", name=name, exact=True), name)

    def new(self, template: str) -> Card:
        """Make a cluster by clicking, and return its card."""
        before = self.cards.count()
        self.root.get_by_role("button", name="New cluster").click()
        self._page.get_by_role("menuitem", name=template, exact=True).click()
        expect(self.cards).to_have_count(before + 1)
        name = self.cards.last.get_attribute("aria-label")
        assert name is not None
        return self.card(name)

    def record_phases(self) -> None:
        """Note the phases that cards go through from now on."""
        self.root.evaluate(_RECORD)

    def phases_seen(self, name: str) -> list[str]:
        """Return the phases that the card of this name has gone through."""
        phases: list[str] = self._page.evaluate("name => phasesSeen[name] ?? []", name)
        return phases

    def drag(self, card: Card, notebook: Notebook) -> None:
        """Drag a card onto the first cell of a notebook with the mouse."""
        self.drag_onto(card.root.get_by_role("heading", name=card.name), notebook.cells.first)

    def drag_onto(self, what: Locator, place: Locator) -> None:
        """Drag a part of the panel onto something else with the mouse."""
        start, end = what.bounding_box(), place.bounding_box()
        assert start is not None
        assert end is not None
        mouse = self._page.mouse
        mouse.move(start["x"] + 10, start["y"] + start["height"] / 2)
        mouse.down()
        mouse.move(start["x"] + 40, start["y"] + 30, steps=5)
        mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=15)
        mouse.up()


class Card:
    """What the panel shows of one cluster.

    Parameters
    ----------
    page : Page
        The browser's tab.
    root : Locator
        The card.
    name : str
        The cluster's display name.
    """

    def __init__(self, page: Page, root: Locator, name: str) -> None:
        self._page = page
        self.root = root
        self.name = name

    @property
    def id(self) -> str:
        """The cluster's id, which a person reads in the code of its cell."""
        id = self.root.get_attribute("data-cluster-id")
        assert id is not None
        return id

    def button(self, name: str) -> Locator:
        """Return one of its buttons."""
        return self.root.get_by_role("button", name=name, exact=True)

    @property
    def entries(self) -> Locator:
        """Where the number of entries is typed."""
        return self.root.get_by_role("spinbutton", name="Entries")

    def open(self) -> None:
        """Show its workers."""
        self.button("Show workers").click()

    @property
    def tree(self) -> Locator:
        """The entries and their members, once it is opened."""
        return self.root.get_by_role("tree")

    def entry(self, name: str) -> Locator:
        """Return the row of an entry, with its members."""
        pattern = re.compile(rf"^{re.escape(name)}: .* of \d+ workers?")
        return self.tree.get_by_role("treeitem", name=pattern)

    def member(self, name: str) -> Locator:
        """Return the row of a member that is registered."""
        pattern = re.compile(rf"^{re.escape(name)}: {_REGISTERED}")
        return self.tree.get_by_role("treeitem", name=pattern)

    def member_names(self) -> list[str]:
        """Return the names of the members that are registered, in their order."""
        names = [row.get_attribute("aria-label") for row in self.tree.get_by_role("treeitem").all()]
        found = [re.match(f"([^:]+): {_REGISTERED}", name or "") for name in names]
        return [one[1] for one in found if one]

    def expect_phase(self, word: str) -> None:
        """Wait until it shows this phase."""
        header = self.root.get_by_role("heading", name=self.name).locator("..")
        expect(header.get_by_text(word, exact=True)).to_be_visible()

    def expect_settled(self, workers: int) -> None:
        """Wait until it runs what it should, and shows that these are so many workers."""
        figures = self.root.get_by_role("definition")
        expect(figures.get_by_text(f"{workers} of {workers}", exact=True)).to_be_visible()
        expect(self.root.get_by_role("progressbar")).to_have_count(0)
        self.expect_phase("running")


class NewDialog:
    """The dialog that asks what is wanted of a new cluster.

    Parameters
    ----------
    page : Page
        The browser's tab.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.root = page.get_by_role("dialog").filter(has_text="New cluster")
        self.code = self.root.get_by_role("textbox", name="Spec of the new cluster")

    @classmethod
    def open(cls, lab: LabPage) -> NewDialog:
        """Open it by clicking."""
        lab.panel.root.get_by_role("button", name="New cluster").click()
        lab.page.get_by_role("menuitem", name="New Cluster…").click()
        new = cls(lab.page)
        expect(new.field("Name")).to_be_focused()
        return new

    def field(self, name: str) -> Locator:
        """Return one of its fields."""
        return self.root.get_by_label(name, exact=True)

    def button(self, name: str) -> Locator:
        """Return one of its buttons."""
        return self.root.get_by_role("button", name=name, exact=True)

    def write(self, text: str) -> None:
        """Replace the whole spec."""
        _write(self.code, text)


class SpecEditor:
    """The editor of a cluster's spec.

    Parameters
    ----------
    page : Page
        The browser's tab.
    name : str
        The cluster's display name.
    """

    def __init__(self, page: Page, name: str) -> None:
        self._page = page
        self.root = page.get_by_role("region", name=f"Editor of {name}", exact=True)
        self.text = self.root.get_by_role("textbox", name=f"Spec of {name}", exact=True)

    @property
    def notice(self) -> Locator:
        """What it says is wrong."""
        return self.root.get_by_role("alert")

    @property
    def plan(self) -> Locator:
        """What it says that the changes would do."""
        return self.root.get_by_role("region", name=re.compile("^Plan"))

    def show(self, view: str) -> None:
        """Show one of its views: Form, Code or History."""
        self.root.get_by_role("tab", name=view, exact=True).click()

    def field(self, name: str) -> Locator:
        """Return a field of its form."""
        return self.root.get_by_label(name, exact=True)

    def expect_generation(self, number: int) -> None:
        """Wait until it shows a generation to which nothing was changed."""
        expect(self.root.get_by_text(f"Generation {number}", exact=True)).to_be_visible()

    def button(self, name: str) -> Locator:
        """Return one of its buttons."""
        return self.root.get_by_role("button", name=name, exact=True)

    def write(self, text: str) -> None:
        """Replace all of the text."""
        _write(self.text, text)

    def apply(self) -> None:
        """Press the button Apply."""
        self.button("Apply").click()


def _write(code: Locator, text: str) -> None:
    code.click()
    # The browser's selection loses its end when the linter marks a character just then, and what
    # is inserted would leave that character: the editor deletes by its own selection.
    code.press("ControlOrMeta+a")
    code.press("Delete")
    expect(code).to_have_text("")
    code.page.keyboard.insert_text(text)

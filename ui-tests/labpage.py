"""JupyterLab in a tab of a browser, and a notebook in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clusterpanel import ClusterPanel, SpecEditor
from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page, expect

if TYPE_CHECKING:
    from labserver import LabServer

__all__ = ["LabPage", "Notebook", "Troubles"]

_RESTORED: Final = "() => window.jupyterapp?.restored.then(() => true)"

# Functions that the page runs: what a person waits for by looking, and typing Python into a cell
# would indent what is indented already.
_SET_THEME: Final = """async theme => {
  await jupyterapp.commands.execute('apputils:change-theme', { theme });
}"""
_PANEL: Final = """
const panel = [...jupyterapp.shell.widgets('main')].find(one => one.context?.path === path);
const notebook = panel.content;
"""
_KERNEL_READY: Final = f"""async path => {{ {_PANEL}
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}}"""
_SOURCES: Final = f"""path => {{ {_PANEL}
  return notebook.model.sharedModel.cells.map(cell => cell.source);
}}"""
_WRITE: Final = f"""([path, index, source]) => {{ {_PANEL}
  notebook.model.sharedModel.cells[index].setSource(source);
}}"""
_ADD: Final = f"""([path, source]) => {{ {_PANEL}
  const {{ cells }} = notebook.model.sharedModel;
  const index = cells.length;
  notebook.model.sharedModel.insertCell(index, {{ cell_type: 'code', source }});
  return index;
}}"""
# The promise of the command ends with the cell.
_RUN: Final = f"""async ([path, index]) => {{ {_PANEL}
  jupyterapp.shell.activateById(panel.id);
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await jupyterapp.commands.execute('notebook:run-cell');
  const cell = notebook.model.cells.get(index);
  return [cell.executionCount, cell.outputs.toJSON()];
}}"""

# Not awaited: the cell goes on.
_BEGIN: Final = f"""([path, index]) => {{ {_PANEL}
  jupyterapp.shell.activateById(panel.id);
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  void jupyterapp.commands.execute('notebook:run-cell');
}}"""
_IS_RUNNING: Final = f"""([path, index]) => {{ {_PANEL}
  return notebook.model.cells.get(index).executionState === 'running';
}}"""
_SAVE: Final = f"""async path => {{ {_PANEL}
  await panel.context.save();
  return JSON.stringify(panel.context.model.toJSON());
}}"""
_REOPEN: Final = f"""async path => {{
  {{ {_PANEL} await panel.sessionContext.shutdown(); panel.dispose(); }}
  await jupyterapp.commands.execute('docmanager:open', {{ path }});
}}"""


@dataclass
class Troubles:
    """What a page reports that nobody wants.

    Parameters
    ----------
    expected : list of str
        Patterns of what a test provokes.
    """

    expected: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note what ``page`` reports from now on."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.found.append(f"uncaught: {error.stack or error}"))
        page.on("crash", lambda _: self.found.append("the page has crashed"))
        page.on("dialog", self._on_dialog)

    @property
    def unexpected(self) -> list[str]:
        """What was reported and is not expected."""
        return [
            one for one in self.found if not any(re.search(known, one) for known in self.expected)
        ]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console: {message.text} ({message.location.get('url')})")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.found.append(f"dialog: {dialog.type} {dialog.message!r}")
        dialog.dismiss()


class LabPage:
    """JupyterLab in a tab, with the panel open.

    Parameters
    ----------
    page : Page
        The tab.
    server : LabServer
        What it is opened from.
    workspace : str
        The workspace's name; a new one has nothing open in it.
    """

    def __init__(self, page: Page, server: LabServer, workspace: str) -> None:
        self.page = page
        self.server = server
        self.troubles = Troubles()
        self.troubles.watch(page)
        self.panel = ClusterPanel(page)
        page.goto(f"{server.url}/lab/workspaces/{workspace}?token={server.token}")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until JupyterLab has come up, and open the panel."""
        self.page.wait_for_function(_RESTORED)
        # What comes up last in the main area takes the focus, from whatever has it by then.
        self.page.wait_for_function("() => jupyterapp.shell.currentWidget !== null")
        tab = self.page.get_by_role("tab", name="Clusters")
        if tab.get_attribute("aria-selected") != "true":
            tab.click()
        expect(self.panel.root).to_be_visible()

    def new_notebook(self) -> Notebook:
        """Open a new notebook from the launcher, and wait until its kernel is there."""
        main = self.page.get_by_role("main")
        main.get_by_role("button", name="Python 3 (ipykernel)").first.click()
        tab = main.get_by_role("tab", name=re.compile(r"^Untitled\d*\.ipynb$"), selected=True)
        return Notebook(self.page, tab.inner_text())

    def editor(self, name: str) -> SpecEditor:
        """Return the editor of the spec of the cluster that is called ``name``."""
        return SpecEditor(self.page, name)

    def set_theme(self, theme: str) -> None:
        """Change JupyterLab's theme, and wait until it is there."""
        self.page.evaluate(_SET_THEME, theme)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", theme)

    def widen_panel(self, pixels: float) -> None:
        """Drag the edge of the left sidebar."""
        box = self.panel.root.bounding_box()
        assert box is not None
        right, middle = box["x"] + box["width"], box["y"] + box["height"] / 2
        self.page.mouse.move(right + 2, middle)
        self.page.mouse.down()
        self.page.mouse.move(right + 2 + pixels, middle, steps=5)
        self.page.mouse.up()

    def dialog(self, title: str) -> Locator:
        """Return JupyterLab's dialog of this title."""
        return self.page.get_by_role("dialog").filter(has_text=title)


class Notebook:
    """A notebook that is open in a tab of JupyterLab.

    Parameters
    ----------
    page : Page
        The browser's tab.
    path : str
        The notebook's.
    """

    def __init__(self, page: Page, path: str) -> None:
        self._page = page
        self.path = path
        # The page says "Idle" before the kernel is there, and a cell run then is skipped.
        page.evaluate(_KERNEL_READY, path)

    @property
    def sources(self) -> list[str]:
        """The text of its cells."""
        sources: list[str] = self._page.evaluate(_SOURCES, self.path)
        return sources

    @property
    def cells(self) -> Locator:
        """The texts of its cells, as they are seen."""
        return self._page.get_by_role("feed", name="Cells").get_by_role("textbox")

    def write(self, index: int, source: str) -> None:
        """Replace the text of a cell."""
        self._page.evaluate(_WRITE, [self.path, index, source])

    def run(self, index: int) -> list[Any]:
        """Run a cell that is there, and return its outputs; fail with what it raised."""
        count, outputs = self._page.evaluate(_RUN, [self.path, index])
        for one in outputs:
            if one["output_type"] == "error":
                raise AssertionError("\n".join(_plain(line) for line in one["traceback"]))
        assert count, "the cell was not run"
        return list(outputs)

    def start(self, index: int) -> None:
        """Begin to run a cell that is there."""
        self._page.evaluate(_BEGIN, [self.path, index])

    def begin(self, source: str) -> int:
        """Begin to run ``source`` in a new last cell, and return which that is."""
        index: int = self._page.evaluate(_ADD, [self.path, source])
        self.start(index)
        return index

    def is_running(self, index: int) -> bool:
        """Return whether a cell runs."""
        running: bool = self._page.evaluate(_IS_RUNNING, [self.path, index])
        return running

    def save(self) -> str:
        """Save it, and return what was saved."""
        saved: str = self._page.evaluate(_SAVE, self.path)
        return saved

    def reopen(self) -> None:
        """End its kernel, and open it anew from its file."""
        self._page.evaluate(_REOPEN, self.path)

    def compute(self, source: str) -> str:
        """Run ``source`` in a new last cell, and return what it printed."""
        index = self._page.evaluate(_ADD, [self.path, source])
        printed = [one for one in self.run(index) if one["output_type"] == "stream"]
        return "".join("".join(one["text"]) for one in printed if one["name"] == "stdout")


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

"""Jupyter Notebook 7, whose main area has room for one document: the rest is beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from clusterpanel import ClusterPanel, SpecEditor
from labpage import Notebook, Troubles
from labserver import NotebookServer
from logviewer import LogViewer
from playwright.sync_api import expect
from test_panel import start
from test_widget import SHOW_AND_GO_ON
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver import LabServer
    from playwright.sync_api import BrowserContext, Locator

KERNEL: Final = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.mark.skipif(
    not NotebookServer.folder.is_dir(), reason="Jupyter Notebook 7 is missing: make .make/notebook"
)
def test_panel_editor_and_log_are_beside_the_notebook(
    new_server: Callable[..., LabServer], context: BrowserContext, results: Path
) -> None:
    server = new_server("notebook", NotebookServer)
    server.start()
    id = start(server, "threads", "Beside")["id"]
    write_notebook(server, SHOW_AND_GO_ON.format(id=id))
    page = context.new_page()
    # What the notebook itself does wrong as it starts.
    troubles = Troubles([r"(?s)^uncaught:(?!.*speccluster).*reading 'schema'"])
    troubles.watch(page)
    page.goto(f"{server.url}/notebooks/one.ipynb?token={server.token}")
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    assert page.evaluate("jupyterapp.name") == "Jupyter Notebook"

    notebook = Notebook(page, "one.ipynb")
    notebook.start(0)
    widget = page.locator(".jp-OutputArea-output .speccluster-widget")
    expect(widget.get_by_text("1 of 1 worker ·")).to_be_visible()
    widget.get_by_role("button", name="More entries").click()
    expect(widget.get_by_text("2 of 2 workers ·")).to_be_visible()
    assert notebook.is_running(0)
    (server.files / "go").touch()
    wait_until(lambda: not notebook.is_running(0), "the cell ends")

    page.keyboard.press("ControlOrMeta+Shift+C")
    expect(page.get_by_placeholder("SEARCH")).to_be_focused()
    page.keyboard.insert_text("Show Clusters")
    page.keyboard.press("Enter")
    panel = ClusterPanel(page)
    card = panel.card("Beside")
    card.expect_settled(2)
    cell = notebook.cells.first
    assert left(panel.root) < left(cell)

    card.button("Edit spec").click()
    editor = SpecEditor(page, "Beside")
    expect(editor.field("Class")).to_be_visible()
    assert left(cell) < left(editor.root)
    card.root.get_by_role("heading", name="Beside").click(button="right")
    page.get_by_role("menuitem", name="Show Log", exact=True).click()
    log = LogViewer(page, "Beside")
    expect(log.lines).to_contain_text("Cluster 'beside' has started")
    assert left(cell) < left(log.root)
    page.screenshot(path=results / "notebook7.png")
    assert not troubles.unexpected


def write_notebook(server: LabServer, source: str) -> None:
    """Save a notebook of one cell."""
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "outputs": [], "source": source}
    content: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5}
    content |= {"cells": [{**cell, "execution_count": None}], "metadata": {"kernelspec": KERNEL}}
    (server.files / "one.ipynb").write_text(json.dumps(content))


def left(part: Locator) -> float:
    """Return where the left edge of a part of the page is."""
    box = part.bounding_box()
    assert box is not None
    return box["x"]

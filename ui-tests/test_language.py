"""Another language than English."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from feed import Feed
from labpage import Troubles
from looks import everything
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labserver import LabServer
    from playwright.sync_api import BrowserContext

_RESTORED: Final = "() => window.jupyterapp?.restored.then(() => true)"
_LABEL: Final = "() => jupyterapp.commands.label('speccluster-lab:stop-cluster')"


def test_the_panel_speaks_german(
    new_server: Callable[[str], LabServer], context: BrowserContext
) -> None:
    server = new_server("german")
    add_german(server.home)
    server.start()
    Feed(context, *everything())
    page = context.new_page()
    troubles = Troubles()
    troubles.watch(page)
    page.goto(f"{server.url}/lab?token={server.token}")
    page.wait_for_function(_RESTORED)
    page.get_by_role("tab", name="Cluster", exact=True).click()
    panel = page.get_by_role("region", name="Cluster", exact=True)
    expect(panel.get_by_role("button", name="Neuer Cluster", exact=True)).to_be_visible()
    card = panel.get_by_role("article", name="Brave otter", exact=True)
    expect(card).to_contain_text("gestört")
    expect(card).to_contain_text("2 Einträge")
    # The browser's own language is English.
    expect(card).to_contain_text("7,1 von 20 GiB")
    expect(card.get_by_title(re.compile(r"^\d\d\.\d\d\.\d{4}, \d\d:\d\d:\d\d$"))).to_be_visible()
    card.get_by_role("button", name="Worker zeigen", exact=True).click()
    expect(card.get_by_role("tree", name="Worker von Brave otter")).to_be_visible()
    expect(card.get_by_role("treeitem", name="1-2: erwartet, nicht angemeldet")).to_be_visible()
    # What is looked for is what is read.
    panel.get_by_role("searchbox", name="Cluster und Worker filtern").fill("gescheitert")
    expect(panel.get_by_role("article")).to_have_count(1)
    expect(panel.get_by_role("article", name="Shy marten", exact=True)).to_be_visible()
    assert page.evaluate(_LABEL) == "Cluster beenden"
    assert troubles.unexpected == []


def add_german(home: Path) -> None:
    """Choose German, and add what makes JupyterLab offer it: a language pack, here an empty one.

    What it says of this extension comes from the extension.
    """
    settings = home / "settings" / "@jupyterlab" / "translation-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps({"locale": "de_DE"}))
    packages = home / "packages"
    about = packages / "german-1.0.dist-info"
    about.mkdir(parents=True)
    (packages / "german.py").touch()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: german\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[jupyterlab.languagepack]\nde_DE = german\n")
    (home / "config").mkdir()
    (home / "config" / "jupyter_server_config.py").write_text(
        f"import sys\n\nsys.path.append({str(packages)!r})\n"
    )

"""dask's dashboard, opened in a browser through the Jupyter server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from labpage import Troubles
from labserver import API
from playwright.sync_api import expect
from test_panel import HOSTILE, start
from waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import BrowserContext

# What bokeh draws is in shadow roots, and known by its own objects.
_DRAWN = """title => {
  const documents = window.Bokeh ? window.Bokeh.documents : [];
  return documents.some(one => one.title() === title && one.is_idle);
}"""
_WORKERS = """() => window.Bokeh.documents.flatMap(one => [...one.all_models])
  .filter(one => one.type === 'ColumnDataSource')
  .map(one => new Map(one.data instanceof Map ? one.data : Object.entries(one.data)))
  .flatMap(data => [...(data.get('address') ?? [])])"""


_HOSTILE_TASK = """
import time
from speccluster_lab import connect
with connect("{id}") as cluster, cluster.get_client() as client:
    client.submit(time.sleep, 1.5, key="{key}").result()
"""


@pytest.mark.parametrize(
    ("page", "title"), [("status", "Dask: Status"), ("workers", "Dask: Workers")]
)
def test_it_draws_and_lives(
    server: LabServer, context: BrowserContext, page: str, title: str
) -> None:
    id = server.create("threads")["id"]
    wait_until(lambda: server.cluster(id)["phase"] == "running", "the cluster runs")
    tab, troubles = context.new_page(), Troubles()
    # Logs the browser in.
    tab.goto(f"{server.url}/login?token={server.token}&next=%2Fapi%2Fme")
    troubles.watch(tab)
    tab.goto(f"{server.url}{API}/clusters/{id}/dashboard/{page}")
    expect(tab.get_by_role("link", name="Workers")).to_be_visible()
    tab.wait_for_function(_DRAWN, arg=title)
    # It is told of a worker that comes later, over the websocket.
    server.scale(id, 2)
    if page == "workers":
        tab.wait_for_function(f"new Set(({_WORKERS})().filter(one => one)).size >= 2")
    assert troubles.unexpected == []


def test_a_card_leads_there(lab: LabPage, server: LabServer, context: BrowserContext) -> None:
    start(server, "threads", "Charted")
    with context.expect_page() as opened:
        lab.panel.card("Charted").button("Dashboard").click()
    tab = opened.value
    tab.wait_for_function(_DRAWN, arg="Dask: Status")
    assert tab.evaluate("() => window.opener") is None


def test_names_are_text_there_too(server: LabServer, context: BrowserContext) -> None:
    """The pages are dask's, and run in the origin of JupyterLab."""
    before = server.create("threads")
    id = before["id"]
    wait_until(lambda: server.cluster(id)["phase"] == "running", "the cluster runs")
    before = server.cluster(id)
    spec = {**before["spec"], "workers": {HOSTILE: before["spec"]["workers"]["0"]}}
    server.replace_spec(id, spec, before["generation"])
    wait_until(lambda: _names(server.cluster(id)) == [HOSTILE], "the worker of this name runs")
    # dask's tables ask for styles where there are none, and do without.
    styles = [r"cdnjs\.cloudflare\.com", "Refused to", r"404 \(Not Found\)"]
    tab, troubles = context.new_page(), Troubles(styles)
    tab.goto(f"{server.url}/login?token={server.token}&next=%2Fapi%2Fme")
    troubles.watch(tab)
    for page, text in (
        ("status", None), ("workers", HOSTILE), ("system", None),
        ("info/main/workers.html", HOSTILE), ("info/main/logs.html", None),
    ):  # fmt: skip
        tab.goto(f"{server.url}{API}/clusters/{id}/dashboard/{page}")
        if text is not None:
            expect(tab.get_by_text(text).first).to_be_visible()
        else:
            tab.wait_for_load_state("networkidle")
        expect(tab.locator("img[src=x]")).to_have_count(0)
    assert troubles.unexpected == []


def test_names_are_text_under_the_pointer(
    lab: LabPage, server: LabServer, context: BrowserContext, results: Path
) -> None:
    """Bokeh writes what it says there as HTML, with a task's name in it."""
    id = start(server, "threads", "Pointed at")["id"]
    notebook = lab.new_notebook()
    tab, troubles = context.new_page(), Troubles()
    troubles.watch(tab)
    tab.goto(f"{server.url}{API}/clusters/{id}/dashboard/individual-task-stream")
    tab.wait_for_function(_DRAWN, arg="Dask: TaskStream")
    # It shows what comes after it.
    notebook.compute(_HOSTILE_TASK.format(id=id, key=f"a{HOSTILE}"))
    place = tab.locator("canvas").first.bounding_box()
    assert place is not None
    said = tab.get_by_text(f"a{HOSTILE}")

    def is_said() -> bool:
        # Where in it the task is, the browser alone knows.
        for part in range(1, 40):
            tab.mouse.move(
                place["x"] + place["width"] * part / 40, place["y"] + place["height"] / 2
            )
            if said.is_visible():
                return True
        return False

    wait_until(is_said, "the pointer is told what it is over")
    tab.screenshot(path=results / "dashboard-pointed.png")
    expect(tab.locator("img[src=x]")).to_have_count(0)
    assert troubles.unexpected == []


def _names(cluster: Any) -> list[str]:
    found = [member for entry in cluster["workers"] for member in entry["members"]]
    return [member["name"] for member in found if member["address"] is not None]

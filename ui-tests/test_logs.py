"""Logs of a cluster and its workers: followed, filtered, copied, and left by who has died."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest
from feed import Feed, cluster
from logviewer import LogViewer
from looks import everything
from pictures import HEIGHT, SCALE, WIDTH, take_pictures
from playwright.sync_api import expect
from test_accessibility import THEMES, expect_for_everybody
from test_panel import start
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import BrowserContext, Response, Route

HOSTILE: Final = "<img src=x onerror=alert(1)> \x1b[31mred\x1b[0m &amp; \u202ereversed"
AS_SHOWN: Final = "<img src=x onerror=alert(1)> red &amp; \ufffdreversed"

DRAWN: Final = """() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))
)"""

# A key scrolls in steps, whatever motion is wanted: where it leads to is known at its end.
SCROLLS: Final = """node => {
  window.scrolled = new Promise(done =>
    node.addEventListener('scrollend', () => done(true), { once: true })
  );
}"""

WHY: Final = """\
2026-11-28 06:02:11+00:00 StartFailed: the worker has not started: attempt 4
2026-11-28 06:02:43+00:00 StartFailed: Traceback (most recent call last):
  File "/opt/geo/lib/python3.12/site-packages/distributed/nanny.py", line 986, in run
    await worker
  File "/home/ada/studies/preload.py", line 3, in <module>
    import geo
ModuleNotFoundError: No module named 'geo'
"""
SAID: Final = """\
2026-11-28 05:58:01,112 INFO Cluster 'probe' has started
2026-11-28 05:58:01,640 - distributed.scheduler - INFO - Register worker tls://10.0.0.3:40001 (0)
2026-11-28 05:58:01,702 - distributed.scheduler - INFO - Register worker tls://10.0.0.3:40002 (1)
2026-11-28 05:58:01,755 - distributed.scheduler - INFO - Register worker tls://10.0.0.3:40003 (2)
2026-11-28 05:58:02,020 WARNING entry '3' has not started: No module named 'geo'
2026-11-28 05:58:04,101 WARNING entry '3' has not started: No module named 'geo'
2026-11-28 05:59:31,903 - distributed.core - INFO - Event loop was unresponsive for 3.11s.
2026-11-28 06:02:43,377 ERROR entry '3' has failed 5 times in a row
Traceback (most recent call last):
  File "/home/ada/studies/preload.py", line 3, in <module>
    import geo
ModuleNotFoundError: No module named 'geo'
2026-11-28 06:02:43,401 INFO entry '3' is tried again in 62 s
"""


@pytest.fixture
def context_options() -> dict[str, Any]:
    """Return how the browser's contexts are made: as the README's pictures are taken."""
    size = {"width": WIDTH, "height": HEIGHT}
    return {"viewport": size, "device_scale_factor": SCALE, "reduced_motion": "reduce"}


LOOK: Final = "(node, key) => getComputedStyle(node)[key]"


def test_what_is_told_by_colour_is_seen_where_colours_are_forced(
    lab: LabPage, server: LabServer
) -> None:
    id = start(server, "threads", "Logged")["id"]
    write(the_log(server, id), ["2026-11-28 06:02:43,377 ERROR it has failed", "", "1 INFO and"])
    card = lab.panel.card("Logged")
    card.button("Edit spec").click()
    tabs = lab.editor("Logged").root.get_by_role("tab")
    expect(tabs).to_have_count(3)
    lab.page.emulate_media(forced_colors="active")
    under = [tab.evaluate(LOOK, "borderBottomColor") for tab in tabs.all()]
    assert len(set(under)) == 2
    new = lab.panel.root.get_by_role("button", name="New cluster")
    icon = new.locator("svg [fill]").first
    assert icon.evaluate(LOOK, "fill") == new.evaluate(LOOK, "color")

    card.button("Open logs").click()
    log = LogViewer(lab.page, "Logged")
    beside = [
        log.line(text) for text in ("2026-11-28 06:02:43,377 ERROR it has failed", "1 INFO and")
    ]
    for line in beside:
        expect(line).to_be_visible()
    edges = [line.evaluate(LOOK, "borderLeftColor") for line in beside]
    assert edges[0] != edges[1]
    follow, copy = log.button("Follow"), log.button("Copy")
    assert follow.evaluate(LOOK, "backgroundColor") != copy.evaluate(LOOK, "backgroundColor")
    follow.click()
    log.expect_following(False)
    assert follow.evaluate(LOOK, "backgroundColor") == copy.evaluate(LOOK, "backgroundColor")


def test_a_log_is_followed_filtered_and_copied(lab: LabPage, server: LabServer) -> None:
    id = start(server, "threads", "Logged")["id"]
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    log_file = the_log(server, id)
    lab.panel.card("Logged").root.get_by_role("heading", name="Logged").click(button="right")
    lab.page.get_by_role("menuitem", name="Show Log", exact=True).click()
    log = LogViewer(lab.page, "Logged")
    expect(log.lines).to_contain_text("Cluster 'logged' has started")

    # However many there are, the newest is in view, and few of them are in the page.
    write(log_file, [f"line {number}" for number in range(10_000)])
    expect(log.line("line 9999")).to_be_in_viewport()
    expect(log.root).to_contain_text("Earlier lines are not shown.")
    assert log.in_page < 200
    log.lines.focus()
    lab.page.keyboard.press("PageUp")
    log.expect_following(False)
    expect(log.line("line 9999")).not_to_be_in_viewport()
    lab.page.keyboard.press("Home")
    expect(log.line("line 0")).to_be_in_viewport()
    expect(log.line("line 500")).to_have_count(0)
    log.lines.evaluate(SCROLLS)
    lab.page.keyboard.press("PageDown")
    lab.page.evaluate("() => scrolled")
    expect(log.line("line 0")).not_to_be_in_viewport()
    lab.page.evaluate(DRAWN)
    at_top = log.lines.evaluate(
        """node => [...node.querySelectorAll('[data-line]')].find(
          one => one.getBoundingClientRect().top >= node.getBoundingClientRect().top
        ).textContent"""
    )
    with lab.page.expect_response(lambda answer: "/logs?" in answer.url and tells(answer)):
        write(log_file, ["a WARNING", "an ERROR", HOSTILE, "token=canary-1"])
    lab.page.evaluate(DRAWN)
    # The four oldest have gone, and what is read has not moved.
    expect(log.line(at_top)).to_be_in_viewport()
    log.expect_following(False)
    log.button("Follow").click()
    log.expect_following(True)
    expect(log.line("token=***")).to_be_in_viewport()

    log.filter.fill("IMG")
    expect(log.line("token=***")).to_have_count(0)
    expect(log.lines).to_have_text(AS_SHOWN)
    expect(lab.page.locator("img[src=x]")).to_have_count(0)
    log.button("Copy").click()
    expect(log.root.get_by_role("status")).to_have_text("1 line was copied")
    assert lab.page.evaluate("() => navigator.clipboard.readText()") == AS_SHOWN
    log.filter.fill("nobody says this")
    log.button("Show all lines").click()
    log.level.select_option("Errors")
    # What goes on after an error without a level of its own belongs to it.
    expect(log.root).to_contain_text("3 of 10000 lines")
    log.level.select_option("All levels")

    log.source.select_option("0")
    log = LogViewer(lab.page, "Logged: 0")
    expect(log.lines).to_contain_text("Start worker at")
    # It is there again as it was left when JupyterLab is opened the next time.
    kept = server.home / "workspaces"
    wait_until(
        lambda: any('"member":"0"' in one.read_text() for one in kept.iterdir()),
        "JupyterLab keeps which log it is",
    )
    lab.page.reload()
    lab.wait_until_ready()
    expect(log.lines).to_contain_text("Start worker at")


def test_who_dies_leaves_a_log(lab: LabPage, server: LabServer) -> None:
    id = start(server, "threads", "Mortal")["id"]
    lab.page.evaluate("id => jupyterapp.commands.execute('speccluster-lab:open-logs', { id })", id)
    log = LogViewer(lab.page, "Mortal")
    expect(log.lines).to_contain_text("Cluster 'mortal' has started")
    lab.panel.record_phases()
    os.kill(host(server, id), 9)
    expect(log.lines).to_contain_text(re.compile("killed by signal 9|SIGKILL|signal 9"))
    # Another process goes on with the cluster, and with its log.
    wait_until(
        lambda: (
            server.cluster(id)["phase"] == "running"
            and any("has started" in one for one in newest(server, id))
        ),
        "it runs again",
    )
    card = lab.panel.card("Mortal")
    card.expect_settled(1)
    assert "starting" in lab.panel.phases_seen("Mortal")
    # Nobody starts another without the one that looks after them, until a person asks for it.
    psutil.Process(host(server, id)).parent().kill()
    card.expect_phase("failed")
    expect(card.root).to_contain_text("ended by SIGKILL")
    card.button("Restart").click()
    card.expect_settled(1)
    card.button("Stop").click()
    lab.dialog("Stop Mortal?").get_by_role("button", name="Stop", exact=True).click()
    expect(log.root.get_by_role("alert")).to_have_text(
        "The cluster has gone; nothing more is to come."
    )
    expect(log.lines).to_contain_text("Cluster 'mortal' has started")


def test_why_a_cluster_fails(
    context: BrowserContext,
    server: LabServer,
    open_lab: Callable[[LabServer], LabPage],
    results: Path,
) -> None:
    said = {"3": ("failure", WHY), "": ("host", SAID)}

    def answer(route: Route) -> None:
        found = re.search(r"member=([^&]*)", route.request.url)
        name = found[1] if found else ""
        if name not in said:
            body = {"code": "member_not_found", "message": f"the cluster has no worker '{name}'"}
            route.fulfill(status=404, json=body)
            return
        source, text = said[name]
        lines = text.splitlines()
        told = {"source": source, "lines": lines, "complete": True}
        route.fulfill(json={**told, "cursor": "", "continues": False, "unfinished": False})

    context.route(re.compile("/speccluster-lab/api/v1/clusters/probe/logs"), answer)
    looks = everything()
    feed = Feed(context, *[one for one in looks if one["id"] == "probe"])
    lab = open_lab(server)
    lab.widen_panel(130)
    card = lab.panel.card("Probe")
    card.button("Logs").click()
    own = LogViewer(lab.page, "Probe")
    expect(own.line("    import geo")).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(own.root)
    take_pictures(lab, results, "logs")

    card.open()
    card.entry("3").get_by_role("button", name="Log of 3").click()
    why = LogViewer(lab.page, "Probe: 3")
    expect(why.root).to_contain_text("No worker of 3 is there; this is why.")
    expect(why.line("ModuleNotFoundError: No module named 'geo'")).to_be_visible()
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(why.root)
    take_pictures(lab, results, "failing")

    lab.troubles.expected.append(r"status of 404 ")
    why.source.select_option("2")
    gone = LogViewer(lab.page, "Probe: 2")
    expect(gone.root.get_by_role("alert")).to_contain_text("the cluster has no worker '2'")
    feed.tell(cluster("other", []))
    expect(gone.root.get_by_role("alert")).to_contain_text("The cluster has gone")
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(gone.root)


def host(server: LabServer, id: str) -> int:
    """Return the process in which a cluster is."""
    (pid,) = {
        json.loads(file.read_text())["pid"] for file in server.home.glob(f"runtime/**/{id}.json")
    }
    return int(pid)


def the_log(server: LabServer, id: str) -> Path:
    """Return the file of a host's log."""
    (found,) = server.home.glob(f"data/speccluster-lab/*/clusters/{id}/host.log")
    return found


def write(log: Path, lines: list[str]) -> None:
    """Write as the process would."""
    with log.open("a") as stream:
        stream.write("".join(f"{line}\n" for line in lines))


def tells(answer: Response) -> bool:
    """Return whether an answer has the last line that was written."""
    lines = answer.json()["lines"]
    return bool(lines) and lines[-1] == "token=***"


def newest(server: LabServer, id: str) -> list[str]:
    """Return the last lines of a host's log as the server tells them."""
    answer = server.request("GET", f"/speccluster-lab/api/v1/clusters/{id}/logs?tail=20")
    assert answer.status == 200, answer
    lines: list[str] = answer.body["lines"]
    return lines

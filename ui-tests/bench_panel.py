"""How quick the panel is: a report, beside what it must reach.

``make bench-ui``. The first row is the whole way, from the scheduler of a real cluster to the
screen. The others are of a simulated feed: their times are those of this machine's main thread,
from Chromium's own trace, all of JupyterLab included.
"""

from __future__ import annotations

import gzip
import json
import statistics
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest
from feed import Feed, cluster, entry, member
from playwright.sync_api import expect
from test_panel import start
from visitors import Visitors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import Browser, BrowserContext

MEMBERS: Final = 5_000
CATEGORIES: Final = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]

# When a change is painted: after the frame that follows it.
WATCH: Final = """([text, isThere]) => void (window.painted = new Promise(resolve => {
  const panel = document.getElementById('speccluster-lab-panel');
  const look = () => {
    if (panel.textContent.includes(text) === isThere) {
      requestAnimationFrame(() => setTimeout(
        () => resolve(performance.timeOrigin + performance.now())));
    } else {
      requestAnimationFrame(look);
    }
  };
  look();
}))"""

# The control is a copy of the panel, which the browser scrolls and nobody follows: what is long
# there is so by the machine.
SCROLL: Final = """async isControl => {
  const panel = document.querySelector('#speccluster-lab-panel > .jp-SidePanel-content');
  const view = isControl ? panel.parentNode.appendChild(panel.cloneNode(true)) : panel;
  if (isControl) {
    view.style.cssText = 'position: absolute; inset: 0; z-index: 1';
  }
  const gaps = [];
  let last = performance.now();
  for (let step = 0; step < 300; step++) {
    view.scrollTop += step % 100 === 99 ? 20_000 : 180;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  if (isControl) {
    view.remove();
  }
  return gaps;
}"""

MUTATIONS: Final = """async ([selector, seconds]) => {
  let count = 0;
  const seen = new MutationObserver(records => {
    count += records.filter(({ target }) =>
      !(target.nodeType === 1 ? target : target.parentElement)?.closest('time')).length;
  });
  seen.observe(document.querySelector(selector), {
    subtree: true, childList: true, attributes: true, characterData: true
  });
  const before = performance.getEntriesByType('resource').length;
  await new Promise(resolve => setTimeout(resolve, 1000 * seconds));
  return [count, performance.getEntriesByType('resource').slice(before).map(one => one.name)];
}"""

ROWS: Final = (
    "() => document.querySelectorAll("
    "'#speccluster-lab-panel article, #speccluster-lab-panel [role=treeitem]').length"
)


class Report:
    """The table that is printed in the end."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str]] = []

    def add(self, what: str, must: str, found: str) -> None:
        """Note one figure."""
        self._rows.append((what, must, found))

    def __str__(self) -> str:
        rows = [("work", "must reach", "found"), ("---", "---", "---"), *self._rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """Print what was found, in the end."""
    report = Report()
    yield report
    print(f"\n\n{report}\n")


@pytest.fixture(autouse=True)
def unwatched(context: BrowserContext) -> Iterator[None]:
    """Have Playwright not note what is in the page: it takes longer than what is measured."""
    context.tracing.stop()
    yield
    context.tracing.start()


def wide() -> dict[str, Any]:
    """Return one cluster of 5,000 members."""
    entries = [entry(str(i), [member(f"{i}-{j}") for j in range(8)]) for i in range(MEMBERS // 8)]
    return cluster("wide", entries)


def test_from_the_scheduler_to_the_screen(lab: LabPage, server: LabServer, report: Report) -> None:
    made = start(server, "threads", "Real")
    server.scale(made["id"], 4)
    card = lab.panel.card("Real")
    card.expect_settled(4)
    card.open()
    coming, going = [], []
    with Visitors(server, made["id"]) as visitors:
        for n in range(40):
            name = f"visitor-{n}"
            for delays, change, is_there in (
                (coming, visitors.come, True),
                (going, visitors.go, False),
            ):
                lab.page.evaluate(WATCH, [name, is_there])
                noted = change(name)
                delays.append(lab.page.evaluate("() => window.painted") - 1000 * noted)
    must = "p50 ≤ 150, p95 ≤ 400 ms"
    report.add("a worker comes to the scheduler → painted", must, in_short(coming))
    report.add("… goes → painted", must, in_short(going))


def test_first_paint(
    context: BrowserContext,
    browser: Browser,
    server: LabServer,
    open_lab: Callable[[LabServer], LabPage],
    report: Report,
) -> None:
    feed = Feed(context)
    lab = open_lab(server)
    clusters = [
        cluster(
            f"c{n}", [entry(str(i), [member(f"{i}-{j}") for j in range(10)]) for i in range(10)]
        )
        for n in range(50)
    ]
    lab.page.wait_for_timeout(3_000)
    with Trace(browser, lab) as trace:
        feed.tell(*clusters)
        expect(lab.panel.cards).to_have_count(50)
        lab.page.wait_for_timeout(500)
    rows = lab.page.evaluate(ROWS)
    report.add("first paint of 50 clusters / 5,000 members", "≤ 300 ms", f"{trace.busy:.0f} ms")
    report.add("… rows in the page", "≤ 400", str(rows))


def test_five_thousand_members(
    context: BrowserContext,
    browser: Browser,
    server: LabServer,
    open_lab: Callable[[LabServer], LabPage],
    report: Report,
) -> None:
    feed = Feed(context, wide())
    lab = open_lab(server)
    card = lab.panel.card("Wide")
    lab.page.wait_for_timeout(3_000)
    with Trace(browser, lab) as trace:
        card.open()
        expect(card.entry("0")).to_be_visible()
    report.add("opening 5,000 members", "—", f"{trace.busy:.0f} ms")
    report.add("… rows in the page", "≤ 400", str(lab.page.evaluate(ROWS)))

    path = "/workers/0/members/1"
    with Trace(browser, lab) as trace:
        for n in range(40):
            feed.patch("wide", {"op": "replace", "path": f"{path}/tasks", "value": 1000 + n})
            lab.page.wait_for_timeout(50)
    expect(card.root).to_contain_text("1039 tasks")
    report.add("one member's change in 5,000", "≤ 8 ms", f"{trace.busy / 40:.1f} ms, all included")
    report.add("… of it on the processor", "—", f"{trace.processor / 40:.1f} ms")

    delays = []
    for n in range(40):
        lab.page.evaluate(WATCH, [f"{2000 + n} tasks", True])
        before = time.time()
        feed.patch("wide", {"op": "replace", "path": f"{path}/tasks", "value": 2000 + n})
        delays.append(lab.page.evaluate("() => window.painted") - 1000 * before)
    report.add("a change in the feed → painted", "p50 ≤ 150, p95 ≤ 400 ms", in_short(delays))

    for what, must, is_control in [
        ("scrolling 5,000 members, 300 frames", "no frame over 50 ms", False),
        ("… a copy that nobody follows", "—", True),
    ]:
        gaps = lab.page.evaluate(SCROLL, is_control)
        longest = f"longest {max(gaps):.0f} ms, {sum(gap > 50 for gap in gaps)} over 50 ms"
        report.add(what, must, longest)

    # What is around the rows in view comes after the last jump.
    lab.page.wait_for_timeout(500)
    count, requests = lab.page.evaluate(MUTATIONS, ["#speccluster-lab-panel", 20])
    ours = [one for one in requests if "speccluster" in one]
    report.add(
        "idle for 20 s",
        "0 requests, 0 renders",
        f"{len(ours)} requests, {count} changes of the page",
    )


def test_size(lab: LabPage, server: LabServer, report: Report) -> None:
    urls: list[str] = lab.page.evaluate(
        """() => performance.getEntriesByType('resource').map(one => one.name)
            .filter(one => /extensions\\/speccluster-lab\\/.*\\.js/.test(one))"""
    )
    assert urls
    size = 0
    for url in urls:
        with urllib.request.urlopen(url) as answer:
            size += len(gzip.compress(answer.read()))
    report.add(
        "initial JavaScript, compressed", "≤ 100 kB", f"{size / 1000:.0f} kB in {len(urls)} files"
    )


def in_short(delays: list[float]) -> str:
    """Return the median and the 95th percentile, in milliseconds."""
    p50, p95 = statistics.median(delays), statistics.quantiles(delays, n=20)[-1]
    return f"{p50:.0f}, {p95:.0f} ms"


class Trace:
    """Chromium's own record of what the main thread of a page does, while it is entered."""

    def __init__(self, browser: Browser, lab: LabPage) -> None:
        self._browser = browser
        self._page = lab.page
        self.busy = 0.0
        self.processor = 0.0

    def __enter__(self) -> Trace:
        self._browser.start_tracing(page=self._page, categories=CATEGORIES)
        return self

    def __exit__(self, *_: object) -> None:
        events = json.loads(self._browser.stop_tracing())["traceEvents"]
        main = {
            (one["pid"], one["tid"])
            for one in events
            if one.get("name") == "thread_name" and one["args"]["name"] == "CrRendererMain"
        }
        here = [one for one in events if (one.get("pid"), one.get("tid")) in main]
        pages = {one["pid"] for one in here if one.get("name") == "Paint"}
        # A task is in the trace a second time, inside itself, by the name of what runs it.
        tasks = [
            one
            for one in here
            if one.get("name") == "RunTask" and one.get("ph") == "X" and one["pid"] in pages
        ]
        self.busy = sum(one["dur"] for one in tasks) / 1000
        # Without the time in which the machine did something else.
        self.processor = sum(one.get("tdur", 0) for one in tasks) / 1000

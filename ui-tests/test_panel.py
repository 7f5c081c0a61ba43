"""The panel: what a person is told, and what they can do with it."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import Locator, Route

HOSTILE: Final = "<img src=x onerror=alert(1)>"


# What the browser itself says of an answer that is an error.
def refused(status: int) -> str:
    return rf"^console: Failed to load resource: .* status of {status} "


def test_without_clusters_the_templates_are_offered(lab: LabPage) -> None:
    panel = lab.panel.root
    expect(panel.get_by_role("heading", name="No clusters yet")).to_be_visible()
    for template in ("Grouped workers", "Local processes", "Threads"):
        expect(panel.get_by_role("button", name=template, exact=True)).to_be_visible()
    panel.get_by_role("button", name="Threads", exact=True).click()
    expect(lab.panel.cards).to_have_count(1)
    expect(panel.get_by_role("heading", name="No clusters yet")).to_have_count(0)
    name = lab.panel.cards.get_attribute("aria-label")
    assert name is not None
    lab.panel.card(name).expect_settled(1)


def test_a_number_that_is_too_large_is_refused_at_the_stepper(
    lab: LabPage, server: LabServer
) -> None:
    before = start(server, "threads", "Large")
    card = lab.panel.card("Large")
    lab.troubles.expected.append(refused(422))
    card.entries.fill("65")
    card.entries.press("Enter")
    expect(card.root.get_by_role("alert")).to_contain_text("65 workers are more than the 64")
    expect(card.entries).to_have_value("1")
    card.entries.fill("-3")
    card.entries.press("Enter")
    expect(card.entries).to_have_value("1")
    assert server.cluster(before["id"])["generation"] == before["generation"]


def test_a_failing_entry_says_why_and_disturbs_no_other(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", "Mixed")
    spec = copy.deepcopy(before["spec"])
    spec["workers"]["bad"] = copy.deepcopy(spec["workers"]["0"])
    spec["workers"]["bad"]["options"]["interface"] = "nosuch0"
    spec["workers"]["good"] = copy.deepcopy(spec["workers"]["0"])
    server.replace_spec(before["id"], spec, before["generation"])
    card = lab.panel.card("Mixed")
    # At once, not only when it has failed so often that the whole cluster is said to suffer.
    reason = card.root.get_by_text(re.compile("^bad: (?!start failed)"))
    expect(reason.filter(has_text="nosuch0")).to_be_visible()
    card.expect_phase("degraded")
    card.open()
    expect(card.entry("bad")).to_contain_text("nosuch0")
    expect(card.entry("bad")).to_contain_text("backing off")
    for name in ("0", "good"):
        expect(card.entry(name)).to_contain_text("running")
    assert addresses(server.cluster(before["id"]))["0"] == addresses(before)["0"]
    # What is asked for by hand counts anew: by itself it would be the fourth try or a later one.
    tried = card.entry("bad").get_by_text(re.compile(r"^Tried \d+ times?$"))
    expect(tried).to_have_text(re.compile(r"Tried [3-9] times"))
    card.entry("bad").get_by_role("button", name="Retry now").click()
    expect(tried).to_have_text(re.compile("Tried (1 time|2 times)$"))
    card.entry("0").hover()
    card.button("Restart 0").click()

    def is_another() -> bool:
        now = addresses(server.cluster(before["id"]))["0"]
        return now not in (None, addresses(before)["0"])

    wait_until(is_another, "0 is made anew")
    expect(card.entry("0")).to_contain_text("running")


def test_names_are_text_wherever_they_are_shown(lab: LabPage, server: LabServer) -> None:
    before = start(server, "threads", HOSTILE)
    spec = copy.deepcopy(before["spec"])
    spec["workers"] = {HOSTILE: spec["workers"]["0"]}
    server.replace_spec(before["id"], spec, before["generation"])
    card = lab.panel.card(HOSTILE)
    card.open()
    expect(card.entry(HOSTILE)).to_contain_text(HOSTILE)
    card.entry(HOSTILE).hover()
    expect(card.entry("0")).to_have_count(0)
    card.expect_settled(1)
    card.button("Edit spec").click()
    editor = lab.editor(HOSTILE)
    expect(editor.field("Name")).to_have_value(HOSTILE)
    editor.show("Code")
    expect(editor.text).to_contain_text(HOSTILE)
    lab.page.get_by_role("button", name="New Launcher").click()
    notebook = lab.new_notebook()
    card.button("Insert client code").click()
    notebook.run(0)
    notebook.compute("display(cluster)")
    widget = lab.page.get_by_role("feed")
    widget.get_by_text("1 entry", exact=True).click()
    expect(widget.get_by_role("rowheader", name=HOSTILE)).to_be_visible()
    card.button("Stop").click()
    expect(lab.dialog(f"Stop {HOSTILE}?")).to_be_visible()
    expect(lab.page.locator("img[src=x]")).to_have_count(0)
    # That no alert has been opened, the fixture sees to.


def test_everything_by_keyboard(lab: LabPage, server: LabServer) -> None:
    press = lab.page.keyboard.press
    tab_to(lab, lab.panel.root.get_by_role("button", name="New cluster"))
    press("Enter")
    # As somebody does who looks where the focus is.
    for name in ("Grouped", "Local", "Threads"):
        expect(lab.page.get_by_role("menuitem", name=name)).to_be_focused()
        press("Enter" if name == "Threads" else "ArrowDown")
    expect(lab.panel.cards).to_have_count(1)
    name = lab.panel.cards.get_attribute("aria-label")
    assert name is not None
    card = lab.panel.card(name)
    card.expect_settled(1)
    assert server.cluster(card.id)["template"] == "threads"

    tab_to(lab, card.entries)
    press("ArrowUp")
    card.expect_settled(2)
    tab_to(lab, card.button("Show workers"))
    press("Enter")
    tab_to(lab, card.entry("0"))
    press("ArrowDown")
    expect(card.entry("1")).to_be_focused()
    tab_to(lab, card.button("Fewer entries"), back=True)
    press("Space")
    card.expect_settled(1)

    tab_to(lab, card.button("Stop"))
    press("Enter")
    tab_to(lab, lab.dialog(f"Stop {name}?").get_by_role("button", name="Stop", exact=True))
    press("Enter")
    expect(lab.panel.cards).to_have_count(0)


def test_the_focus_goes_on_from_a_cluster_that_is_stopped(lab: LabPage, server: LabServer) -> None:
    for name in ("First", "Second"):
        start(server, "threads", name)
    held: list[Route] = []
    lab.page.route(
        "**/clusters/*",
        lambda route: held.append(route) if route.request.method == "DELETE" else route.fallback(),
    )
    for name in ("First", "Second"):
        card = lab.panel.card(name)
        stop = card.button("Stop")
        stop.focus()
        lab.page.keyboard.press("Enter")
        tab_to(lab, lab.dialog(f"Stop {name}?").get_by_role("button", name="Stop", exact=True))
        lab.page.keyboard.press("Enter")
        # While it stops there is nothing to do, and one is still there.
        expect(stop).to_be_disabled()
        expect(stop).to_be_focused()
        held.pop().continue_()
        if name == "First":
            expect(lab.panel.card("Second").root).to_be_focused()
    expect(lab.panel.cards).to_have_count(0)
    expect(lab.panel.root.get_by_role("region", name="No clusters yet")).to_be_focused()


@pytest.mark.parametrize(
    ("is_heard", "end"), [(True, "Told is to have 2 entries."), (False, "Told was not scaled: ")]
)
def test_a_person_is_told_of_one_thing_once(
    lab: LabPage, server: LabServer, is_heard: bool, end: str
) -> None:
    start(server, "threads", "Told")
    lab.troubles.expected.append(r"^console: Failed to load resource: net::ERR_FAILED")
    held: list[Route] = []
    lab.page.route("**/scale*", lambda route: held.append(route))
    lab.panel.card("Told").button("Scale").click()
    dialog = lab.dialog("Scale Told")
    dialog.get_by_role("spinbutton", name="Size").fill("2")
    dialog.get_by_role("button", name="Scale", exact=True).click()
    # Its name is the bare number.
    bell = lab.page.get_by_title("1 notification", exact=True)
    bell.click()
    told = lab.page.get_by_role("listitem").filter(has_text="Told")
    expect(told).to_have_text("Told is scaled…")
    if is_heard:
        held.pop().continue_()
    else:
        held.pop().abort()
    # It is the same one, brought up to date: there is no other beside it.
    expect(told).to_contain_text(end)
    expect(told).to_have_count(1)
    expect(bell).to_be_visible()


def test_two_tabs_show_the_same(
    lab: LabPage, server: LabServer, open_lab: Callable[[LabServer], LabPage]
) -> None:
    other = open_lab(server)
    name = lab.panel.new("Threads").name
    here, there = lab.panel.card(name), other.panel.card(name)
    there.expect_settled(1)
    there.button("More entries").click()
    # Sooner than a page asks anew when it has heard nothing for long.
    expect(here.entries).to_have_value("2", timeout=20_000)
    here.expect_settled(2)
    there.expect_settled(2)
    here.button("Stop").click()
    lab.dialog(f"Stop {name}?").get_by_role("button", name="Stop", exact=True).click()
    expect(there.root).to_have_count(0)


def test_client_code_goes_into_the_notebook_in_use(lab: LabPage, server: LabServer) -> None:
    made = start(server, "threads", "Reached")
    card = lab.panel.card("Reached")
    card.button("Insert client code").click()
    expect(lab.page.get_by_role("alert").filter(has_text="No notebook is in use")).to_be_visible()
    notebook = lab.new_notebook()
    card.button("Insert client code").click()
    wait_until(lambda: notebook.sources != [""], "there is code")
    (source,) = notebook.sources
    assert source.splitlines()[1] == f'cluster = connect("{made["id"]}")'
    notebook.run(0)
    assert notebook.compute("print(client.submit(sum, [20, 22]).result())") == "42\n"


def start(server: LabServer, template: str, name: str) -> Any:
    """Make a cluster, and return it once it runs."""
    id = server.create(template, name)["id"]

    def running() -> Any:
        now = server.cluster(id)
        is_settled = now["observed_generation"] == now["generation"]
        return now if now["phase"] == "running" and is_settled else None

    return wait_until(running, f"{name} runs")


def addresses(cluster: Any) -> dict[str, str]:
    """Return the addresses of the members by name."""
    members = [member for entry in cluster["workers"] for member in entry["members"]]
    return {member["name"]: member["address"] for member in members}


def tab_to(lab: LabPage, target: Locator, *, back: bool = False) -> None:
    """Press the tabulator until ``target`` has the focus."""
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("node => node === document.activeElement"):
            return
        lab.page.keyboard.press("Shift+Tab" if back else "Tab")
    pytest.fail(f"{target} cannot be reached by keyboard")

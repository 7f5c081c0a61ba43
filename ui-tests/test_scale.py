"""How large a cluster is: by numbers, by a range, and what is at stake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labserver import API
from playwright.sync_api import expect
from test_panel import start
from waiting import wait_until

if TYPE_CHECKING:
    from labpage import LabPage
    from labserver import LabServer
    from playwright.sync_api import Locator

# Data on the workers of a cluster, held by a notebook.
SCATTER = """\
from speccluster_lab import connect
cluster = connect("{id}")
client = cluster.get_client()
held = client.scatter(list(range(20)), hash=False)"""


def test_a_size_is_chosen_with_its_plan_in_view(lab: LabPage, server: LabServer) -> None:
    made = start(server, "threads", "Sized")
    card = lab.panel.card("Sized")
    card.button("Scale").click()
    dialog = lab.dialog("Scale Sized")
    size, plan = dialog.get_by_role("spinbutton", name="Size"), status(dialog)
    expect(size).to_be_focused()
    expect(size).to_have_value("1")
    expect(plan).to_have_text("Nothing changes.")
    dialog.get_by_role("combobox", name="Unit").select_option("workers")
    size.fill("3")
    expect(plan).to_have_text("2 entries start.")
    size.fill("")
    expect(dialog.get_by_role("button", name="Scale", exact=True)).to_be_disabled()
    lab.troubles.expected.append(r"status of 422 ")
    size.fill("999")
    expect(plan).to_contain_text("more than the 64")
    size.fill("2")
    expect(plan).to_have_text("1 entry starts.")
    lab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert server.cluster(made["id"])["generation"] == made["generation"]


def test_cores_and_memory_are_a_size_too_by_keyboard(lab: LabPage, server: LabServer) -> None:
    made = start(server, "threads", "Typed")
    card, press = lab.panel.card("Typed"), lab.page.keyboard.press
    card.expect_settled(1)
    card.button("Scale").focus()
    press("Enter")
    dialog = lab.dialog("Scale Typed")
    size, plan = dialog.get_by_role("spinbutton", name="Size"), status(dialog)
    unit = dialog.get_by_role("combobox", name="Unit")
    expect(size).to_be_focused()
    # By the first letter of what it says; each worker has two cores and 2 GiB.
    for letter, now, wanted, words in (
        ("c", "2", "6", "2 entries start."),
        ("G", "2", "4", "1 entry starts."),
    ):
        press("Tab")
        expect(unit).to_be_focused()
        press(letter)
        expect(size).to_have_value(now)
        expect(plan).to_have_text("Nothing changes.")
        press("Shift+Tab")
        expect(size).to_be_focused()
        press("ControlOrMeta+a")
        lab.page.keyboard.type(wanted)
        expect(plan).to_have_text(words)
    press("Enter")
    expect(dialog).to_have_count(0)
    card.expect_settled(2)
    assert server.cluster(made["id"])["counts"]["nthreads"] == 4


def test_a_cluster_scales_by_itself_and_stops_doing_so(lab: LabPage, server: LabServer) -> None:
    made = start(server, "threads", "Tidal")
    card = lab.panel.card("Tidal")
    card.button("Scale").click()
    dialog = lab.dialog("Scale Tidal")
    dialog.get_by_role("radio", name="Adaptive").check()
    dialog.get_by_role("spinbutton", name="Minimum").fill("2")
    maximum = dialog.get_by_role("spinbutton", name="Maximum")
    maximum.fill("1")
    expect(dialog.get_by_role("button", name="Scale", exact=True)).to_be_disabled()
    maximum.fill("3")
    dialog.get_by_role("button", name="Scale", exact=True).click()
    expect(card.button("Adaptive, 2 to 3")).to_be_visible()
    card.expect_settled(2)
    assert server.cluster(made["id"])["adaptive"] == {"minimum": 2, "maximum": 3}

    card.button("Adaptive, 2 to 3").click()
    dialog.get_by_role("radio", name="Fixed size").check()
    dialog.get_by_role("spinbutton", name="Size").fill("1")
    dialog.get_by_role("button", name="Scale", exact=True).click()
    expect(card.entries).to_have_value("1")
    card.expect_settled(1)
    assert server.cluster(made["id"])["adaptive"] is None


def test_what_would_be_lost_is_said_before_it_is(lab: LabPage, server: LabServer) -> None:
    made = start(server, "threads", "Keeper")
    notebook = lab.new_notebook()
    notebook.compute(SCATTER.format(id=made["id"]))

    def at_stake() -> Any:
        asked = {"remove": ["0"]}
        return server.request("POST", f"{API}/clusters/{made['id']}/plan", asked).body["at_stake"]

    wait_until(lambda: at_stake()["keys"] == 20, "the workers hold it")
    card = lab.panel.card("Keeper")
    card.button("Fewer entries").click()
    question = card.root.get_by_role("alertdialog", name="Scale down?")
    expect(question).to_contain_text("No worker is left that could take 20 results")
    question.get_by_role("button", name="Keep them").click()
    expect(question).to_have_count(0)
    expect(card.entries).to_have_value("1")

    card.button("Stop").click()
    dialog = lab.dialog("Stop Keeper?")
    expect(dialog).to_contain_text("20 results that they hold are lost")
    dialog.get_by_role("button", name="Cancel").click()
    assert server.cluster(made["id"])["generation"] == made["generation"]

    card.button("Scale").click()
    dialog = lab.dialog("Scale Keeper")
    dialog.get_by_role("spinbutton", name="Size").fill("0")
    expect(status(dialog)).to_contain_text("No worker is left that could take 20 results")
    dialog.get_by_role("button", name="Scale", exact=True).click()
    expect(card.entries).to_have_value("0")
    # As the dialog has said, it waits with what it holds.
    assert notebook.compute("print(len(client.gather(held)))") == "20\n"


def status(dialog: Locator) -> Locator:
    """Return where a dialog says what would be."""
    return dialog.get_by_role("status", name="What this would do")

"""A new cluster is asked for, and what a cluster is becomes a template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from accessibility import small_targets, violations, weak_contrasts
from clusterpanel import NewDialog
from pictures import HEIGHT, SCALE, WIDTH, take_pictures
from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from labpage import LabPage
    from labserver import LabServer

THEMES = ("JupyterLab Light", "JupyterLab Dark")


@pytest.fixture
def context_options() -> dict[str, Any]:
    """Return how the browser's contexts are made: as for the pictures of the README."""
    size = {"width": WIDTH, "height": HEIGHT}
    return {"viewport": size, "device_scale_factor": SCALE, "reduced_motion": "reduce"}


def test_the_form_of_a_template_is_filled_by_keyboard_alone(
    lab: LabPage, server: LabServer
) -> None:
    press = lab.page.keyboard.press
    lab.panel.root.get_by_role("button", name="New cluster").focus()
    press("Enter")
    press("ArrowUp")
    expect(lab.page.get_by_role("menuitem", name="New Cluster…")).to_be_focused()
    press("Enter")
    new = NewDialog(lab.page)
    expect(new.field("Name")).to_be_focused()
    press("Tab")
    expect(new.field("Template")).to_be_focused()
    new.field("Template").select_option("Threads")
    expect(new.field("Name")).to_have_value("Threads")
    expect(new.field("Threads per worker")).to_have_value("2")
    expect(new.root.get_by_text('Text such as "4 GiB"')).to_be_visible()
    press("Tab")
    lab.page.keyboard.insert_text("0")
    expect(new.root.get_by_text("must be 1 or more")).to_be_visible()
    press("Tab")
    press("Enter")
    # What is wrong has the focus, and all is as it was typed.
    expect(new.field("Threads per worker")).to_be_focused()
    # Left by mistake, it goes on as it was.
    press("Escape")
    expect(new.root).to_have_count(0)
    expect(lab.panel.root.get_by_role("button", name="New cluster")).to_be_focused()
    NewDialog.open(lab)
    expect(new.root.get_by_text("This is as you left it.")).to_be_visible()
    expect(new.field("Template")).to_have_value("threads")
    expect(new.field("Threads per worker")).to_have_value("0")
    new.field("Threads per worker").focus()
    press("ControlOrMeta+a")
    lab.page.keyboard.insert_text("1")
    press("Tab")
    lab.page.keyboard.insert_text("lots")
    lab.troubles.expected.append(r"status of 422 ")
    press("Enter")
    # The server refuses the option that the field fills; it is said at the field.
    expect(new.field("Memory per worker")).to_have_attribute("aria-invalid", "true")
    expect(new.field("Memory per worker")).to_be_focused()
    expect(new.root.get_by_text("must be a number of bytes")).to_be_visible()
    expect(new.field("Threads per worker")).to_have_value("1")
    press("ControlOrMeta+a")
    lab.page.keyboard.insert_text("1 GiB")
    press("Enter")
    expect(new.root).to_have_count(0)
    card = lab.panel.card("Threads")
    card.expect_settled(1)
    made = server.cluster(card.id)
    assert made["spec"]["workers"]["0"]["options"] == {"nthreads": 1, "memory_limit": "1 GiB"}


def test_the_whole_spec_is_edited_before_it_starts(
    lab: LabPage, server: LabServer, results: Path
) -> None:
    new = NewDialog.open(lab)
    new.field("Template").select_option("Threads")
    new.field("Name").fill("Whole")
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(new)
    take_pictures(lab, results, "new-cluster")
    new.button("Edit the whole spec before starting").click()
    expect(new.code).to_contain_text("distributed.Worker")
    for theme in THEMES:
        lab.set_theme(theme)
        expect_for_everybody(new)
    take_pictures(lab, results, "new-cluster-spec")
    entry = {"cls": "os.system", "options": {"nthreads": 1}}
    new.write(json.dumps({"workers": {"a": entry, "b": entry}}, indent=2))
    lab.troubles.expected.append(r"status of 422 ")
    new.button("Start").click()
    expect(new.root.get_by_role("alert")).to_contain_text("'os.system' is not allowed here")
    expect(new.code).to_contain_text("os.system")
    # Nothing replaces what was typed until that is said, by keyboard as well.
    expect(new.field("Template")).to_be_disabled()
    press = lab.page.keyboard.press
    # Enter is the code's own; this is the way out of it.
    new.code.focus()
    press("Escape")
    expect(new.button("Start")).to_be_focused()
    for name in ("Name", "Python"):
        press("Tab")
        expect(new.field(name)).to_be_focused()
    press("Tab")
    expect(new.button("Discard the text")).to_be_focused()
    press("Enter")
    expect(new.field("Threads per worker")).to_be_visible()
    expect(new.field("Template")).to_be_enabled()
    expect(new.code).to_be_hidden()
    new.button("Edit the whole spec before starting").click()
    expect(new.code).to_contain_text("distributed.Worker")
    expect(new.button("Back to the form")).to_be_visible()
    entry = {"cls": "distributed.Worker", "options": {"nthreads": 1}}
    new.write(json.dumps({"workers": {"a": entry, "b": entry}}, indent=2))
    press("Escape")
    press("Enter")
    card = lab.panel.card("Whole")
    card.expect_settled(2)
    spec = server.cluster(card.id)["spec"]
    assert (spec["worker"], list(spec["workers"])) == (None, ["a", "b"])


def test_a_cluster_becomes_a_template_and_the_template_a_cluster(
    lab: LabPage, server: LabServer, results: Path
) -> None:
    id = server.create("threads", "Model")["id"]
    card = lab.panel.card("Model")
    card.expect_settled(1)
    card.button("More entries").click()
    card.expect_settled(2)
    card.root.get_by_role("heading", name="Model").click(button="right")
    lab.page.get_by_role("menuitem", name="Save as Template…").click()
    dialog = lab.dialog("Save Model as a template")
    dialog.get_by_label("Title", exact=True).fill("My threads")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("my-threads")
    expect(dialog.get_by_label("nthreads", exact=True)).to_have_value("ask")
    dialog.get_by_label("memory_limit", exact=True).select_option("as it is now")
    take_pictures(lab, results, "save-template")
    # Left by mistake, it goes on as it was.
    lab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    card.root.get_by_role("heading", name="Model").click(button="right")
    lab.page.get_by_role("menuitem", name="Save as Template…").click()
    expect(dialog.get_by_label("Title", exact=True)).to_have_value("My threads")
    expect(dialog.get_by_label("memory_limit", exact=True)).to_have_value("keep")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)

    # By the section below the clusters: with other values, and into a notebook.
    lab.panel.root.get_by_text("Templates", exact=True).click()
    take_pictures(lab, results, "templates")
    offers = lab.panel.root
    offers.get_by_role("button", name="Start My threads with other values").click()
    new = NewDialog(lab.page)
    expect(new.field("Template")).to_have_value("my-threads")
    new.field("Threads per worker").fill("1")
    new.button("Start").click()
    made = lab.panel.card("My threads")
    made.expect_settled(2)
    spec = server.cluster(made.id)["spec"]
    model = server.cluster(id)["spec"]
    assert spec["worker"]["options"] == {**model["worker"]["options"], "nthreads": 1}

    notebook = lab.new_notebook()
    lab.panel.drag_onto(
        offers.get_by_role("button", name="My threads", exact=True), notebook.cells.first
    )
    expect(notebook.cells).to_have_count(2)
    assert 'launch("my-threads")' in notebook.sources[0]

    # One of this name is there now: that it is to go has to be said.
    card.root.get_by_role("heading", name="Model").click(button="right")
    lab.page.get_by_role("menuitem", name="Save as Template…").click()
    dialog.get_by_label("Title", exact=True).fill("My threads")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("There is a template of this name.")).to_be_visible()
    dialog.get_by_label("Replace", exact=True).check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)

    offers.get_by_role("button", name="Delete My threads").click()
    lab.dialog("Delete My threads?").get_by_role("button", name="Delete", exact=True).click()
    expect(offers.get_by_role("button", name="My threads", exact=True)).to_have_count(0)
    expect(lab.panel.card("My threads").root).to_be_visible()


def expect_for_everybody(new: NewDialog) -> None:
    content = new.root.locator(".jp-Dialog-content")
    assert violations(content) == []
    # The numbers of the lines are coloured by JupyterLab.
    assert weak_contrasts(content.locator(".jp-SpecCluster-form")) == []
    assert small_targets(content.locator(".jp-Dialog-body")) == []

"""The panel and its server: both halves are installed, and each bears the other's end."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from labpage import LabPage
    from labserver import LabServer


@pytest.mark.parametrize(
    ("command", "line"),
    [
        pytest.param("labextension", r"speccluster-lab v\S+ enabled\s+.*OK", id="front end"),
        pytest.param("server extension", r"speccluster_lab \S* ?.*OK", id="server"),
    ],
)
def test_both_halves_are_enabled(server: LabServer, command: str, line: str) -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "jupyter", *command.split(), "list"],
        env=server.environment,
        cwd=server.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=True,
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", listing.stdout)
    assert re.search(line, plain), plain


def test_the_panel_and_the_clusters_outlive_a_server_that_is_killed(
    new_server: Callable[[str], LabServer], open_lab: Callable[[LabServer], LabPage]
) -> None:
    server = new_server("killed")
    server.start()
    lab = open_lab(server)
    expect_a_lost_server(lab)
    connection = lab.panel.connection
    expect(connection).to_have_text("live")
    card = lab.panel.new("Threads")
    card.expect_settled(1)
    address = server.cluster(card.id)["scheduler"]["address"]

    card.button("Edit spec").click()
    editor = lab.editor(card.name)
    editor.field("nthreads").fill("1")
    expect(editor.plan).to_contain_text("nthreads 2 → 1")

    server.kill()
    expect(connection).to_have_text("reconnecting")
    expect(lab.panel.root.get_by_text("What is shown may be out of date.")).to_be_visible()
    expect(card.root).to_be_visible()

    server.start()
    expect(connection).to_have_text("live")
    expect(lab.panel.root.get_by_text("What is shown may be out of date.")).to_have_count(0)
    card.expect_settled(1)
    assert server.cluster(card.id)["scheduler"]["address"] == address
    # What was being written is still there, and of the same cluster.
    expect(editor.field("nthreads")).to_have_value("1")
    expect(editor.plan).to_contain_text("nthreads 2 → 1")
    editor.apply()
    editor.expect_generation(2)
    card.expect_settled(1)
    card.button("More entries").click()
    card.expect_settled(2)
    # This server has not started it, and so would leave it running.
    card.button("Stop").click()
    lab.dialog(f"Stop {card.name}?").get_by_role("button", name="Stop", exact=True).click()
    expect(card.root).to_have_count(0)


def test_a_server_that_ends_stops_its_clusters(
    new_server: Callable[[str], LabServer], open_lab: Callable[[LabServer], LabPage]
) -> None:
    server = new_server("ended")
    server.start()
    lab = open_lab(server)
    expect_a_lost_server(lab)
    card = lab.panel.new("Grouped workers")
    card.expect_settled(3)
    assert len(server.processes()) > 4, "there is something to be left"
    assert len(server.left_files()) > 2, "there is something to be left"
    # That raises when it takes longer than ten seconds.
    server.end()
    assert server.left_processes() == []
    assert server.left_files() == []
    expect(lab.panel.connection).to_have_text("reconnecting")
    expect(card.root).to_have_count(0)


def expect_a_lost_server(lab: LabPage) -> None:
    """Let the browser tell of a server that is not there, and JupyterLab open dialogs on it."""
    lab.troubles.expected += [
        r"ERR_CONNECTION_(REFUSED|RESET)",
        r"^console: WebSocket connection to ",
    ]
    lab.page.add_locator_handler(
        lab.page.get_by_role("dialog").filter(has_text="Server"),
        lambda dialog: dialog.get_by_role("button").last.click(),
    )

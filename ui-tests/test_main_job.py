"""What this product is for, from the first click to the last process."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest
from pictures import HEIGHT, SCALE, WIDTH, take_pictures
from playwright.sync_api import expect

if TYPE_CHECKING:
    from clusterpanel import Card
    from labpage import LabPage, Notebook
    from labserver import LabServer

CLIENT_CODE: Final = """\
from speccluster_lab import connect
cluster = connect("{id}")
client = cluster.get_client()
client"""

COMPUTE: Final = """\
import dask

frame = dask.datasets.timeseries()
means = frame.groupby("name")[["x", "y"]].mean().compute()
means.head(3)"""

COMPUTED: Final = """\
import json
print(json.dumps(means["x"].to_dict()))"""

# The same data in one frame, made and averaged in the notebook's own process.
BY_PANDAS_ALONE: Final = """\
alone = frame.compute(scheduler="synchronous").groupby("name")["x"].mean()
print(json.dumps(alone.to_dict()))"""

# Numbers that would be others if they were computed anew.
HOLD: Final = """\
import os
from distributed import futures_of, wait
held = frame.persist()
dice = client.map(lambda i: (i, os.urandom(8).hex()), range(36), pure=False)
futures = [*futures_of(held), *dice]
_ = wait(futures)
thrown = client.gather(dice)
total = float(held["x"].sum().compute())
print(len(futures_of(held)))"""

LOOK_AT_RESULTS: Final = """\
on_workers = client.who_has(futures)
print(json.dumps({
    "statuses": sorted({future.status for future in futures}),
    "lost": [key for key, holders in on_workers.items() if not holders],
    "keys": len(on_workers) == len({future.key for future in futures}),
    "same_dice": client.gather(dice) == thrown,
    "same_total": float(held["x"].sum().compute()) == total,
    "still": sorted({future.status for future in client.futures.values()}),
}))"""

ALL_THERE: Final = {
    "statuses": ["finished"],
    "lost": [],
    "keys": True,
    "same_dice": True,
    "same_total": True,
    "still": ["finished"],
}

SCHEDULER_SAYS: Final = """\
workers = client.scheduler_info(n_workers=-1)["workers"].values()
print(json.dumps({str(one["name"]): one["nthreads"] for one in workers}))"""


@dataclass(frozen=True)
class Trail:
    """By what a cluster can be found on this machine."""

    processes: list[psutil.Process]
    session: int
    files: list[Path]

    def left(self) -> list[str]:
        """Return what is still there."""
        return [
            *(str(process) for process in self.processes if _runs(process)),
            *(str(process) for process in psutil.process_iter() if self._in_session(process)),
            *(str(file) for file in self.files if file.exists()),
        ]

    def _in_session(self, process: psutil.Process) -> bool:
        with suppress(OSError):
            return os.getsid(process.pid) == self.session and _runs(process)
        return False


@pytest.fixture
def context_options() -> dict[str, Any]:
    """Return how the browser's contexts are made: always the same size, on a fine screen."""
    size = {"width": WIDTH, "height": HEIGHT}
    return {"viewport": size, "device_scale_factor": SCALE, "reduced_motion": "reduce"}


def test_the_main_job(lab: LabPage, server: LabServer, results: Path) -> None:
    lab.widen_panel(130)
    card = make_a_cluster_by_clicking(lab)
    scale_to_two_entries_and_see_six_members(card)
    notebook = drag_the_card_into_a_new_notebook(lab, card)
    connect_and_compute(notebook)
    take_pictures(lab, results, "panel")
    compare_with_pandas_alone(notebook)
    hold_results(notebook)
    scale_down_to_one_entry(card, notebook)
    trail = follow(server, card.id)
    edit_the_number_of_threads(lab, card, notebook, results)
    trail = Trail(trail.processes + follow(server, card.id).processes, trail.session, trail.files)
    stop_and_find_nothing_left(lab, card, trail)


def make_a_cluster_by_clicking(lab: LabPage) -> Card:
    lab.panel.record_phases()
    card = lab.panel.new("Grouped workers")
    card.expect_settled(3)
    assert lab.panel.phases_seen(card.name) == ["starting", "running"]
    return card


def scale_to_two_entries_and_see_six_members(card: Card) -> None:
    card.button("More entries").click()
    expect(card.entries).to_have_value("2")
    card.open()
    for name in ("0-0", "0-1", "0-2", "1-0", "1-1", "1-2"):
        expect(card.member(name)).to_be_visible()
    card.expect_settled(6)
    assert card.member_names() == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]


def drag_the_card_into_a_new_notebook(lab: LabPage, card: Card) -> Notebook:
    notebook = lab.new_notebook()
    lab.panel.drag(card, notebook)
    expect(notebook.cells).to_have_count(2)
    assert notebook.sources == [CLIENT_CODE.format(id=card.id), ""]
    return notebook


def connect_and_compute(notebook: Notebook) -> None:
    (output,) = notebook.run(0)
    assert re.search(r"<Client: 'tls://.*' processes=6 threads=6", output["data"]["text/plain"])
    notebook.write(1, COMPUTE)
    notebook.run(1)


def compare_with_pandas_alone(notebook: Notebook) -> None:
    means = json.loads(notebook.compute(COMPUTED))
    alone = json.loads(notebook.compute(BY_PANDAS_ALONE))
    assert len(alone) > 10
    assert means == pytest.approx(alone, rel=1e-9, abs=1e-12)


def hold_results(notebook: Notebook) -> None:
    assert int(notebook.compute(HOLD)) > 6
    assert json.loads(notebook.compute(LOOK_AT_RESULTS)) == ALL_THERE


def scale_down_to_one_entry(card: Card, notebook: Notebook) -> None:
    card.button("Fewer entries").click()
    expect(card.entries).to_have_value("1")
    expect(card.tree.get_by_role("treeitem")).to_have_count(1 + 3)
    card.expect_settled(3)
    assert members_of_one_entry(card)
    assert json.loads(notebook.compute(SCHEDULER_SAYS)) == dict.fromkeys(card.member_names(), 1)
    assert json.loads(notebook.compute(LOOK_AT_RESULTS)) == ALL_THERE


def edit_the_number_of_threads(lab: LabPage, card: Card, notebook: Notebook, results: Path) -> None:
    names = card.member_names()
    expect(card.member(names[0])).to_contain_text("1 thr")
    card.button("Edit spec").click()
    editor = lab.editor(card.name)
    before = card_generation(lab, card)
    editor.field("nthreads").fill("2")
    expect(editor.plan).to_contain_text("replace 1 entry, rolling")
    expect(editor.plan).to_contain_text("nthreads 1 → 2")
    # Nobody else could take what the only entry holds, and that is said before.
    expect(editor.plan).to_contain_text(re.compile(r"\d+ results \("))
    take_pictures(lab, results, "editor")
    editor.button("Apply").click()
    editor.expect_generation(before + 1)
    for name in names:
        expect(card.member(name)).to_contain_text("2 thr")
    # What held the results meanwhile has gone as well.
    expect(card.tree.get_by_role("treeitem")).to_have_count(1 + 3)
    card.expect_settled(3)
    assert card.member_names() == names
    assert json.loads(notebook.compute(SCHEDULER_SAYS)) == dict.fromkeys(names, 2)
    assert json.loads(notebook.compute(LOOK_AT_RESULTS)) == ALL_THERE


def stop_and_find_nothing_left(lab: LabPage, card: Card, trail: Trail) -> None:
    assert len(trail.left()) > 6, "there is something to be left"
    card.button("Stop").click()
    lab.dialog(f"Stop {card.name}?").get_by_role("button", name="Stop", exact=True).click()
    expect(card.root).to_have_count(0)
    assert trail.left() == []


def card_generation(lab: LabPage, card: Card) -> int:
    """Return the generation of what is wanted."""
    generation: int = lab.server.cluster(card.id)["generation"]
    return generation


def members_of_one_entry(card: Card) -> bool:
    """Return whether it shows the three members of one entry and no others."""
    return card.member_names() in (["0-0", "0-1", "0-2"], ["1-0", "1-1", "1-2"])


def follow(server: LabServer, id: str) -> Trail:
    """Find the processes of a cluster, and the files that lead to it or are its own."""
    (connection,) = server.home.glob(f"runtime/speccluster-lab/*/{id}.json")
    (folder,) = server.home.glob(f"data/speccluster-lab/*/clusters/{id}")
    known: dict[str, Any] = json.loads(connection.read_text())
    host = psutil.Process(known["pid"])
    processes = [host, *host.children(recursive=True)]
    assert len(processes) > 3, "a host, and workers in processes of their own"
    return Trail(processes, host.pid, [connection, folder, Path(known["socket"])])


def _runs(process: psutil.Process) -> bool:
    # One that has ended, and that nobody has asked after yet, is a zombie.
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False

"""What else than a card can be dragged, and where else than into a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from playwright.sync_api import expect
from test_panel import start
from waiting import wait_until

if TYPE_CHECKING:
    from labpage import LabPage
    from labserver import LabServer

CONNECTED: Final = """\
from speccluster_lab import connect
cluster = connect("{id}")
client = cluster.get_client()"""

_EXECUTE: Final = """async ([command, args]) => {
  await jupyterapp.commands.execute(command, args);
}"""
_CONSOLE: Final = ["console:create", {"kernelPreference": {"name": "python3"}, "activate": True}]
_IS_CONNECTED: Final = "print('client' in globals())"
_RESTART_KERNEL: Final = """async () => {
  const panel = jupyterapp.shell.currentWidget;
  await panel.sessionContext.restartKernel();
  await panel.sessionContext.session.kernel.info;
}"""
_COMMAND_OF_TEMPLATE: Final = """async () =>
  jupyterapp.commands.execute('speccluster-lab:insert-template-code', { template: 'threads' })"""


def test_an_entry_becomes_a_cell_that_computes_there(lab: LabPage, server: LabServer) -> None:
    id = start(server, "threads", "Carried")["id"]
    card = lab.panel.card("Carried")
    card.open()
    notebook = lab.new_notebook()
    row = card.entry("0").locator(".jp-SpecCluster-entryName")
    lab.panel.drag_onto(row, notebook.cells.first)
    expect(notebook.cells).to_have_count(2)
    submit = "future = client.submit(sum, [1, 2], workers=members)"
    code = [CONNECTED.format(id=id), 'members = ["0"]', submit, "future.result()"]
    assert notebook.sources[0] == "\n".join(code)
    (output,) = notebook.run(0)
    assert output["data"]["text/plain"] == "3"
    on = "print([str(w['name']) for w in client.scheduler_info()['workers'].values()])"
    assert "'0'" in notebook.compute(on)


def test_a_card_becomes_text_in_an_editor_and_in_a_console(lab: LabPage, server: LabServer) -> None:
    id = start(server, "threads", "Carried")["id"]
    heading = lab.panel.card("Carried").root.get_by_role("heading", name="Carried")
    lab.page.evaluate(_EXECUTE, ["fileeditor:create-new", {"fileExt": "py"}])
    editor = lab.page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_be_visible()
    lab.panel.drag_onto(heading, editor)
    expect(editor.locator(".cm-line")).to_have_text(
        [*CONNECTED.format(id=id).split("\n"), "client"]
    )

    lab.page.evaluate(_EXECUTE, _CONSOLE)
    prompt = lab.page.locator(".jp-CodeConsole-promptCell .cm-content")
    expect(prompt).to_be_visible()
    lab.panel.drag_onto(heading, prompt)
    expect(prompt.locator(".cm-line").last).to_have_text("client")
    # The same by the keyboard.
    lab.page.keyboard.press("ControlOrMeta+a")
    lab.page.keyboard.press("Delete")
    lab.page.evaluate(_EXECUTE, ["speccluster-lab:insert-client-code", {"id": id}])
    expect(prompt.locator(".cm-line").first).to_have_text("from speccluster_lab import connect")


def test_a_template_becomes_a_cell_that_makes_a_cluster(lab: LabPage, server: LabServer) -> None:
    notebook = lab.new_notebook()
    lab.panel.drag_onto(
        lab.panel.root.get_by_role("button", name="Threads", exact=True), notebook.cells.first
    )
    expect(notebook.cells).to_have_count(2)
    code = notebook.sources[0]
    assert code.startswith('from speccluster_lab import launch\ncluster = launch("threads")\n')
    (output,) = notebook.run(0)
    assert "<Client: 'tls://" in output["data"]["text/plain"]
    assert notebook.compute("print(client.submit(sum, [1, 2]).result())") == "3\n"
    expect(lab.panel.cards).to_have_count(1)
    lab.page.evaluate(_COMMAND_OF_TEMPLATE)
    assert code in notebook.sources[1:]


def test_new_kernels_of_a_notebook_connect_by_themselves(lab: LabPage, server: LabServer) -> None:
    id = start(server, "threads", "Carried")["id"]
    lab.panel.card("Carried").expect_settled(1)
    notebook = lab.new_notebook()
    assert notebook.compute("print('client' in globals())") == "False\n"
    command = ["speccluster-lab:connect-automatically", {"id": id}]
    lab.page.evaluate(_EXECUTE, command)
    label = lab.page.get_by_role("button", name="Dask: Carried", exact=True)
    expect(label).to_be_visible()
    submit = "print(client.submit(sum, [1, 2]).result())"
    assert notebook.compute(submit) == "3\n"
    lab.page.evaluate(_RESTART_KERNEL)
    wait_until(lambda: notebook.compute(_IS_CONNECTED) == "True\n", "the new kernel is connected")
    assert notebook.compute(submit) == "3\n"
    # Kept with the notebook, which has no secret in it.
    assert f'"speccluster_lab":{{"connect":"{id}"}}' in notebook.save()
    label.click()
    lab.dialog("New kernels connect to Carried").get_by_role("button", name="Switch Off").click()
    expect(label).to_have_count(0)
    lab.page.evaluate(_RESTART_KERNEL)
    assert notebook.compute(_IS_CONNECTED) == "False\n"

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { commandsPlugin } from '../commands';
import { CommandIDs } from '../tokens';
import { CommandsPage, dialog, idle, notes } from './commandspage';

describe('commands', () => {
  let page: CommandsPage;

  beforeEach(() => {
    page = new CommandsPage();
  });

  afterEach(() => page.close());

  it('are in the palette, but for those of the panel, which adds its own', () => {
    const commands = new CommandRegistry();
    const ofPanel = CommandIDs.filterClusters;
    // eslint-disable-next-line jupyter/command-described-by -- it stands for one that is
    commands.addCommand(ofPanel, { execute: () => undefined });
    const addItem = jest.fn();
    const app = { commands } as unknown as JupyterFrontEnd;
    const palette = { addItem };
    // JupyterLab gives null for what it does not have.
    const none = [null, null, null];
    void commandsPlugin.activate(
      app,
      page.manager,
      null,
      ...none,
      palette,
      null
    );
    const added = addItem.mock.calls.map(([{ command }]) => command);
    expect(added).toContain(CommandIDs.scaleCluster);
    expect(new Set(added).size).toBe(added.length);
    expect(added).not.toContain(ofPanel);
  });

  it('have a label, a caption and a description of their arguments', async () => {
    const ids = page.commands.listCommands();
    expect(Object.values(CommandIDs)).toEqual(expect.arrayContaining(ids));
    expect(ids.length).toBeGreaterThan(5);
    for (const id of ids) {
      expect(page.commands.label(id)).toBeTruthy();
      expect(page.commands.caption(id)).toBeTruthy();
      const description = await page.commands.describedBy(id);
      expect(description.args).toMatchObject({ type: 'object' });
    }
  });

  it('change nothing where only looking is allowed', () => {
    const changed = jest.fn();
    page.commands.commandChanged.connect(changed);
    page.manager.setReadOnly(true);
    expect(changed).toHaveBeenCalled();
    const enabled = page.commands
      .listCommands()
      .filter(id => page.commands.isEnabled(id));
    expect(enabled).toEqual([
      CommandIDs.editSpec,
      CommandIDs.openLogs,
      CommandIDs.openDashboard,
      CommandIDs.insertClientCode,
      CommandIDs.insertEntryCode,
      CommandIDs.copyClientCode,
      CommandIDs.beginAutoConnect
    ]);
    expect(page.commands.label(CommandIDs.editSpec)).toBe('Show Spec');
  });

  it('are enabled when there is a cluster', () => {
    expect(page.commands.isEnabled(CommandIDs.stopCluster)).toBe(true);
    const changed = jest.fn();
    page.commands.commandChanged.connect(changed);
    page.manager.setClusters();
    expect(changed).toHaveBeenCalled();
    expect(page.commands.isEnabled(CommandIDs.stopCluster)).toBe(false);
    expect(page.commands.isEnabled(CommandIDs.createCluster)).toBe(true);
  });

  it('open the dashboard in a tab of its own, where there is one', async () => {
    const opened = jest.spyOn(window, 'open').mockReturnValue(null);
    const url = '/base/dashboard/status';
    page.manager.clusters[0].dashboardUrl = url;
    await expect(page.run(CommandIDs.openDashboard)).resolves.toEqual({ url });
    expect(opened.mock.calls).toEqual([[url, '_blank', 'noopener']]);
    page.manager.clusters[0].dashboardUrl = null;
    await expect(page.run(CommandIDs.openDashboard)).resolves.toBeNull();
    expect(opened).toHaveBeenCalledTimes(1);
    expect(notes()).toEqual(['otter has no dashboard to show now.']);
  });

  it('open the editor of a spec, where there are editors', async () => {
    await expect(page.run(CommandIDs.editSpec)).resolves.toEqual({
      widget: 'widget-id'
    });
    expect(page.open.mock.calls).toEqual([[page.manager.clusters[0]]]);
    page.add(null);
    expect(page.commands.hasCommand(CommandIDs.editSpec)).toBe(false);
  });

  it('show the log of a cluster, of a worker, or of the row under the menu', async () => {
    const [otter] = page.manager.clusters;
    await expect(page.run(CommandIDs.openLogs)).resolves.toEqual({
      widget: 'log-id',
      member: null
    });
    await page.run(CommandIDs.openLogs, { member: '0-1' });
    page.underMenu = document.createElement('li');
    Object.assign(page.underMenu.dataset, { clusterId: 'otter', entry: '7' });
    const args = { isContextMenu: true, isOfWorker: true };
    await page.run(CommandIDs.openLogs, args);
    page.underMenu.dataset.member = '7-1';
    await page.run(CommandIDs.openLogs, args);
    await page.run(CommandIDs.openLogs, { isContextMenu: true });
    expect(page.openLog.mock.calls).toEqual(
      [null, '0-1', '7', '7-1', null].map(member => [otter, member])
    );
    expect(page.commands.label(CommandIDs.openLogs)).toBe('Show Log');
    expect(page.commands.label(CommandIDs.openLogs, args)).toBe(
      'Show Log of Worker'
    );
  });

  it('bring code for an entry, or for a new cluster, to where one writes', async () => {
    const at = { path: 'a.ipynb', index: 1 };
    page.insert.mockReturnValue(at);
    const args = { id: 'otter', entry: '0' };
    expect(await page.run(CommandIDs.insertEntryCode, args)).toEqual(at);
    expect(page.insert).toHaveBeenLastCalledWith({
      id: 'otter',
      members: ['0-0', '0-1', '0-2']
    });
    await page.run(CommandIDs.insertTemplateCode, { template: 'grouped' });
    expect(page.insert).toHaveBeenLastCalledWith({ template: 'grouped' });
  });

  it('insert the code, or offer to copy it', async () => {
    const copy = jest.spyOn(Clipboard, 'copyToSystem').mockImplementation();
    page.insert.mockReturnValue({ path: 'a.ipynb', index: 1 });
    await expect(page.run(CommandIDs.insertClientCode)).resolves.toEqual({
      path: 'a.ipynb',
      index: 1
    });
    expect(notes()).toEqual([]);
    page.insert.mockReturnValue(null);
    await page.run(CommandIDs.insertClientCode);
    const [note] = Notification.manager.notifications;
    expect(note.message).toMatch(/^No notebook is in use/);
    note.options.actions![0].callback(new MouseEvent('click'));
    await waitFor(() => expect(copy.mock.calls).toEqual([['code of otter']]));
  });

  it('copy the code', async () => {
    const copy = jest.spyOn(Clipboard, 'copyToSystem').mockImplementation();
    await expect(page.run(CommandIDs.copyClientCode)).resolves.toEqual({
      code: 'code of otter'
    });
    expect(copy.mock.calls).toEqual([['code of otter']]);
  });

  it('has new kernels connect, and connect to nothing again', async () => {
    await expect(
      page.run(CommandIDs.beginAutoConnect, { id: 'otter' })
    ).resolves.toBeNull();
    expect(notes()).toEqual(['No notebook is in use.']);
    page.automatic.begin.mockResolvedValueOnce({ path: 'a.ipynb' });
    await expect(
      page.run(CommandIDs.beginAutoConnect, { id: 'otter' })
    ).resolves.toEqual({ path: 'a.ipynb' });
    expect(page.automatic.begin).toHaveBeenLastCalledWith('otter');
    expect(page.commands.isEnabled(CommandIDs.endAutoConnect)).toBe(false);
    page.automatic.current = 'otter';
    expect(page.commands.isEnabled(CommandIDs.endAutoConnect)).toBe(true);
    await expect(page.run(CommandIDs.endAutoConnect)).resolves.toEqual({
      path: 'a.ipynb'
    });
  });

  describe('the cluster that is meant', () => {
    beforeEach(() => {
      page.add(page.editors, idle('a'), idle('b'));
      page.underMenu = document.createElement('div');
      page.underMenu.dataset.clusterId = 'b';
    });

    it('is the one of the argument', async () => {
      await page.run(CommandIDs.editSpec, { id: 'a', isContextMenu: true });
      expect(page.open.mock.calls).toEqual([[page.manager.clusters[0]]]);
    });

    it('is the one under the context menu, for its commands only', async () => {
      await page.run(CommandIDs.editSpec, { isContextMenu: true });
      expect(page.open.mock.calls).toEqual([[page.manager.clusters[1]]]);
    });

    it('is asked for when there are several', async () => {
      const asked = page.run(CommandIDs.stopCluster);
      await dialog();
      document.querySelector('select')!.value = 'a (a)';
      fireEvent.click(screen.getByText('Ok'));
      await expect(asked).resolves.toEqual({ id: 'a' });
    });

    it('is nobody when the question is dismissed', async () => {
      const asked = page.run(CommandIDs.stopCluster);
      await dialog();
      fireEvent.click(screen.getByText('Cancel'));
      await expect(asked).resolves.toBeNull();
    });

    it('is missed when there is none of this id', async () => {
      await expect(
        page.run(CommandIDs.editSpec, { id: 'z' })
      ).resolves.toBeNull();
      expect(notes()).toEqual(['There is no cluster z.']);
    });
  });
});

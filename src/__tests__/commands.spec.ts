import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Dialog, Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { ApiError } from '../api/errors';
import { addCommands } from '../commands';
import type { ISpecEditors } from '../tokens';
import { CommandIDs } from '../tokens';
import { FakeCluster, FakeManager, absent, cluster, entry } from './fakes';

describe('commands', () => {
  let manager: FakeManager;
  let commands: CommandRegistry;
  let underMenu: HTMLElement | undefined;
  const insert = jest.fn();
  const open = jest.fn(async () => 'widget-id');

  const add = (editors: ISpecEditors | null, ...clusters: FakeCluster[]) => {
    commands = new CommandRegistry();
    manager = new FakeManager(...clusters);
    const app = {
      commands,
      contextMenuHitTest: (test: (node: HTMLElement) => boolean) =>
        underMenu && test(underMenu) ? underMenu : undefined
    };
    addCommands(app as unknown as JupyterFrontEnd, {
      manager,
      clientCode: { code: id => `code of ${id}`, drag: jest.fn(), insert },
      editors,
      trans: nullTranslator.load('speccluster_lab')
    });
  };
  const run = (id: string, args: ReadonlyPartialJSONObject = {}) =>
    commands.execute(id, args);
  const notes = () =>
    Notification.manager.notifications.map(({ message }) => message);
  // By class: jsdom takes a <dialog> that is not opened by it for hidden.
  const dialog = () =>
    waitFor(() => expect(document.querySelector('.jp-Dialog')).toBeTruthy());
  const failing = new ApiError({ code: 'x', message: 'no room', status: 409 });
  const idle = (id: string) =>
    new FakeCluster(
      cluster(id, { workers: [entry('0', [absent('0')], 'pending')] })
    );

  beforeEach(() => {
    insert.mockReset();
    open.mockClear();
    underMenu = undefined;
    add({ open }, new FakeCluster(cluster('otter')));
  });

  afterEach(() => {
    Notification.manager.dismiss();
    Dialog.flush();
    document.body.replaceChildren();
    jest.restoreAllMocks();
  });

  it('have a label, a caption and a description of their arguments', async () => {
    const ids = commands.listCommands();
    expect(Object.values(CommandIDs)).toEqual(expect.arrayContaining(ids));
    expect(ids.length).toBeGreaterThan(5);
    for (const id of ids) {
      expect(commands.label(id)).toBeTruthy();
      expect(commands.caption(id)).toBeTruthy();
      const description = await commands.describedBy(id);
      expect(description.args).toMatchObject({ type: 'object' });
    }
  });

  it('make a cluster from a template', async () => {
    const args = { template: 'grouped', name: 'Otter' };
    expect(commands.label(CommandIDs.createCluster, args)).toBe(
      'Grouped workers'
    );
    expect(commands.caption(CommandIDs.createCluster, args)).toBe(
      'Three at a time.'
    );
    await expect(run(CommandIDs.createCluster, args)).resolves.toEqual({
      id: 'otter'
    });
    expect(manager.create.mock.calls).toEqual([[args]]);
    expect(notes()).toEqual([]);
  });

  it('ask for a template that is not given', async () => {
    const made = run(CommandIDs.createCluster);
    await dialog();
    const select = document.querySelector('select')!;
    expect([...select.options].map(({ text }) => text)).toEqual([
      'Grouped workers',
      'Local processes'
    ]);
    select.value = 'Local processes';
    fireEvent.click(screen.getByText('Ok'));
    await made;
    expect(manager.create.mock.calls).toEqual([[{ template: 'local' }]]);
  });

  it('tell in the words of the server why there is no cluster', async () => {
    manager.create.mockRejectedValue(failing);
    await expect(
      run(CommandIDs.createCluster, { template: 'grouped' })
    ).resolves.toBeNull();
    expect(notes()).toEqual(['The cluster could not be made: no room']);
  });

  it('scale', async () => {
    const [one] = manager.clusters;
    await expect(
      run(CommandIDs.scaleCluster, { id: 'otter', entries: 3 })
    ).resolves.toEqual({ id: 'otter', generation: 1 });
    expect(one.scale.mock.calls).toEqual([[{ entries: 3 }]]);
    one.scale.mockRejectedValue(failing);
    await run(CommandIDs.scaleCluster, { entries: 3 });
    expect(notes()).toEqual(['otter was not scaled: no room']);
  });

  it('do not scale what cannot be', async () => {
    const [one] = manager.clusters;
    one.document = cluster('otter', { phase: 'stopping' });
    await run(CommandIDs.scaleCluster, { entries: 3 });
    expect(one.scale).not.toHaveBeenCalled();
    expect(notes()).toEqual(['otter cannot be scaled now.']);
  });

  it.each([
    ['Stop', 1],
    ['Cancel', 0]
  ])('ask before workers end: %s', async (answer, calls) => {
    const stopped = run(CommandIDs.stopCluster, { id: 'otter' });
    await screen.findByText('Stop otter?');
    await screen.findByText(/^Its 3 workers end/);
    fireEvent.click(screen.getByText(answer));
    await stopped;
    expect(manager.clusters[0].stop).toHaveBeenCalledTimes(calls);
  });

  it('stop without a question what has no worker', async () => {
    add(null, idle('otter'));
    await expect(run(CommandIDs.stopCluster)).resolves.toEqual({ id: 'otter' });
    expect(manager.clusters[0].stop).toHaveBeenCalled();
    manager.clusters[0].stop.mockRejectedValue(failing);
    await run(CommandIDs.stopCluster);
    expect(notes()).toEqual(['otter was not stopped: no room']);
  });

  it('open the editor of a spec, where there are editors', async () => {
    await expect(run(CommandIDs.editSpec)).resolves.toEqual({
      widget: 'widget-id'
    });
    expect(open.mock.calls).toEqual([[manager.clusters[0]]]);
    add(null);
    expect(commands.hasCommand(CommandIDs.editSpec)).toBe(false);
  });

  it('insert the code, or offer to copy it', async () => {
    const copy = jest.spyOn(Clipboard, 'copyToSystem').mockImplementation();
    insert.mockReturnValue({ path: 'a.ipynb', index: 1 });
    await expect(run(CommandIDs.insertClientCode)).resolves.toEqual({
      path: 'a.ipynb',
      index: 1
    });
    expect(notes()).toEqual([]);
    insert.mockReturnValue(null);
    await run(CommandIDs.insertClientCode);
    const [note] = Notification.manager.notifications;
    expect(note.message).toMatch(/^No notebook is in use/);
    note.options.actions![0].callback(new MouseEvent('click'));
    await waitFor(() => expect(copy.mock.calls).toEqual([['code of otter']]));
  });

  it('copy the code', async () => {
    const copy = jest.spyOn(Clipboard, 'copyToSystem').mockImplementation();
    await expect(run(CommandIDs.copyClientCode)).resolves.toEqual({
      code: 'code of otter'
    });
    expect(copy.mock.calls).toEqual([['code of otter']]);
  });

  it('are enabled when there is a cluster', () => {
    expect(commands.isEnabled(CommandIDs.stopCluster)).toBe(true);
    const changed = jest.fn();
    commands.commandChanged.connect(changed);
    manager.setClusters();
    expect(changed).toHaveBeenCalled();
    expect(commands.isEnabled(CommandIDs.stopCluster)).toBe(false);
    expect(commands.isEnabled(CommandIDs.createCluster)).toBe(true);
  });

  describe('the cluster that is meant', () => {
    beforeEach(() => {
      add({ open }, idle('a'), idle('b'));
      underMenu = document.createElement('div');
      underMenu.dataset.clusterId = 'b';
    });

    it('is the one of the argument', async () => {
      await run(CommandIDs.editSpec, { id: 'a', isContextMenu: true });
      expect(open.mock.calls).toEqual([[manager.clusters[0]]]);
    });

    it('is the one under the context menu, for its commands only', async () => {
      await run(CommandIDs.editSpec, { isContextMenu: true });
      expect(open.mock.calls).toEqual([[manager.clusters[1]]]);
    });

    it('is asked for when there are several', async () => {
      const asked = run(CommandIDs.stopCluster);
      await dialog();
      document.querySelector('select')!.value = 'a (a)';
      fireEvent.click(screen.getByText('Ok'));
      await expect(asked).resolves.toEqual({ id: 'a' });
    });

    it('is nobody when the question is dismissed', async () => {
      const asked = run(CommandIDs.stopCluster);
      await dialog();
      fireEvent.click(screen.getByText('Cancel'));
      await expect(asked).resolves.toBeNull();
    });

    it('is missed when there is none of this id', async () => {
      await expect(run(CommandIDs.editSpec, { id: 'z' })).resolves.toBeNull();
      expect(notes()).toEqual(['There is no cluster z.']);
    });
  });
});

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Dialog, Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { ApiError } from '../api/errors';
import { addCommands, commandsPlugin } from '../commands';
import type { IAutoConnect, ISpecEditors } from '../tokens';
import { CommandIDs } from '../tokens';
import type { Cluster, Plan, Template } from '../tokens';
import {
  FakeCluster,
  FakeManager,
  NO_CHANGE,
  TEMPLATES,
  absent,
  cluster,
  deferred,
  entry,
  plain
} from './fakes';

const OWN = { ...TEMPLATES[0], name: 'mine', title: 'Mine', own: true };

describe('commands', () => {
  let manager: FakeManager;
  let commands: CommandRegistry;
  let underMenu: HTMLElement | undefined;
  const insert = jest.fn();
  const open = jest.fn(async () => 'widget-id');
  const automatic = {
    current: null as string | null,
    changed: new Signal<object, void>({}),
    begin: jest.fn(
      async (id: string): Promise<IAutoConnect.IPlace | null> => null
    ),
    end: jest.fn(async () => ({ path: 'a.ipynb' }))
  };
  const openLog = jest.fn(async () => 'log-id');
  const create = jest.fn(async (): Promise<FakeCluster | null> => null);
  const saveTemplate = jest.fn(async (): Promise<Template | null> => null);
  const EDITORS: ISpecEditors = { open, create, saveTemplate };

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
      automatic: automatic as unknown as IAutoConnect,
      editors,
      logs: { open: openLog },
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
  const accept = () =>
    document.querySelector<HTMLButtonElement>('.jp-Dialog .jp-mod-accept')!;
  const confirmable = () =>
    waitFor(() => expect(accept().disabled).toBe(false), { timeout: 4_000 });
  const failing = new ApiError({ code: 'x', message: 'no room', status: 409 });
  const idle = (id: string) =>
    new FakeCluster(
      cluster(id, { workers: [entry('0', [absent('0')], 'pending')] })
    );

  beforeEach(() => {
    insert.mockReset();
    open.mockClear();
    openLog.mockClear();
    create.mockClear();
    saveTemplate.mockClear();
    underMenu = undefined;
    add(EDITORS, new FakeCluster(cluster('otter')));
  });

  afterEach(() => {
    Notification.manager.dismiss();
    Dialog.flush();
    document.body.replaceChildren();
    jest.restoreAllMocks();
  });

  it('are in the palette, but for those of the panel, which adds its own', () => {
    commands = new CommandRegistry();
    const ofPanel = CommandIDs.filterClusters;
    // eslint-disable-next-line jupyter/command-described-by -- it stands for one that is
    commands.addCommand(ofPanel, { execute: () => undefined });
    const addItem = jest.fn();
    const app = { commands } as unknown as JupyterFrontEnd;
    const palette = { addItem };
    // JupyterLab gives null for what it does not have.
    const none = [null, null, null];
    void commandsPlugin.activate(app, manager, null, ...none, palette, null);
    const added = addItem.mock.calls.map(([{ command }]) => command);
    expect(added).toContain(CommandIDs.scaleCluster);
    expect(new Set(added).size).toBe(added.length);
    expect(added).not.toContain(ofPanel);
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
    expect(notes()).toEqual(['otter runs.']);
  });

  it('make a cluster as asked for, whatever else is said to the command', async () => {
    const fields = { n: 1 };
    const spec = { worker: null };
    const args = { template: 'grouped', kernel: 'python3', fields, spec };
    await run(CommandIDs.createCluster, { ...args, isAsked: false });
    const sent = manager.create.mock.lastCall as unknown[];
    expect(plain(sent)).toEqual([args]);
  });

  it('ask what is wanted of a cluster', async () => {
    create.mockResolvedValueOnce(manager.clusters[0]);
    await expect(run(CommandIDs.createCluster)).resolves.toEqual({
      id: 'otter'
    });
    await run(CommandIDs.createCluster, { template: 'local', isAsked: true });
    expect(create.mock.calls).toEqual([[null], ['local']]);
    expect(manager.create).not.toHaveBeenCalled();
    expect(notes()).toEqual(['otter runs.']);
  });

  it('keep a cluster as a template', async () => {
    await expect(run(CommandIDs.saveTemplate)).resolves.toBeNull();
    saveTemplate.mockResolvedValueOnce(OWN);
    await expect(run(CommandIDs.saveTemplate)).resolves.toEqual({
      template: 'mine'
    });
    expect(saveTemplate.mock.calls).toEqual([
      [manager.clusters[0]],
      [manager.clusters[0]]
    ]);
    await waitFor(() => expect(notes()).toEqual(['Template Mine is saved.']));
  });

  it('delete a template of their own, once that is confirmed', async () => {
    const args = { template: 'mine' };
    expect(commands.isEnabled(CommandIDs.deleteTemplate)).toBe(false);
    manager.templates = [...manager.templates, OWN];
    expect(commands.isEnabled(CommandIDs.deleteTemplate)).toBe(true);
    const other = run(CommandIDs.deleteTemplate, { template: 'local' });
    await expect(other).resolves.toBeNull();
    expect(notes()).toEqual(['Local processes is no template of your own.']);
    Notification.manager.dismiss();
    const kept = run(CommandIDs.deleteTemplate, args);
    await dialog();
    fireEvent.click(screen.getByText('Cancel'));
    await expect(kept).resolves.toBeNull();
    expect(manager.deleteTemplate).not.toHaveBeenCalled();
    const deleted = run(CommandIDs.deleteTemplate, args);
    await dialog();
    fireEvent.click(screen.getByText('Delete'));
    await deleted;
    expect(manager.deleteTemplate.mock.calls).toEqual([['mine']]);
    expect(notes()).toEqual(['Template Mine is deleted.']);
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
    expect(notes()).toEqual([
      'otter was not scaled: no room',
      'otter is to have 1 entry.'
    ]);
  });

  it.each([
    [{ workers: 6 }, { workers: 6 }],
    [{ cores: 12 }, { cores: 12 }],
    [{ memory: '6 GiB' }, { memory: '6 GiB' }]
  ])('scale in another unit: %p', async (args, size) => {
    await run(CommandIDs.scaleCluster, args);
    expect(manager.clusters[0].scale.mock.calls).toEqual([[size]]);
  });

  it.each([
    [
      { minimum: 1, maximum: 8 },
      { minimum: 1, maximum: 8 }
    ],
    [{ maximum: 8 }, { minimum: 0, maximum: 8 }],
    [
      { minimum: 1, maximum: null },
      { minimum: 1, maximum: null }
    ],
    [{ isOff: true }, null]
  ])('scale adaptively: %p', async (args, range) => {
    const [one] = manager.clusters;
    await expect(
      run(CommandIDs.adaptCluster, { id: 'otter', ...args })
    ).resolves.toEqual({ id: 'otter', generation: 1 });
    expect(one.adapt.mock.calls).toEqual([[range]]);
  });

  it('scale to what was just typed only once it is said what that would do', async () => {
    const { promise, resolve } = deferred<Plan>();
    const [one] = manager.clusters;
    const done = run(CommandIDs.scaleCluster);
    await dialog();
    const size = await screen.findByLabelText('Size');
    await confirmable();
    one.plan.mockReturnValue(promise);
    fireEvent.input(size, { target: { value: '0' } });
    fireEvent.keyDown(size, { key: 'Enter' });
    expect(accept().disabled).toBe(true);
    resolve(NO_CHANGE);
    await confirmable();
    expect(one.scale).not.toHaveBeenCalled();
    fireEvent.keyDown(size, { key: 'Enter' });
    await done;
    expect(one.scale.mock.calls).toEqual([[{ entries: 0 }]]);
  });

  it('go from a range to a size in one operation, which may be refused', async () => {
    const adaptive = { minimum: 1, maximum: 4 };
    add(EDITORS, new FakeCluster(cluster('otter', { adaptive })));
    const [one] = manager.clusters;
    one.scale.mockRejectedValue(failing);
    const done = run(CommandIDs.scaleCluster);
    await dialog();
    fireEvent.click(await screen.findByLabelText('Fixed size'));
    await confirmable();
    fireEvent.click(screen.getByText('Scale'));
    await done;
    expect(one.scale.mock.calls).toEqual([[{ entries: 1 }]]);
    expect(one.adapt).not.toHaveBeenCalled();
    expect(notes()).toEqual(['otter was not scaled: no room']);
  });

  it.each([
    ['retry', CommandIDs.retryEntry, '0 was not tried again: no room'],
    ['restartEntry', CommandIDs.restartEntry, '0 was not restarted: no room']
  ] as const)('%s an entry', async (call, command, said) => {
    const workers = ['0', 'bad'].map(name => entry(name, [absent(name)]));
    add(EDITORS, new FakeCluster(cluster('otter', { workers })));
    const [one] = manager.clusters;
    await expect(run(command, { id: 'otter', entry: '0' })).resolves.toEqual({
      id: 'otter',
      entry: '0'
    });
    underMenu = document.createElement('div');
    underMenu.dataset.clusterId = 'otter';
    underMenu.dataset.entry = 'bad';
    await run(command, { isContextMenu: true });
    expect(one[call].mock.calls).toEqual([['0'], ['bad']]);
    one[call].mockRejectedValue(failing);
    await expect(run(command, { id: 'otter', entry: '0' })).resolves.toBeNull();
    expect(notes()[0]).toBe(said);
  });

  it('open the dashboard in a tab of its own, where there is one', async () => {
    const opened = jest.spyOn(window, 'open').mockReturnValue(null);
    const url = '/base/dashboard/status';
    manager.clusters[0].dashboardUrl = url;
    await expect(run(CommandIDs.openDashboard)).resolves.toEqual({ url });
    expect(opened.mock.calls).toEqual([[url, '_blank', 'noopener']]);
    manager.clusters[0].dashboardUrl = null;
    await expect(run(CommandIDs.openDashboard)).resolves.toBeNull();
    expect(opened).toHaveBeenCalledTimes(1);
    expect(notes()).toEqual(['otter has no dashboard to show now.']);
  });

  it('restart a cluster that has failed without a question', async () => {
    add(EDITORS, idle('otter'));
    await run(CommandIDs.restartCluster, { id: 'otter' });
    expect(manager.clusters[0].restart).toHaveBeenCalledTimes(1);
  });

  it('tell of one operation in one notification', async () => {
    const { promise, reject } = deferred<Cluster>();
    manager.clusters[0].scale.mockReturnValue(promise);
    const done = run(CommandIDs.scaleCluster, { entries: 3 });
    await waitFor(() => expect(notes()).toEqual(['otter is scaled…']));
    reject(failing);
    await done;
    expect(notes()).toEqual(['otter was not scaled: no room']);
  });

  it('change nothing where only looking is allowed', () => {
    const changed = jest.fn();
    commands.commandChanged.connect(changed);
    manager.setReadOnly(true);
    expect(changed).toHaveBeenCalled();
    const enabled = commands
      .listCommands()
      .filter(id => commands.isEnabled(id));
    expect(enabled).toEqual([
      CommandIDs.editSpec,
      CommandIDs.openLogs,
      CommandIDs.openDashboard,
      CommandIDs.insertClientCode,
      CommandIDs.insertEntryCode,
      CommandIDs.copyClientCode,
      CommandIDs.beginAutoConnect
    ]);
    expect(commands.label(CommandIDs.editSpec)).toBe('Show Spec');
  });

  it('bring code for an entry, or for a new cluster, to where one writes', async () => {
    const at = { path: 'a.ipynb', index: 1 };
    insert.mockReturnValue(at);
    const args = { id: 'otter', entry: '0' };
    expect(await run(CommandIDs.insertEntryCode, args)).toEqual(at);
    expect(insert).toHaveBeenLastCalledWith({
      id: 'otter',
      members: ['0-0', '0-1', '0-2']
    });
    await run(CommandIDs.insertTemplateCode, { template: 'grouped' });
    expect(insert).toHaveBeenLastCalledWith({ template: 'grouped' });
  });

  it.each([
    CommandIDs.insertEntryCode,
    CommandIDs.retryEntry,
    CommandIDs.restartEntry
  ])('miss an entry that the cluster does not have: %s', async command => {
    const args = { id: 'otter', entry: '7' };
    await expect(run(command, args)).resolves.toBeNull();
    expect(notes()).toEqual(['otter has no entry 7.']);
    expect(insert).not.toHaveBeenCalled();
  });

  describe.each([CommandIDs.insertTemplateCode, CommandIDs.deleteTemplate])(
    'the template that is meant by %s',
    command => {
      const args = { template: 'mine' };

      it('is missed when there is none of this name', async () => {
        await expect(run(command, args)).resolves.toBeNull();
        expect(notes()).toEqual(['There is no template mine.']);
      });

      it('is known once the templates have been read', async () => {
        manager.templates = [];
        manager.refreshTemplates.mockImplementationOnce(async () => {
          manager.templates = [OWN];
          return undefined;
        });
        const at = { path: 'a.ipynb', index: 1 };
        insert.mockReturnValue(at);
        const done = run(command, args);
        if (command === CommandIDs.deleteTemplate) {
          await dialog();
          fireEvent.click(screen.getByText('Delete'));
          await expect(done).resolves.toEqual({ template: 'grouped' });
        } else {
          await expect(done).resolves.toEqual(at);
        }
      });

      it('is not known when the templates cannot be read', async () => {
        manager.templates = [];
        manager.refreshTemplates.mockImplementationOnce(async () => {
          manager.templatesError = failing;
          return undefined;
        });
        await expect(run(command, args)).resolves.toBeNull();
        expect(notes()).toEqual(['no room']);
      });
    }
  );

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
    await screen.findByText('They hold no results.');
    fireEvent.click(screen.getByText(answer));
    await stopped;
    expect(manager.clusters[0].stop).toHaveBeenCalledTimes(calls);
  });

  it('say what is at stake before workers end', async () => {
    const [one] = manager.clusters;
    one.plan.mockResolvedValue({
      ...NO_CHANGE,
      retire: ['0'],
      at_stake: { keys: 12, nbytes: 3 * 2 ** 20 },
      stuck: true
    });
    const stopped = run(CommandIDs.stopCluster, { id: 'otter' });
    await screen.findByText('12 results that they hold are lost: 3 MiB.');
    expect(one.plan.mock.calls).toEqual([[{ remove: ['0'] }]]);
    fireEvent.click(screen.getByText('Cancel'));
    await expect(stopped).resolves.toBeNull();
  });

  it('can stop what does not say what is at stake', async () => {
    manager.clusters[0].plan.mockRejectedValue(failing);
    const stopped = run(CommandIDs.stopCluster, { id: 'otter' });
    await screen.findByText('Results that they hold are lost.');
    fireEvent.click(screen.getByText('Stop'));
    await stopped;
    expect(manager.clusters[0].stop).toHaveBeenCalled();
  });

  it('stop without a question when there was one', async () => {
    await run(CommandIDs.stopCluster, { id: 'otter', isAsked: false });
    expect(manager.clusters[0].stop).toHaveBeenCalled();
  });

  it.each([
    [failing, 'no room'],
    [null, 'There is no template to make a cluster from.']
  ])('say why there is nothing to make a cluster from', async (error, said) => {
    manager.templates = [];
    manager.templatesError = error;
    await expect(run(CommandIDs.createCluster)).resolves.toBeNull();
    expect(manager.refreshTemplates).toHaveBeenCalled();
    expect(notes()).toEqual([said]);
  });

  it('stop without a question what has no worker', async () => {
    add(null, idle('otter'));
    await expect(run(CommandIDs.stopCluster)).resolves.toEqual({ id: 'otter' });
    expect(manager.clusters[0].stop).toHaveBeenCalled();
    manager.clusters[0].stop.mockRejectedValue(failing);
    await run(CommandIDs.stopCluster);
    expect(notes()[0]).toBe('otter was not stopped: no room');
  });

  it('open the editor of a spec, where there are editors', async () => {
    await expect(run(CommandIDs.editSpec)).resolves.toEqual({
      widget: 'widget-id'
    });
    expect(open.mock.calls).toEqual([[manager.clusters[0]]]);
    add(null);
    expect(commands.hasCommand(CommandIDs.editSpec)).toBe(false);
  });

  it('show the log of a cluster, of a worker, or of the row under the menu', async () => {
    const [otter] = manager.clusters;
    await expect(run(CommandIDs.openLogs)).resolves.toEqual({
      widget: 'log-id',
      member: null
    });
    await run(CommandIDs.openLogs, { member: '0-1' });
    underMenu = document.createElement('li');
    Object.assign(underMenu.dataset, { clusterId: 'otter', entry: '7' });
    const args = { isContextMenu: true, isOfWorker: true };
    await run(CommandIDs.openLogs, args);
    underMenu.dataset.member = '7-1';
    await run(CommandIDs.openLogs, args);
    await run(CommandIDs.openLogs, { isContextMenu: true });
    expect(openLog.mock.calls).toEqual(
      [null, '0-1', '7', '7-1', null].map(member => [otter, member])
    );
    expect(commands.label(CommandIDs.openLogs)).toBe('Show Log');
    expect(commands.label(CommandIDs.openLogs, args)).toBe(
      'Show Log of Worker'
    );
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

  it('makes nothing from a template that is not allowed any more', () => {
    const unusable = 'worker.cls: secret.Worker may not be used';
    manager.templates = [{ ...TEMPLATES[0], unusable }, TEMPLATES[1]];
    const [no, yes] = manager.templates.map(({ name }) => ({ template: name }));
    expect(commands.isEnabled(CommandIDs.createCluster, no)).toBe(false);
    expect(commands.caption(CommandIDs.createCluster, no)).toBe(unusable);
    expect(commands.isEnabled(CommandIDs.createCluster, yes)).toBe(true);
  });

  describe('the cluster that is meant', () => {
    beforeEach(() => {
      add(EDITORS, idle('a'), idle('b'));
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

  it('has new kernels connect, and connect to nothing again', async () => {
    await expect(
      run(CommandIDs.beginAutoConnect, { id: 'otter' })
    ).resolves.toBeNull();
    expect(notes()).toEqual(['No notebook is in use.']);
    automatic.begin.mockResolvedValueOnce({ path: 'a.ipynb' });
    await expect(
      run(CommandIDs.beginAutoConnect, { id: 'otter' })
    ).resolves.toEqual({ path: 'a.ipynb' });
    expect(automatic.begin).toHaveBeenLastCalledWith('otter');
    expect(commands.isEnabled(CommandIDs.endAutoConnect)).toBe(false);
    automatic.current = 'otter';
    expect(commands.isEnabled(CommandIDs.endAutoConnect)).toBe(true);
    await expect(run(CommandIDs.endAutoConnect)).resolves.toEqual({
      path: 'a.ipynb'
    });
  });
});

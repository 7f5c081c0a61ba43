import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { waitFor } from '@testing-library/dom';
import { addCommands } from '../commands';
import { pickEntry } from '../commands/meant';
import { askOnce } from '../commands/once';
import { CommandIDs } from '../tokens';
import {
  FakeCluster,
  FakeManager,
  TEMPLATES,
  cluster,
  deferred
} from './fakes';

describe('What a person is asked', () => {
  it('is asked once at a time', async () => {
    const question = deferred<boolean>();
    const ask = jest.fn(() => question.promise);
    const first = askOnce('stop otter', ask);
    await expect(askOnce('stop otter', ask)).resolves.toBeNull();
    await expect(askOnce('stop seal', async () => true)).resolves.toBe(true);
    expect(ask).toHaveBeenCalledTimes(1);
    question.resolve(true);
    await expect(first).resolves.toBe(true);
    await expect(askOnce('stop otter', async () => false)).resolves.toBe(false);
  });

  it('is no entry of a cluster that has none', async () => {
    const one = new FakeCluster(cluster('otter', { workers: [] }));
    const launched = jest.spyOn(Dialog.prototype, 'launch');
    const trans = nullTranslator.load('speccluster_lab');
    const app = {} as JupyterFrontEnd;
    await expect(pickEntry(app, one, {}, trans)).resolves.toBeNull();
    expect(launched).not.toHaveBeenCalled();
    const [note] = Notification.manager.notifications;
    expect(note.message).toBe('otter has no entries.');
    launched.mockRestore();
  });

  it('can be asked again when it could not be', async () => {
    const failing = async () => {
      throw new Error('the page is offline');
    };
    await expect(askOnce('size otter', failing)).rejects.toThrow('offline');
    await expect(askOnce('size otter', async () => 1)).resolves.toBe(1);
  });

  it.each([
    [CommandIDs.stopCluster, { id: 'otter' }],
    [CommandIDs.restartCluster, { id: 'otter' }],
    [CommandIDs.scaleCluster, { id: 'otter' }],
    [CommandIDs.adaptCluster, { id: 'otter' }],
    [CommandIDs.deleteTemplate, { template: 'mine' }]
  ])('is one question of %s, however often it is called', async (id, args) => {
    const commands = new CommandRegistry();
    const manager = new FakeManager(new FakeCluster(cluster('otter')));
    manager.templates = [{ ...TEMPLATES[0], name: 'mine', own: true }];
    addCommands({ commands } as unknown as JupyterFrontEnd, {
      manager,
      clientCode: { code: String, drag: jest.fn(), insert: () => null },
      automatic: null,
      editors: null,
      logs: null,
      trans: nullTranslator.load('speccluster_lab')
    });
    const launched = jest.spyOn(Dialog.prototype, 'launch');
    const first = commands.execute(id, args);
    await expect(commands.execute(id, args)).resolves.toBeNull();
    await waitFor(() => expect(launched).toHaveBeenCalledTimes(1));
    const [dialog] = launched.mock.contexts as Dialog<unknown>[];
    await waitFor(() => expect(dialog.isAttached).toBe(true));
    dialog.reject();
    await expect(first).resolves.toBeNull();
    expect(launched).toHaveBeenCalledTimes(1);
    launched.mockRestore();
  });
});

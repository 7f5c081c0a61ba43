import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { waitFor } from '@testing-library/dom';
import { addCreateCommand } from '../commands/create';
import { settled } from '../commands/settled';
import { CommandIDs } from '../tokens';
import { FakeCluster, FakeManager, absent, cluster, entry } from './fakes';

describe('settled', () => {
  const starting = () =>
    new FakeCluster(
      cluster('otter', {
        phase: 'starting',
        workers: [entry('0', [absent('0')], 'starting')]
      })
    );

  it('waits until a cluster runs', async () => {
    const one = starting();
    const end = jest.fn();
    const waiting = settled(one).then(end);
    one.set({ document: { ...one.document, phase: 'running' } });
    await Promise.resolve();
    expect(end).not.toHaveBeenCalled();
    one.set({ document: cluster('otter') });
    await waiting;
    expect(end.mock.calls).toEqual([[true]]);
  });

  it('fails with the words of the cluster', async () => {
    const one = starting();
    const waiting = settled(one);
    const condition = {
      type: 'InvalidClass',
      status: 'True' as const,
      reason: 'X',
      message: 'no such class',
      since: ''
    };
    const conditions = [condition];
    one.set({ document: { ...one.document, phase: 'failed', conditions } });
    await expect(waiting).rejects.toThrow('no such class');
  });

  it('ends when the cluster goes, or takes long', async () => {
    const one = starting();
    const waiting = settled(one);
    one.dispose();
    await expect(waiting).resolves.toBe(false);
    await expect(settled(starting(), 10)).resolves.toBe(false);
  });

  it('is not waited for in the panel by who has stopped the cluster', async () => {
    const commands = new CommandRegistry();
    const app = { commands } as unknown as JupyterFrontEnd;
    const manager = new FakeManager();
    const one = starting();
    manager.create.mockResolvedValue(one);
    const trans = nullTranslator.load('speccluster_lab');
    addCreateCommand(app, manager, null, trans);
    await commands.execute(CommandIDs.createCluster, { template: 'grouped' });
    one.dispose();
    const [note] = Notification.manager.notifications;
    await waitFor(() =>
      expect(
        Notification.manager.notifications.find(({ id }) => id === note.id)
      ).toMatchObject({ message: 'otter has gone.', type: 'success' })
    );
  });
});

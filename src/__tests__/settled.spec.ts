import { settled } from '../commands/settled';
import { FakeCluster, absent, cluster, entry } from './fakes';

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
});

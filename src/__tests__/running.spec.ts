import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { runningClusters } from '../running';
import { CommandIDs } from '../tokens';
import { FakeCluster, FakeManager, cluster } from './fakes';

describe('the clusters among what runs', () => {
  const one = new FakeCluster(cluster('otter', { display_name: 'Otter' }));
  const other = new FakeCluster(cluster('badger'));
  const commands = new CommandRegistry();
  const execute = jest.spyOn(commands, 'execute').mockResolvedValue(null);
  let manager: FakeManager;
  let running: ReturnType<typeof runningClusters>;

  beforeEach(() => {
    execute.mockClear();
    manager = new FakeManager(one);
    running = runningClusters(
      commands,
      manager,
      nullTranslator.load('speccluster_lab')
    );
  });

  it('are listed with their workers', () => {
    const [item] = running.running({ mode: 'list' });
    expect(item.label()).toBe('Otter');
    expect(item.detail!()).toBe('3 of 3 workers');
  });

  it('are followed', () => {
    const changed = jest.fn();
    running.runningChanged.connect(changed);
    manager.setClusters(one, other);
    expect(running.running({ mode: 'list' })).toHaveLength(2);
    const { counts } = other.document;
    const document = {
      ...other.document,
      counts: { ...counts, registered: 0 }
    };
    other.set({ document });
    // Nothing that is listed.
    other.set({ isScaling: true });
    manager.setClusters(one);
    expect(changed).toHaveBeenCalledTimes(3);
    other.set({});
    expect(changed).toHaveBeenCalledTimes(3);
  });

  it('are shown in the panel, and stopped after a question', () => {
    const [item] = running.running({ mode: 'list' });
    item.open!();
    item.shutdown!();
    expect(execute.mock.calls).toEqual([
      [CommandIDs.showPanel, { id: 'otter' }],
      [CommandIDs.stopCluster, { id: 'otter' }]
    ]);
  });

  it('are stopped all together', () => {
    manager.setClusters(one, other);
    const text = running.shutdownAllConfirmationText;
    expect(typeof text === 'function' ? text() : text).toMatch(/^Stop 2 clus/);
    running.shutdownAll();
    // That was the question; what is not stopped the command says.
    expect(execute.mock.calls).toEqual([
      [CommandIDs.stopCluster, { id: 'otter', isAsked: false }],
      [CommandIDs.stopCluster, { id: 'badger', isAsked: false }]
    ]);
  });

  it('are not offered to be stopped where nothing may be changed', () => {
    const changed = jest.fn();
    running.runningChanged.connect(changed);
    manager.setReadOnly(true);
    expect(changed).toHaveBeenCalledTimes(1);
    const [item] = running.running({ mode: 'list' });
    expect(item.shutdown).toBeUndefined();
  });
});

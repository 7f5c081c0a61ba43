import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { CommandIDs } from '../tokens';
import type { Cluster, Plan } from '../tokens';
import { CommandsPage, FAILING, dialog, idle, notes } from './commandspage';
import {
  FakeCluster,
  NO_CHANGE,
  absent,
  cluster,
  deferred,
  entry
} from './fakes';

describe('commands that change a cluster', () => {
  let page: CommandsPage;

  beforeEach(() => {
    page = new CommandsPage();
  });

  afterEach(() => page.close());

  const accept = () =>
    document.querySelector<HTMLButtonElement>('.jp-Dialog .jp-mod-accept')!;
  const confirmable = () =>
    waitFor(() => expect(accept().disabled).toBe(false), { timeout: 4_000 });

  it('scale', async () => {
    const [one] = page.manager.clusters;
    await expect(
      page.run(CommandIDs.scaleCluster, { id: 'otter', entries: 3 })
    ).resolves.toEqual({ id: 'otter', generation: 1 });
    expect(one.scale.mock.calls).toEqual([[{ entries: 3 }]]);
    one.scale.mockRejectedValue(FAILING);
    await page.run(CommandIDs.scaleCluster, { entries: 3 });
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
    await page.run(CommandIDs.scaleCluster, args);
    expect(page.manager.clusters[0].scale.mock.calls).toEqual([[size]]);
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
    const [one] = page.manager.clusters;
    await expect(
      page.run(CommandIDs.adaptCluster, { id: 'otter', ...args })
    ).resolves.toEqual({ id: 'otter', generation: 1 });
    expect(one.adapt.mock.calls).toEqual([[range]]);
  });

  it('scale to what was just typed only once it is said what that would do', async () => {
    const { promise, resolve } = deferred<Plan>();
    const [one] = page.manager.clusters;
    const done = page.run(CommandIDs.scaleCluster);
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
    page.add(page.editors, new FakeCluster(cluster('otter', { adaptive })));
    const [one] = page.manager.clusters;
    one.scale.mockRejectedValue(FAILING);
    const done = page.run(CommandIDs.scaleCluster);
    await dialog();
    fireEvent.click(await screen.findByLabelText('Fixed size'));
    await confirmable();
    fireEvent.click(screen.getByText('Scale'));
    await done;
    expect(one.scale.mock.calls).toEqual([[{ entries: 1 }]]);
    expect(one.adapt).not.toHaveBeenCalled();
    expect(notes()).toEqual(['otter was not scaled: no room']);
  });

  it('do not scale what cannot be', async () => {
    const [one] = page.manager.clusters;
    one.document = cluster('otter', { phase: 'stopping' });
    await page.run(CommandIDs.scaleCluster, { entries: 3 });
    expect(one.scale).not.toHaveBeenCalled();
    expect(notes()).toEqual(['otter cannot be scaled now.']);
  });

  it.each([
    ['retry', CommandIDs.retryEntry, '0 was not tried again: no room'],
    ['restartEntry', CommandIDs.restartEntry, '0 was not restarted: no room']
  ] as const)('%s an entry', async (call, command, said) => {
    const workers = ['0', 'bad'].map(name => entry(name, [absent(name)]));
    page.add(page.editors, new FakeCluster(cluster('otter', { workers })));
    const [one] = page.manager.clusters;
    await expect(
      page.run(command, { id: 'otter', entry: '0' })
    ).resolves.toEqual({
      id: 'otter',
      entry: '0'
    });
    page.underMenu = document.createElement('div');
    page.underMenu.dataset.clusterId = 'otter';
    page.underMenu.dataset.entry = 'bad';
    await page.run(command, { isContextMenu: true });
    expect(one[call].mock.calls).toEqual([['0'], ['bad']]);
    one[call].mockRejectedValue(FAILING);
    await expect(
      page.run(command, { id: 'otter', entry: '0' })
    ).resolves.toBeNull();
    expect(notes()[0]).toBe(said);
  });

  it.each([
    CommandIDs.insertEntryCode,
    CommandIDs.retryEntry,
    CommandIDs.restartEntry
  ])('miss an entry that the cluster does not have: %s', async command => {
    const args = { id: 'otter', entry: '7' };
    await expect(page.run(command, args)).resolves.toBeNull();
    expect(notes()).toEqual(['otter has no entry 7.']);
    expect(page.insert).not.toHaveBeenCalled();
  });

  it('restart a cluster that has failed without a question', async () => {
    page.add(page.editors, idle('otter'));
    await page.run(CommandIDs.restartCluster, { id: 'otter' });
    expect(page.manager.clusters[0].restart).toHaveBeenCalledTimes(1);
  });

  it('tell of one operation in one notification', async () => {
    const { promise, reject } = deferred<Cluster>();
    page.manager.clusters[0].scale.mockReturnValue(promise);
    const done = page.run(CommandIDs.scaleCluster, { entries: 3 });
    await waitFor(() => expect(notes()).toEqual(['otter is scaled…']));
    reject(FAILING);
    await done;
    expect(notes()).toEqual(['otter was not scaled: no room']);
  });

  it.each([
    ['Stop', 1],
    ['Cancel', 0]
  ])('ask before workers end: %s', async (answer, calls) => {
    const stopped = page.run(CommandIDs.stopCluster, { id: 'otter' });
    await screen.findByText('Stop otter?');
    await screen.findByText(/^Its 3 workers end/);
    await screen.findByText('They hold no results.');
    fireEvent.click(screen.getByText(answer));
    await stopped;
    expect(page.manager.clusters[0].stop).toHaveBeenCalledTimes(calls);
  });

  it('say what is at stake before workers end', async () => {
    const [one] = page.manager.clusters;
    one.plan.mockResolvedValue({
      ...NO_CHANGE,
      retire: ['0'],
      at_stake: { keys: 12, nbytes: 3 * 2 ** 20 },
      stuck: true
    });
    const stopped = page.run(CommandIDs.stopCluster, { id: 'otter' });
    await screen.findByText('12 results that they hold are lost: 3 MiB.');
    expect(one.plan.mock.calls).toEqual([[{ remove: ['0'] }]]);
    fireEvent.click(screen.getByText('Cancel'));
    await expect(stopped).resolves.toBeNull();
  });

  it('can stop what does not say what is at stake', async () => {
    page.manager.clusters[0].plan.mockRejectedValue(FAILING);
    const stopped = page.run(CommandIDs.stopCluster, { id: 'otter' });
    await screen.findByText('Results that they hold are lost.');
    fireEvent.click(screen.getByText('Stop'));
    await stopped;
    expect(page.manager.clusters[0].stop).toHaveBeenCalled();
  });

  it('stop without a question when there was one', async () => {
    await page.run(CommandIDs.stopCluster, { id: 'otter', isAsked: false });
    expect(page.manager.clusters[0].stop).toHaveBeenCalled();
  });

  it('stop without a question what has no worker', async () => {
    page.add(null, idle('otter'));
    await expect(page.run(CommandIDs.stopCluster)).resolves.toEqual({
      id: 'otter'
    });
    expect(page.manager.clusters[0].stop).toHaveBeenCalled();
    page.manager.clusters[0].stop.mockRejectedValue(FAILING);
    await page.run(CommandIDs.stopCluster);
    expect(notes()[0]).toBe('otter was not stopped: no room');
  });
});

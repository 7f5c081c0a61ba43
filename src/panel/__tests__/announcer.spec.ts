import { nullTranslator } from '@jupyterlab/translation';
import {
  FakeCluster,
  FakeManager,
  NO_CHANGE,
  absent,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import { Announcer } from '../announcer';

describe('Announcer', () => {
  let one: FakeCluster;
  let manager: FakeManager;
  let announcer: Announcer;

  const wait = () => jest.advanceTimersByTimeAsync(1_100);
  const said = () => announcer.node.textContent;
  const starting = (count: number) =>
    cluster('otter', {
      phase: 'starting',
      workers: [
        entry(
          '0',
          ['a', 'b', 'c'].map((name, index) =>
            index < count ? member(name) : absent(name)
          )
        )
      ]
    });

  beforeEach(async () => {
    jest.useFakeTimers();
    one = new FakeCluster(starting(0));
    manager = new FakeManager(one);
    announcer = new Announcer(manager, nullTranslator.load('speccluster_lab'));
    await wait();
  });

  afterEach(() => {
    announcer.dispose();
    jest.useRealTimers();
  });

  it('is a polite live region, silent on what was there before', () => {
    expect(announcer.node.getAttribute('aria-live')).toBe('polite');
    expect(said()).toBe('');
  });

  it('says a change of phase, not the numbers on the way', async () => {
    one.set({ document: starting(1) });
    one.set({ document: starting(2) });
    await wait();
    expect(said()).toBe('');
    one.set({ document: cluster('otter') });
    await wait();
    expect(said()).toBe('otter: running, 3 of 3 workers.');
  });

  it('does nothing for a number that moves', () => {
    one.set({ document: starting(1) });
    one.set({ document: starting(2) });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('says a change of phase while numbers go on moving', async () => {
    one.set({ document: cluster('otter') });
    for (const tasks of [1, 2, 3, 4]) {
      await jest.advanceTimersByTimeAsync(500);
      const busy = entry('0', [member('a', { tasks })]);
      one.set({ document: cluster('otter', { workers: [busy] }) });
    }
    expect(said()).toMatch(/^otter: running/);
  });

  it('says a question once, and nothing of its answer', async () => {
    const at_stake = { keys: 3, nbytes: 2048 };
    const plan = { ...NO_CHANGE, retire: ['0'], at_stake, stuck: true };
    one.set({ question: { entries: 0, plan } });
    await wait();
    expect(said()).toMatch(/^otter: Scale down\? 1 entry goes: 0 No worker/);
    announcer.node.textContent = '';
    one.set({ document: cluster('otter') });
    await wait();
    expect(said()).toBe('otter: running, 3 of 3 workers.');
    announcer.node.textContent = '';
    one.set({ question: null });
    await wait();
    expect(said()).toBe('');
    one.set({ question: { entries: 0, plan } });
    await wait();
    expect(said()).toMatch(/^otter: Scale down/);
  });

  it('leaves a question to the focus, where that is in its card', async () => {
    const plan = { ...NO_CHANGE, retire: ['0'], stuck: true };
    const card = document.createElement('button');
    card.dataset.clusterId = one.id;
    document.body.append(card);
    card.focus();
    one.set({ question: { entries: 0, plan } });
    await wait();
    expect(said()).toBe('');
    card.remove();
    one.set({ document: cluster('otter') });
    await wait();
    expect(said()).toBe('otter: running, 3 of 3 workers.');
  });

  it('says what has come and what has gone', async () => {
    manager.setClusters(new FakeCluster(cluster('seal')));
    await wait();
    expect(said()).toBe('seal: running, 3 of 3 workers. otter has gone.');
  });

  it('says that the connection is lost, and that it is back', async () => {
    manager.setConnection('stale');
    await wait();
    expect(said()).toBe('The connection to the server is lost.');
    manager.setConnection('live');
    await wait();
    expect(said()).toBe('The connection to the server is back.');
  });

  it('listens to nobody any more when it has ended', async () => {
    announcer.dispose();
    one.set({ document: cluster('otter') });
    manager.setClusters();
    await wait();
    expect(jest.getTimerCount()).toBe(0);
  });
});

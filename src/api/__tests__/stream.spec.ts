import { FakeServer, FakeSocket, cluster } from '../../__tests__/fakes';
import { EventStream } from '../stream';

describe('EventStream', () => {
  let stream: EventStream;
  let changes: EventStream.IChange[];
  let states: string[];

  const make = (settings = {}) => {
    stream = new EventStream(new FakeServer(settings).connection);
    changes = [];
    states = [];
    stream.changed.connect((_, change) => changes.push(change));
    stream.stateChanged.connect((_, state) => states.push(state));
    stream.open();
  };

  beforeEach(() => {
    jest.useFakeTimers();
    jest.spyOn(Math, 'random').mockReturnValue(1);
    jest.spyOn(console, 'warn').mockImplementation();
    FakeSocket.all = [];
    make();
  });

  afterEach(() => {
    stream.dispose();
    expect(jest.getTimerCount()).toBe(0);
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  const replace = (path: string, value: unknown) => ({
    op: 'replace' as const,
    path,
    value
  });

  it('connects to the events of the server', () => {
    const path = 'localhost/base/speccluster-lab/api/v1/events';
    expect(FakeSocket.last.url).toBe(`ws://${path}?token=secret`);
    stream.dispose();
    make({ appendToken: false });
    expect(FakeSocket.last.url).toBe(`ws://${path}`);
  });

  it('is live with the first snapshot', () => {
    expect(stream.state).toBe('connecting');
    FakeSocket.last.snapshot(3, cluster('a'), cluster('b'));
    expect(stream.state).toBe('live');
    expect([...stream.clusters.keys()]).toEqual(['a', 'b']);
    expect(changes).toEqual([{ ids: ['a', 'b'], isSnapshot: true }]);
  });

  it('applies patches in their order', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    socket.patch(4, 'a', replace('/generation', 2));
    socket.patch(5, 'b', { op: 'add', path: '', value: cluster('b') });
    socket.patch(6, 'a', { op: 'remove', path: '' });
    expect([...stream.clusters.keys()]).toEqual(['b']);
    expect(changes.slice(1).map(({ ids }) => ids)).toEqual([
      ['a'],
      ['b'],
      ['a']
    ]);
    expect(socket.sent).toEqual([]);
  });

  it('drops what it has seen before', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    socket.patch(3, 'a', replace('/generation', 9));
    expect(stream.clusters.get('a')!.generation).toBe(1);
    expect(socket.sent).toEqual([]);
  });

  it('asks once for a snapshot when it has missed something, and waits for it', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    socket.patch(5, 'a', replace('/generation', 5));
    socket.patch(6, 'a', replace('/generation', 6));
    expect(socket.sent).toEqual([{ request: 'snapshot' }]);
    expect(stream.clusters.get('a')!.generation).toBe(1);
    socket.snapshot(7, cluster('a', { generation: 7 }));
    socket.patch(8, 'a', replace('/generation', 8));
    expect(stream.clusters.get('a')!.generation).toBe(8);
  });

  it.each([
    [
      'a patch that does not fit',
      { seq: 4, cluster: 'x', patch: [replace('/a', 1)] }
    ],
    ['what is no event', { seq: 4 }],
    ['what is not JSON', undefined]
  ])('asks for a snapshot after %s', (_, message) => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    socket.say(message);
    expect(socket.sent).toEqual([{ request: 'snapshot' }]);
    expect(stream.clusters.get('a')).toEqual(cluster('a'));
  });

  it('keeps a cluster that a snapshot does not change the same object', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'), cluster('b'));
    const before = stream.clusters.get('a');
    socket.snapshot(9, cluster('a'), cluster('b', { generation: 2 }));
    expect(stream.clusters.get('a')).toBe(before);
    expect(changes[1]).toEqual({ ids: ['b'], isSnapshot: true });
  });

  it('comes back after a loss, later and later, and shows what it had meanwhile', () => {
    FakeSocket.last.snapshot(3, cluster('a'), cluster('b'));
    const waits: number[] = [];
    for (let count = 0; count < 7; count++) {
      const before = FakeSocket.all.length;
      FakeSocket.last.drop();
      expect(stream.state).toBe('stale');
      expect(stream.clusters.size).toBe(2);
      let wait = 0;
      while (FakeSocket.all.length === before) {
        jest.advanceTimersByTime(500);
        wait += 500;
      }
      waits.push(wait);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    FakeSocket.last.snapshot(0, cluster('b'));
    expect(states).toEqual(['live', 'stale', 'live']);
    expect([...stream.clusters.keys()]).toEqual(['b']);
    FakeSocket.last.drop();
    jest.advanceTimersByTime(1000);
    expect(FakeSocket.all).toHaveLength(9);
  });

  it('spreads the tries of many over half of the time', () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    FakeSocket.last.drop();
    jest.advanceTimersByTime(500);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('tries at once when told to, and only once', () => {
    FakeSocket.last.drop();
    stream.open();
    stream.open();
    expect(FakeSocket.all).toHaveLength(2);
    jest.advanceTimersByTime(5000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('hears nothing of a connection that it has given up', () => {
    const old = FakeSocket.last;
    old.snapshot(3, cluster('a'));
    old.drop();
    expect(old.isClosed).toBe(true);
    old.snapshot(4, cluster('z'));
    expect([...stream.clusters.keys()]).toEqual(['a']);
  });

  it('gives up a connection that says nothing, after asking', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    jest.advanceTimersByTime(45_000);
    expect(socket.sent).toEqual([{ request: 'snapshot' }]);
    expect(stream.state).toBe('live');
    jest.advanceTimersByTime(15_000);
    expect(stream.state).toBe('stale');
    expect(socket.isClosed).toBe(true);
  });

  it('counts silence from what was said last', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    jest.advanceTimersByTime(30_000);
    socket.patch(4, 'a', { op: 'replace', path: '/generation', value: 2 });
    jest.advanceTimersByTime(44_999);
    expect(socket.sent).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(socket.sent).toEqual([{ request: 'snapshot' }]);
  });

  it('gives up a connection that never tells what there is', () => {
    jest.advanceTimersByTime(15_000);
    expect(FakeSocket.all[0].isClosed).toBe(true);
    jest.advanceTimersByTime(1_000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('ends', () => {
    const socket = FakeSocket.last;
    socket.snapshot(3, cluster('a'));
    stream.dispose();
    stream.open();
    expect(socket.isClosed).toBe(true);
    expect(FakeSocket.all).toHaveLength(1);
  });
});

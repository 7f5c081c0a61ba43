import {
  FakeServer,
  FakeSocket,
  TEMPLATES,
  cluster,
  json
} from '../../__tests__/fakes';
import { ApiClient } from '../../api/client';
import { EventStream } from '../../api/stream';
import { ClusterManager } from '../clustermanager';

describe('ClusterManager', () => {
  let server: FakeServer;
  let manager: ClusterManager;
  let changes: number;

  const ids = () => manager.clusters.map(({ id }) => id);
  const settle = () => jest.advanceTimersByTimeAsync(0);

  beforeEach(() => {
    jest.useFakeTimers();
    FakeSocket.all = [];
    server = new FakeServer();
    server.answer = ({ path }) =>
      path.endsWith('/templates')
        ? json(TEMPLATES)
        : json(cluster('new', { phase: 'starting' }), 201);
    manager = new ClusterManager({
      client: new ApiClient(server.connection),
      stream: new EventStream(server.connection)
    });
    changes = 0;
    manager.changed.connect(() => (changes += 1));
    manager.connect();
  });

  afterEach(() => {
    manager.dispose();
    jest.useRealTimers();
  });

  it('is ready with the first snapshot, and has the templates then', async () => {
    let isReady = false;
    void manager.ready.then(() => (isReady = true));
    await settle();
    expect(isReady).toBe(false);
    expect(manager.connection).toBe('connecting');
    FakeSocket.last.snapshot(0);
    await settle();
    expect(isReady).toBe(true);
    expect(manager.connection).toBe('live');
    expect(manager.templates).toEqual(TEMPLATES);
  });

  it.each([
    [{ permissions: { speccluster: ['read'] } }, 200, true, false],
    [{ permissions: { speccluster: ['read', 'write'] } }, 200, false, false],
    [
      { permissions: { speccluster: ['read', 'write', 'execute'] } },
      200,
      false,
      true
    ],
    [{ permissions: {} }, 200, true, false],
    [{ message: 'no such thing' }, 404, false, true]
  ])(
    'knows from %p (%d) whether one may only look, and say what runs',
    async (body, status, isReadOnly, mayExecute) => {
      const answer = server.answer;
      server.answer = seen =>
        seen.path.endsWith('/api/me') ? json(body, status) : answer(seen);
      const changed = jest.fn();
      manager.accessChanged.connect(changed);
      expect(manager.isReadOnly).toBe(false);
      FakeSocket.last.snapshot(0);
      await settle();
      expect([manager.isReadOnly, manager.mayExecute]).toEqual([
        isReadOnly,
        mayExecute
      ]);
      expect(changed).toHaveBeenCalledTimes(mayExecute ? 0 : 1);
    }
  );

  it('lists the clusters from the oldest to the newest', () => {
    FakeSocket.last.snapshot(
      0,
      cluster('c', { created: '2026-11-24T03:00:02Z' }),
      cluster('b'),
      cluster('a')
    );
    expect(ids()).toEqual(['a', 'b', 'c']);
  });

  it('tells of a change in one cluster through that cluster only', () => {
    const socket = FakeSocket.last;
    socket.snapshot(0, cluster('a'), cluster('b'));
    const seen: string[] = [];
    const before = manager.clusters;
    manager.clusters.forEach(one =>
      one.changed.connect(sender => seen.push(sender.id))
    );
    socket.patch(1, 'b', { op: 'replace', path: '/phase', value: 'degraded' });
    expect(seen).toEqual(['b']);
    expect(changes).toBe(1);
    expect(manager.clusters).toBe(before);
    expect(manager.get('b')!.document.phase).toBe('degraded');
  });

  it('tells when a cluster comes and goes, and disposes the one that has gone', () => {
    const socket = FakeSocket.last;
    socket.snapshot(0, cluster('a'));
    const a = manager.get('a')!;
    socket.patch(1, 'b', { op: 'add', path: '', value: cluster('b') });
    socket.patch(2, 'a', { op: 'remove', path: '' });
    expect(ids()).toEqual(['b']);
    expect(changes).toBe(3);
    expect(a.isDisposed).toBe(true);
  });

  it('has a new cluster at once, before the stream tells of it', async () => {
    const socket = FakeSocket.last;
    socket.snapshot(0, cluster('a'));
    const made = await manager.create({ template: 'grouped' });
    expect(manager.get('new')).toBe(made);
    expect(ids()).toEqual(['a', 'new']);
    socket.patch(1, 'new', { op: 'add', path: '', value: cluster('new') });
    expect(manager.get('new')).toBe(made);
    expect(made.document.phase).toBe('running');
    expect(changes).toBe(2);
  });

  it('takes the cluster of the stream when that was quicker than the answer', async () => {
    FakeSocket.last.snapshot(0, cluster('new'));
    const made = await manager.create({ template: 'grouped' });
    expect(made.document.phase).toBe('running');
    expect(ids()).toEqual(['new']);
  });

  it('does not take a new cluster for one of its id that has gone unseen', async () => {
    FakeSocket.last.snapshot(0, cluster('new'));
    const before = manager.get('new')!;
    FakeSocket.last.drop();
    const created = '2026-11-24T04:00:00Z';
    server.answer = () => json(cluster('new', { created }), 201);
    const made = await manager.create({ template: 'grouped' });
    expect([made === before, before.isDisposed]).toEqual([false, true]);
    expect(manager.clusters).toEqual([made]);
  });

  it('drops a new cluster that has gone unseen', async () => {
    FakeSocket.last.snapshot(0, cluster('a'));
    const made = await manager.create({ template: 'grouped' });
    FakeSocket.last.snapshot(5, cluster('a'));
    expect(ids()).toEqual(['a']);
    expect(made.isDisposed).toBe(true);
  });

  it('leaves everything as it is when a cluster cannot be made', async () => {
    FakeSocket.last.snapshot(0, cluster('a'));
    server.answer = () => json({ code: 'name_in_use', message: 'taken' }, 409);
    await expect(manager.create({ template: 'x' })).rejects.toThrow('taken');
    expect(ids()).toEqual(['a']);
  });

  it('keeps what it has while the connection is lost', () => {
    const seen: string[] = [];
    FakeSocket.last.snapshot(0, cluster('a'));
    manager.connectionChanged.connect(sender => seen.push(sender.connection));
    FakeSocket.last.drop();
    expect(ids()).toEqual(['a']);
    manager.connect();
    FakeSocket.last.snapshot(0, cluster('a'));
    expect(seen).toEqual(['stale', 'live']);
  });

  it('does not take a cluster for another of its id, which went unseen', async () => {
    FakeSocket.last.snapshot(0, cluster('a'));
    const before = manager.get('a')!;
    server.answer = () => json(cluster('a', { generation: 7 }));
    await before.scale({ entries: 2 });
    expect(before.document.generation).toBe(7);
    FakeSocket.last.drop();
    manager.connect();
    const created = '2026-11-24T04:00:00Z';
    FakeSocket.last.snapshot(0, cluster('a', { created }));
    expect(before.isDisposed).toBe(true);
    expect(manager.clusters).toEqual([manager.get('a')]);
    expect(manager.get('a')!.document).toMatchObject({
      created,
      generation: 1
    });
    expect(changes).toBe(2);
  });

  it('says why there are no templates, until there are', async () => {
    server.answer = () => json({ code: 'x', message: 'broken file' }, 422);
    await manager.refreshTemplates();
    expect(manager.templatesError?.message).toBe('broken file');
    server.answer = () => json(TEMPLATES);
    await manager.refreshTemplates();
    expect(manager.templatesError).toBeNull();
    expect(manager.templates).toEqual(TEMPLATES);
  });

  it('ends without a word', () => {
    FakeSocket.last.snapshot(0, cluster('a'));
    manager.dispose();
    expect(FakeSocket.last.isClosed).toBe(true);
    expect(server.seen.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });
});

import { FakeServer, cluster, deferred, json } from '../../__tests__/fakes';
import { ApiClient } from '../../api/client';
import { ClusterModel } from '../clustermodel';

describe('ClusterModel', () => {
  let server: FakeServer;
  let model: ClusterModel;
  let changes: number;

  const entriesSent = () =>
    server.seen.map(({ body }) => (body as { entries: number }).entries);
  const scaled = (entries: number, generation = 2) => {
    const document = cluster('otter', { generation });
    const { worker } = document.spec;
    document.spec.workers = Object.fromEntries(
      Array.from({ length: entries }, (_, number) => [String(number), worker!])
    );
    return document;
  };
  const quiet = () => jest.advanceTimersByTimeAsync(ClusterModel.QUIET + 50);

  beforeEach(() => {
    jest.useFakeTimers();
    server = new FakeServer();
    model = new ClusterModel(
      new ApiClient(server.connection),
      cluster('otter')
    );
    changes = 0;
    model.changed.connect(() => (changes += 1));
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('shows a wish at once, and sends quick ones as one, the last', async () => {
    server.answer = () => json(scaled(4));
    model.setEntries(2);
    model.setEntries(3);
    await jest.advanceTimersByTimeAsync(ClusterModel.QUIET - 50);
    model.setEntries(4);
    expect(model.entries).toBe(4);
    expect(model.isScaling).toBe(true);
    expect(changes).toBe(3);
    expect(server.seen).toEqual([]);
    await quiet();
    expect(entriesSent()).toEqual([4]);
    expect(model.isScaling).toBe(false);
    expect(model.entries).toBe(4);
  });

  describe('with data that would have nowhere to go', () => {
    const plan = {
      start: [],
      replace: [],
      retire: ['0'],
      at_stake: { keys: 3, nbytes: 1_000 },
      stuck: true
    };
    const sent = () => server.seen.map(({ path }) => path.split('/').pop());

    beforeEach(async () => {
      server.answer = ({ path }) =>
        json(path.endsWith('plan') ? plan : scaled(0));
      model.setEntries(0);
      await quiet();
    });

    it('asks before it sends fewer', () => {
      expect(sent()).toEqual(['plan']);
      expect(server.seen[0].body).toEqual({ scale: { entries: 0 } });
      expect(model.question).toEqual({ entries: 0, plan });
      expect([model.entries, model.isScaling]).toEqual([1, false]);
    });

    it('sends them when they are meant', async () => {
      model.answer(true);
      expect(model.question).toBeNull();
      await quiet();
      expect(sent()).toEqual(['plan', 'scale']);
      expect(model.entries).toBe(0);
    });

    it('leaves it when they are not', async () => {
      model.answer(false);
      await quiet();
      expect(sent()).toEqual(['plan']);
      expect([model.question, model.entries]).toEqual([null, 1]);
    });

    it.each([
      ['somebody else is quicker', { generation: 2 }],
      ['the cluster stops', { phase: 'stopping' as const }]
    ])('forgets the question when %s', (_, more) => {
      model.update({ ...model.document, phase: 'degraded' });
      expect(model.question).not.toBeNull();
      model.update({ ...model.document, ...more });
      expect(model.question).toBeNull();
    });

    it('forgets the question when another number is asked for', async () => {
      model.setEntries(4);
      expect(model.question).toBeNull();
      await quiet();
      expect(sent()).toEqual(['plan', 'scale']);
    });
  });

  it('sends fewer at once where nothing is lost, or nobody can tell', async () => {
    server.answer = ({ path }) =>
      path.endsWith('plan') ? json({ code: 'x' }, 504) : json(scaled(0));
    model.setEntries(0);
    await quiet();
    expect(model.question).toBeNull();
    expect(model.entries).toBe(0);
  });

  it('shows what the server answers, whatever was wished', async () => {
    server.answer = () => json(scaled(2));
    model.setEntries(3);
    await quiet();
    expect(model.entries).toBe(2);
    expect(model.isScaling).toBe(false);
  });

  it('sends a wish made meanwhile after the one under way, never beside it', async () => {
    const first = deferred<Response>();
    server.answer = () => first.promise;
    model.setEntries(2);
    await quiet();
    model.setEntries(3);
    model.setEntries(5);
    await quiet();
    expect(entriesSent()).toEqual([2]);
    server.answer = () => json(scaled(5, 3));
    first.resolve(json(scaled(2)));
    await quiet();
    expect(entriesSent()).toEqual([2, 5]);
    expect(model.entries).toBe(5);
    expect(model.isScaling).toBe(false);
  });

  it('goes back and says why when a wish is refused', async () => {
    server.answer = () =>
      json(
        { code: 'invalid_input', message: 'too many', field: 'entries' },
        422
      );
    model.setEntries(99);
    await quiet();
    expect(model.entries).toBe(1);
    expect(model.isScaling).toBe(false);
    expect(model.scaleError?.message).toBe('too many');
    server.answer = () => json(scaled(2));
    model.setEntries(2);
    expect(model.scaleError).toBeNull();
    await quiet();
    expect(model.scaleError).toBeNull();
  });

  it('forgets a refusal when the phase has changed', async () => {
    server.answer = () =>
      json({ code: 'not_running', message: 'it is starting' }, 409);
    model.setEntries(3);
    await quiet();
    const { phase } = model.document;
    model.update(cluster('otter', { phase, generation: 2 }));
    expect(model.scaleError?.code).toBe('not_running');
    model.update(cluster('otter', { phase: 'degraded' }));
    expect(model.scaleError).toBeNull();
  });

  it('shows an answer until the stream is as new', async () => {
    server.answer = () => json(cluster('otter', { generation: 3 }));
    await model.refresh();
    expect(model.document.generation).toBe(3);
    model.update(cluster('otter', { generation: 2 }));
    expect(model.document.generation).toBe(3);
    const streamed = cluster('otter', { generation: 3 });
    model.update(streamed);
    expect(model.document).toBe(streamed);
  });

  it('has the address of its dashboard while it runs', () => {
    expect(model.dashboardUrl).toMatch(/\/clusters\/otter\/dashboard\/status$/);
    model.update(cluster('otter', { phase: 'failed' }));
    expect(model.dashboardUrl).toBeNull();
  });

  it('is stopping until the server has answered', async () => {
    const answer = deferred<Response>();
    server.answer = () => answer.promise;
    const stopped = model.stop();
    expect(model.isStopping).toBe(true);
    answer.resolve(json({ code: 'x', message: 'y' }, 504));
    await expect(stopped).rejects.toThrow('y');
    expect(model.isStopping).toBe(false);
  });

  it('sends nothing once it has gone', async () => {
    model.setEntries(2);
    model.dispose();
    model.setEntries(3);
    await quiet();
    expect(server.seen).toEqual([]);
    expect(changes).toBe(2);
  });
});

import { CodeEditor } from '@jupyterlab/codeeditor';
import { nullTranslator } from '@jupyterlab/translation';
import { JSONExt } from '@lumino/coreutils';
import {
  FakeCluster,
  NO_CHANGE,
  cluster,
  deferred,
  plain
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { Cluster, ClusterSpec, Plan } from '../../api/types';
import { SpecDraft } from '../draft';
import { Planning } from '../planning';

const trans = nullTranslator.load('speccluster_lab');

describe('SpecDraft', () => {
  let one: FakeCluster;
  let text: CodeEditor.Model;
  let draft: SpecDraft;

  const source = () => text.sharedModel.getSource();
  const type = (value: unknown) =>
    text.sharedModel.setSource(
      typeof value === 'string' ? value : JSON.stringify(value)
    );
  const withThreads = (nthreads: number, of: Cluster = one.document) => {
    const spec = plain(of.spec) as unknown as ClusterSpec;
    spec.workers!['0'].options = { processes: 3, nthreads };
    return spec;
  };
  const elsewhere = (generation = 2) => {
    const newer = cluster('otter', { generation });
    newer.spec = plain(newer.spec) as unknown as ClusterSpec;
    newer.spec.worker = null;
    return newer;
  };
  /** What adaptive scaling has made of it, which is no new generation. */
  const adapted = (...names: string[]) => {
    const document = cluster('otter');
    const form = document.spec.worker!;
    document.spec.workers = Object.fromEntries(names.map(name => [name, form]));
    one.set({ document });
    return plain(document.spec) as unknown as ClusterSpec;
  };
  const stale = () =>
    one.replaceSpec.mockRejectedValue(
      new ApiError({ code: 'stale_generation', message: 'stale', status: 412 })
    );
  const quiet = () => jest.advanceTimersByTimeAsync(Planning.QUIET);
  const typeAndWait = async (value: unknown) => {
    type(value);
    await quiet();
  };
  /** How a cluster answers whose spec was replaced. */
  const taken = (spec: unknown) =>
    cluster('otter', { generation: 2, spec: spec as Cluster['spec'] });
  /** Apply a spec, which the server answers when the test says. */
  const applying = async (spec = withThreads(2)) => {
    const answer = deferred<Cluster>();
    one.replaceSpec.mockReturnValueOnce(answer.promise);
    await typeAndWait(spec);
    return { spec, answer, applied: draft.apply() };
  };

  beforeEach(() => {
    jest.useFakeTimers();
    one = new FakeCluster(cluster('otter'));
    text = new CodeEditor.Model({ mimeType: 'application/json' });
    draft = new SpecDraft({ cluster: one, text, trans });
  });

  afterEach(() => {
    draft.dispose();
    jest.useRealTimers();
  });

  it('begins with the spec as it is', () => {
    expect(JSON.parse(source())).toEqual(plain(one.document.spec));
    expect([draft.isDirty, draft.canApply, draft.plan]).toEqual([
      false,
      false,
      null
    ]);
  });

  it('is not changed by another way to write the same', () => {
    type(JSON.stringify(one.document.spec));
    expect(draft.isDirty).toBe(false);
    draft.setFormat('yaml');
    expect(source()).toContain('cls: speccluster_lab.MultiWorker');
    expect(text.mimeType).toBe('text/x-yaml');
    expect(draft.isDirty).toBe(false);
  });

  it('keeps the format while the text is no spec', () => {
    type('{');
    draft.setFormat('yaml');
    expect([draft.format, source()]).toEqual(['json', '{']);
  });

  it('can be applied once it is known what it would do', async () => {
    type(withThreads(2));
    expect([draft.isPlanning, draft.canApply]).toEqual([true, false]);
    await quiet();
    expect(one.plan.mock.calls).toEqual([[{ spec: withThreads(2) }]]);
    expect(draft.plan).toBe(NO_CHANGE);
    expect([draft.isPlanning, draft.canApply]).toEqual([false, true]);
  });

  it('can be applied where the server has something against it, too', async () => {
    one.plan.mockRejectedValueOnce(new ApiError({ code: 'x', message: 'no' }));
    await typeAndWait(withThreads(-1));
    expect(draft.refusal).toMatchObject({ message: 'no', isAloud: false });
    expect(draft.canApply).toBe(true);
  });

  it('asks again while the cluster changes, once something was written', async () => {
    const change = async () => {
      one.set({ document: { ...one.document } });
      await jest.advanceTimersByTimeAsync(Planning.PACE);
    };
    await change();
    expect(one.plan).not.toHaveBeenCalled();
    await typeAndWait(withThreads(2));
    await change();
    expect(one.plan).toHaveBeenCalledTimes(2);
  });

  it('applies what was written, from the generation that it was made from', async () => {
    const spec = withThreads(2);
    one.replaceSpec.mockResolvedValue(taken(spec));
    await typeAndWait(spec);
    await expect(draft.apply()).resolves.toBe(true);
    expect(one.replaceSpec.mock.calls).toEqual([[spec, 1]]);
    expect([draft.generation, draft.isDirty]).toEqual([2, false]);
  });

  it('sends back unchanged what is shown of an object by its class', async () => {
    const hidden = cluster('otter');
    const entry = hidden.spec.workers!['0'];
    hidden.spec.workers = {
      '0': { ...entry, options: { plugins: { $object: 'my.Plugin' } } }
    };
    one.set({ document: { ...hidden, generation: 2 } });
    const spec = plain(draft.spec) as unknown as ClusterSpec;
    draft.write({ ...spec, worker: null });
    await quiet();
    await draft.apply();
    const [[sent]] = one.replaceSpec.mock.calls as unknown as [[ClusterSpec]];
    expect(sent.workers).toEqual(hidden.spec.workers);
  });

  it('applies once at a time', async () => {
    const { spec, answer, applied } = await applying();
    expect(draft.canApply).toBe(false);
    await expect(draft.apply()).resolves.toBe(false);
    answer.resolve(taken(spec));
    await expect(applied).resolves.toBe(true);
    expect(one.replaceSpec).toHaveBeenCalledTimes(1);
  });

  it('keeps what is typed while it is applied, on top of what was applied', async () => {
    const { spec: sent, answer, applied } = await applying();
    const typed = JSON.stringify({ ...sent, worker: null });
    type(typed);
    const made = { ...sent.workers, '1': one.document.spec.worker! };
    const spec = { ...sent, workers: made };
    answer.resolve(taken(spec));
    await expect(applied).resolves.toBe(true);
    const kept = { ...(plain(spec) as object), worker: null };
    expect(JSON.parse(source())).toEqual(kept);
    expect([draft.generation, draft.isDirty]).toEqual([2, true]);
    expect(draft.canApply).toBe(false);
    await quiet();
    expect(one.plan).toHaveBeenLastCalledWith({ spec: kept });
    await draft.apply();
    expect(one.replaceSpec.mock.calls[1]).toEqual([kept, 2]);
  });

  it('undoes what is typed while it is applied, where nobody else was at it', async () => {
    const { spec, answer, applied } = await applying();
    type({ ...spec, worker: null });
    answer.resolve(taken(spec));
    await applied;
    expect(text.sharedModel.canUndo()).toBe(true);
  });

  it('does not keep what was only asked, once something else is known', async () => {
    one.plan.mockRejectedValueOnce(new ApiError({ code: 'x', message: 'no' }));
    draft.write(withThreads(2));
    await quiet();
    expect(draft.refusal?.message).toBe('no');
    adapted('0', '1');
    await quiet();
    await quiet();
    expect([draft.refusal, draft.plan]).toEqual([null, NO_CHANGE]);
  });

  it.each([true, false])(
    'looks afterwards at what has come while it was applied: taken %p',
    async isTaken => {
      const { answer, applied } = await applying();
      if (isTaken) {
        one.set({ document: elsewhere(3) });
        answer.resolve(cluster('otter', { generation: 2 }));
        await applied;
        expect(JSON.parse(source()).worker).toBeNull();
        expect([draft.generation, draft.isDirty]).toEqual([3, false]);
      } else {
        adapted('0', '1');
        answer.reject(new ApiError({ code: 'x', message: 'no' }));
        await applied;
        expect([draft.plan, draft.canApply]).toEqual([null, false]);
        await quiet();
        expect(Object.keys(JSON.parse(source()).workers)).toEqual(['0', '1']);
        // Nobody has written anything since.
        expect(draft.refusal?.message).toBe('no');
      }
    }
  );

  it('follows adaptive scaling once it is answered what was applied', async () => {
    const { answer, applied } = await applying();
    const typed = withThreads(3);
    adapted('0', '1');
    await typeAndWait(typed);
    expect(JSON.parse(source())).toEqual(typed);
    answer.reject(new ApiError({ code: 'x', message: 'no' }));
    await applied;
    await quiet();
    expect(Object.keys(JSON.parse(source()).workers)).toEqual(['0', '1']);
  });

  it('leaves the text as it is that is typed while it is applied', async () => {
    for (const typed of ['{', `  ${JSON.stringify(withThreads(3))}`]) {
      const { spec, answer, applied } = await applying();
      type(typed);
      answer.resolve(taken(spec));
      await applied;
      expect([source(), draft.isDirty]).toEqual([typed, true]);
      expect(draft.base).toEqual(spec);
      draft.revert();
    }
  });

  it('does not send what is no spec', async () => {
    await typeAndWait('{');
    await expect(draft.apply()).resolves.toBe(false);
    expect(draft.refusal?.message).toMatch(/^Not JSON: /);
    expect(one.plan).not.toHaveBeenCalled();
    expect(one.replaceSpec).not.toHaveBeenCalled();
  });

  it('follows changes made elsewhere while nothing is written', () => {
    one.set({ document: elsewhere() });
    expect(JSON.parse(source()).worker).toBeNull();
    expect([draft.generation, draft.conflict]).toEqual([2, null]);
  });

  it('takes a new generation of the same spec without a word', () => {
    type(withThreads(2));
    one.set({ document: cluster('otter', { generation: 4 }) });
    expect([draft.generation, draft.conflict]).toEqual([4, null]);
    expect(draft.isDirty).toBe(true);
  });

  it('plans anew what was written beside changes that were taken back', async () => {
    const answer = deferred<Plan>();
    one.plan.mockReturnValueOnce(answer.promise);
    await typeAndWait(withThreads(2));
    one.set({ document: elsewhere() });
    expect([draft.isPlanning, draft.plan]).toEqual([false, null]);
    one.set({ document: cluster('otter', { generation: 3 }) });
    // An answer of before is none.
    answer.resolve({ ...NO_CHANGE, retire: ['0'] });
    await jest.advanceTimersByTimeAsync(0);
    expect([draft.conflict, draft.canApply, draft.plan]).toEqual([
      null,
      false,
      null
    ]);
    await quiet();
    expect(one.plan).toHaveBeenCalledTimes(2);
    expect([draft.plan, draft.canApply]).toEqual([NO_CHANGE, true]);
  });

  it('follows adaptive scaling, and undoes nothing of it', () => {
    const grown = adapted('0', '1', '2');
    expect([JSON.parse(source()), draft.isDirty]).toEqual([grown, false]);
    expect(text.sharedModel.canUndo()).toBe(false);
    const shrunk = adapted('2');
    expect([JSON.parse(source()), draft.isDirty]).toEqual([shrunk, false]);
    expect(draft.generation).toBe(1);
  });

  it('does not bring back what adaptive scaling has retired', async () => {
    draft.write(adapted('0', '1', '2'));
    const spec = withThreads(2);
    spec.workers!['1'] = spec.workers!['2'] = spec.workers!['0'];
    draft.write(spec);
    await quiet();
    const meant = adapted('0', '2', '3');
    expect([draft.plan, draft.canApply]).toEqual([null, false]);
    await quiet();
    meant.workers!['0'] = meant.workers!['2'] = spec.workers!['0'];
    expect(JSON.parse(source())).toEqual(meant);
    expect(draft.conflict).toBeNull();
    await quiet();
    expect(one.plan).toHaveBeenLastCalledWith({ spec: meant });
    expect(draft.canApply).toBe(true);
    await draft.apply();
    expect(one.replaceSpec.mock.calls).toEqual([[meant, 1]]);
  });

  it('asks in good time, however often its numbers change', async () => {
    draft.write(withThreads(2));
    await quiet();
    const made = adapted('0', '1') as Cluster['spec'];
    const half = () => jest.advanceTimersByTimeAsync(Planning.QUIET / 2);
    for (const age of [1, 2, 3, 4, 5]) {
      await half();
      one.set({
        document: { ...cluster('otter', { spec: made }), age } as Cluster
      });
    }
    expect(Object.keys(JSON.parse(source()).workers)).toEqual(['0', '1']);
    expect(draft.canApply).toBe(true);
  });

  it('undoes what was written here only', async () => {
    const spec = withThreads(2);
    draft.write(spec);
    const now = adapted('0', '1');
    await quiet();
    now.workers!['0'] = spec.workers!['0'];
    expect(JSON.parse(source())).toEqual(now);
    text.sharedModel.undo();
    expect(JSON.parse(source())).toEqual(now);
    draft.write({ ...now, worker: null });
    text.sharedModel.undo();
    expect(JSON.parse(source())).toEqual(now);
  });

  it('follows once the text is a spec again', async () => {
    const spec = withThreads(2);
    type('{');
    const meant = adapted('0', '1');
    await quiet();
    expect(source()).toBe('{');
    await typeAndWait(spec);
    meant.workers!['0'] = spec.workers!['0'];
    expect(JSON.parse(source())).toEqual(meant);
  });

  it('compares no spec twice that is the same', async () => {
    await typeAndWait(withThreads(2));
    const same = jest.spyOn(JSONExt, 'deepEqual');
    const document = cluster('otter');
    one.set({ document });
    expect(same).toHaveBeenCalled();
    same.mockClear();
    one.set({ document: { ...document } });
    expect(same).not.toHaveBeenCalled();
    same.mockRestore();
    expect(draft.plan).toBe(NO_CHANGE);
  });

  it('keeps what was written beside changes made elsewhere', async () => {
    const spec = withThreads(2);
    await typeAndWait(spec);
    one.set({ document: elsewhere() });
    expect(draft.conflict?.generation).toBe(2);
    expect([draft.canApply, draft.plan]).toEqual([false, null]);
    await expect(draft.apply()).resolves.toBe(false);
    expect(one.replaceSpec).not.toHaveBeenCalled();
    expect(JSON.parse(source())).toEqual(spec);
  });

  it('finds out who was faster when its generation is stale', async () => {
    stale();
    one.refresh.mockImplementation(async () => {
      one.set({ document: elsewhere() });
      return one.document;
    });
    await typeAndWait(withThreads(2));
    await draft.apply();
    expect(draft.conflict?.generation).toBe(2);
    expect(draft.refusal).toBeNull();
  });

  it('makes my changes to theirs, plans them, and applies nothing', async () => {
    await typeAndWait(withThreads(2));
    one.set({ document: elsewhere() });
    draft.keepMine();
    expect(draft.conflict).toBeNull();
    const merged = JSON.parse(source());
    expect(merged.worker).toBeNull();
    expect(merged.workers['0'].options.nthreads).toBe(2);
    await quiet();
    expect(one.plan).toHaveBeenLastCalledWith({ spec: merged });
    expect(one.replaceSpec).not.toHaveBeenCalled();
    await draft.apply();
    expect(one.replaceSpec.mock.calls).toEqual([[merged, 2]]);
  });

  it('takes theirs', () => {
    type(withThreads(2));
    one.set({ document: elsewhere() });
    draft.revert();
    expect(JSON.parse(source()).worker).toBeNull();
    expect([draft.isDirty, draft.generation]).toEqual([false, 2]);
    // What was written before is no change to theirs.
    text.sharedModel.undo();
    expect(draft.isDirty).toBe(false);
  });

  it('undoes a revert, but not to what others have changed since', () => {
    const mine = withThreads(2);
    draft.write(mine);
    // As after half a second, by a clock that is not faked: what comes at once is undone at once.
    const { undoManager } = text.sharedModel as unknown as {
      undoManager: { stopCapturing(): void };
    };
    undoManager.stopCapturing();
    draft.revert();
    text.sharedModel.undo();
    expect(JSON.parse(source())).toEqual(mine);
    type('{');
    adapted('0', '1');
    draft.revert();
    text.sharedModel.undo();
    expect(draft.isDirty).toBe(false);
  });

  it('undoes nothing of before somebody else wrote the same', () => {
    draft.write({ ...withThreads(1), worker: null });
    const same = elsewhere();
    same.spec = draft.spec as Cluster['spec'];
    one.set({ document: same });
    text.sharedModel.undo();
    expect(draft.isDirty).toBe(false);
  });

  it('undoes nothing of before adaptive scaling retired the same', async () => {
    const workers = adapted('0', '1').workers!;
    draft.write({
      ...draft.base,
      workers: { '0': workers['0']! },
      worker: null
    });
    adapted('0');
    await quiet();
    const kept = source();
    text.sharedModel.undo();
    expect(source()).toBe(kept);
  });

  it('undoes nothing in another format than it was written in', () => {
    draft.write(withThreads(2));
    draft.setFormat('yaml');
    const before = source();
    text.sharedModel.undo();
    expect([source(), draft.problem]).toEqual([before, null]);
  });

  it('changes nothing for somebody who may only look', async () => {
    draft.isReadOnly = true;
    await typeAndWait(withThreads(2));
    expect(draft.canApply).toBe(false);
    await expect(draft.apply()).resolves.toBe(false);
    expect(one.plan).not.toHaveBeenCalled();
  });

  it('listens to nobody any more when it has ended', async () => {
    type(withThreads(2));
    draft.dispose();
    await quiet();
    expect(one.plan).not.toHaveBeenCalled();
    expect(() => one.set({ document: elsewhere() })).not.toThrow();
    expect(text.isDisposed).toBe(true);
  });
});

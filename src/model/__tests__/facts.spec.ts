import {
  GIB,
  TEMPLATES,
  absent,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import {
  canScale,
  clusterKind,
  conditionProblems,
  entryProblems,
  formatBytes,
  formatUsage,
  hasDashboard,
  isClusterId,
  isReconciling,
  isSingle,
  registered,
  specEntries,
  templateKind
} from '../facts';

describe('facts', () => {
  it.each([
    ['distributed.Nanny', 'local'],
    ['speccluster_lab.MultiWorker', 'local'],
    ['distributed.deploy.ssh.Worker', 'ssh'],
    ['dask_jobqueue.slurm.SLURMJob', 'queue'],
    ['geo.Worker', 'other'],
    [undefined, 'other']
  ])('workers of %p are %s', (cls, kind) => {
    const template = { ...TEMPLATES[0], spec: { worker: { cls } } };
    expect(templateKind(template)).toBe(kind);
    const spec = { worker: null, workers: { a: { cls: String(cls) } } };
    expect(clusterKind({ spec } as unknown as ReturnType<typeof cluster>)).toBe(
      kind
    );
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [64 * 2 ** 20, '64 MiB'],
    [1023.9 * 2 ** 20, '1 GiB'],
    [12 * GIB, '12 GiB'],
    [2 ** 60, '1024 PiB']
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0.4 * GIB, 6 * GIB, '0.4', '6 GiB'],
    [0, 6 * GIB, '0', '6 GiB'],
    [2 ** 20, 6 * GIB, '1 MiB', '6 GiB'],
    [3 * GIB, 12 * GIB, '3', '12 GiB']
  ])('%d of %d bytes are %s of %s', (used, limit, ...texts) => {
    expect(formatUsage(used, limit)).toEqual(texts);
  });

  it('knows an id', () => {
    expect(isClusterId('brave-otter')).toBe(true);
    expect(isClusterId('a'.repeat(63))).toBe(true);
    const bad = [
      '',
      '-a',
      'A',
      'a b',
      'a"',
      "a'",
      'a\n',
      'a\u2028',
      'a'.repeat(64)
    ];
    expect(bad.filter(isClusterId)).toEqual([]);
  });

  it('counts', () => {
    const one = entry('0', [member('0-0'), absent('0-1')]);
    expect(registered(one)).toBe(1);
    expect(specEntries(cluster('a', { workers: [one] }))).toBe(1);
    expect(isSingle(one)).toBe(false);
    expect(isSingle(entry('x', [member('x')]))).toBe(true);
    expect(isSingle(entry('x', [member('x-0')]))).toBe(false);
  });

  it('can scale what has a form of its workers and lives', () => {
    const { spec } = cluster('a');
    expect(canScale(cluster('a'))).toBe(true);
    expect(canScale(cluster('a', { phase: 'stopping' }))).toBe(false);
    expect(canScale(cluster('a', { spec: { ...spec, worker: null } }))).toBe(
      false
    );
  });

  it.each([
    [{}, true],
    [{ phase: 'degraded' }, true],
    [{ phase: 'stopping' }, false],
    [{ phase: 'failed' }, false],
    [{ phase: 'unreachable' }, false],
    [
      { scheduler: { address: 'x', dashboard: false, status: 'running' } },
      false
    ],
    [{ scheduler: { address: 'x', dashboard: true, status: 'closed' } }, false],
    [{ owner: { kind: 'notebook', detail: null } }, true]
  ] as const)('know whether a dashboard can be shown: %p', (more, isShown) => {
    expect(hasDashboard(cluster('a', more))).toBe(isShown);
  });

  it('reconciles until every change has been brought about', () => {
    const workers = [entry('0', [absent('0')], 'starting')];
    expect(isReconciling(cluster('a'))).toBe(false);
    expect(isReconciling(cluster('a', { generation: 2 }))).toBe(true);
    expect(isReconciling(cluster('a', { workers }))).toBe(true);
    expect(isReconciling(cluster('a', { workers, phase: 'failed' }))).toBe(
      false
    );
  });

  it('tells a problem once', () => {
    const condition = { status: 'True', reason: 'R', since: '' } as const;
    const one = cluster('a', {
      phase: 'degraded',
      conditions: [
        { ...condition, type: 'Ready', message: 'all well' },
        { ...condition, type: 'Gone', status: 'False', message: 'not now' },
        { ...condition, type: 'Degraded', message: '3: no module geo' }
      ],
      workers: [
        entry('0', [], 'running', { message: 'a remark' }),
        entry('3', [], 'backoff', { message: 'no module geo' }),
        entry('4', [], 'lost', { message: 'its process has ended' })
      ]
    });
    expect(conditionProblems(one)).toEqual([
      { entry: null, message: '3: no module geo', isNotice: false }
    ]);
    expect(entryProblems(one)).toEqual([
      { entry: '4', message: 'its process has ended', isNotice: false }
    ]);
  });

  it('tells what is to come from what has failed', () => {
    const conditions = ['EndingSoon', 'UnexpectedNames'].map(type => ({
      type,
      status: 'True' as const,
      reason: 'R',
      message: type,
      since: ''
    }));
    expect(conditionProblems(cluster('otter', { conditions }))).toEqual([
      { entry: null, message: 'EndingSoon', isNotice: true },
      { entry: null, message: 'UnexpectedNames', isNotice: false }
    ]);
  });
});

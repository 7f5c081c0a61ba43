import type { Cluster, Entry, Member, Template } from '../api/types';
import { formatNumber } from './locale';

/**
 * Something that a person should know about, in the server's words.
 */
export interface IProblem {
  /**
   * The entry that has it; null when it is the cluster's.
   */
  readonly entry: string | null;

  /**
   * What is wrong.
   */
  readonly message: string;

  /**
   * Whether it is only to be known, and nothing has failed.
   */
  readonly isNotice: boolean;
}

/** Conditions that tell of what is to come or how it is, not of something that failed. */
const NOTICES = ['AdaptiveOvershoot', 'DataAtStake', 'EndingSoon'];

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Whether a text can be the id of a cluster.
 */
export function isClusterId(text: string): boolean {
  return ID.test(text);
}

/**
 * How many entries the spec asks for.
 */
export function specEntries({ spec }: Pick<Cluster, 'spec'>): number {
  let count = counted.get(spec);
  if (count === undefined) {
    count = Object.keys(spec.workers ?? {}).length;
    counted.set(spec, count);
  }
  return count;
}

/** Asked for with each change of a cluster, which is seldom one of its spec. */
const counted = new WeakMap<Cluster['spec'], number>();

/**
 * Where workers run: on this machine, on others by SSH, or as jobs of a queue.
 */
export type Kind = 'local' | 'ssh' | 'queue' | 'other';

/**
 * Where the workers of a cluster run, as their class tells.
 */
export function clusterKind({ spec }: Pick<Cluster, 'spec'>): Kind {
  return kindOf(spec.worker ?? Object.values(spec.workers ?? {})[0]);
}

/**
 * Where the workers of a template run.
 */
export function templateKind({ spec }: Template): Kind {
  const workers = spec.workers as Record<string, unknown> | undefined;
  return kindOf(spec.worker ?? Object.values(workers ?? {})[0]);
}

function kindOf(worker: unknown): Kind {
  const cls = String((worker as { cls?: unknown } | null | undefined)?.cls);
  if (/(^|\.)ssh\.|SSH/.test(cls)) {
    return 'ssh';
  }
  if (cls.startsWith('dask_jobqueue.')) {
    return 'queue';
  }
  return /^(distributed|speccluster_lab)\./.test(cls) ? 'local' : 'other';
}

/** Whether there is a cluster that does, or is about to do, what is wanted. */
function isUp({ phase }: Cluster): boolean {
  return !['stopping', 'failed', 'unreachable'].includes(phase);
}

/**
 * Whether a number of entries can be asked for: it takes a form to make them of.
 */
export function canScale(cluster: Cluster): boolean {
  return Boolean(cluster.spec.worker) && isUp(cluster);
}

/**
 * Whether what runs is still being brought to what is wanted.
 */
export function isReconciling(cluster: Cluster): boolean {
  return (
    isUp(cluster) &&
    (cluster.observed_generation < cluster.generation ||
      cluster.counts.registered < cluster.counts.expected)
  );
}

/**
 * Whether the server shows dask's dashboard of it.
 */
export function hasDashboard(cluster: Cluster): boolean {
  const { scheduler } = cluster;
  return scheduler.dashboard && scheduler.status === 'running' && isUp(cluster);
}

/**
 * Whether a member is expected and the scheduler does not have it.
 */
export function isAbsent(member: Member): boolean {
  return member.address === null;
}

/**
 * How many of an entry's members the scheduler has.
 */
export function registered(entry: Entry): number {
  return entry.members.filter(member => !isAbsent(member)).length;
}

/**
 * Whether an entry is one worker of its own name, so that one row says all.
 */
export function isSingle(entry: Entry): boolean {
  return entry.members.length === 1 && entry.members[0].name === entry.name;
}

/**
 * Whether an entry needs attention.
 */
export function isTroubled(entry: Entry): boolean {
  return ['degraded', 'backoff', 'lost'].includes(entry.phase);
}

/**
 * What a person should know about.
 *
 * @param cluster - Has conditions; the one that is good when it holds is not among them.
 */
export function conditionProblems(cluster: Cluster): IProblem[] {
  return cluster.conditions
    .filter(({ type, status }) => type !== 'Ready' && status === 'True')
    .filter(({ message }) => message !== '')
    .map(({ type, message }) => ({
      entry: null,
      message,
      isNotice: NOTICES.includes(type)
    }));
}

/**
 * What the entries have to say, as far as the cluster's conditions do not say it.
 */
export function entryProblems(cluster: Cluster): IProblem[] {
  const said = conditionProblems(cluster);
  return cluster.workers.flatMap(entry => {
    const { name, message } = entry;
    const isNews =
      message && !said.some(problem => problem.message.includes(message));
    return isTroubled(entry) && isNews
      ? [{ entry: name, message, isNotice: false }]
      : [];
  });
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function unitOf(bytes: number): number {
  let unit = 0;
  // 1023.96 KiB would be shown as 1024 KiB.
  while (unit < UNITS.length - 1 && bytes >= 1023.5 * 1024 ** unit) {
    unit += 1;
  }
  return unit;
}

function inUnit(bytes: number, unit: number): string {
  const value = bytes / 1024 ** unit;
  return formatNumber(value >= 10 || unit === 0 ? Math.round(value) : value);
}

/**
 * A number of bytes for a person: `64 MiB`.
 */
export function formatBytes(bytes: number): string {
  const unit = unitOf(bytes);
  return `${inUnit(bytes, unit)} ${UNITS[unit]}`;
}

/**
 * Two numbers of bytes side by side, in one unit where that says enough: `0.4`, `6 GiB`.
 */
export function formatUsage(used: number, limit: number): [string, string] {
  const unit = unitOf(limit);
  const isShared = used === 0 || used / 1024 ** unit >= 0.1;
  return [
    isShared ? inUnit(used, unit) : formatBytes(used),
    formatBytes(limit)
  ];
}

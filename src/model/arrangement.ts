import type { Cluster, ClusterPhase, Entry, Member } from '../api/types';

/**
 * By what clusters are put in order.
 */
export type Order = 'age' | 'name' | 'phase' | 'workers' | 'memory';

/**
 * All orders, as they are offered.
 */
export const ORDERS: readonly Order[] = [
  'age',
  'name',
  'phase',
  'workers',
  'memory'
];

/**
 * How clusters are to be shown.
 */
export interface IArrangement {
  /**
   * What a person looks for; nothing for everything.
   */
  readonly filter: string;

  /**
   * By what they are put in order.
   */
  readonly order: Order;

  /**
   * Whether those of one phase are together.
   */
  readonly isGrouped: boolean;
}

/**
 * Clusters that are shown together.
 */
export interface IGroup<T> {
  /**
   * The phase that they have in common; null where all are together.
   */
  readonly phase: ClusterPhase | null;

  /**
   * The clusters in their order.
   */
  readonly clusters: readonly T[];
}

/** Those that need a person come first. */
const URGENCY: readonly ClusterPhase[] = [
  'failed',
  'unreachable',
  'degraded',
  'starting',
  'stopping',
  'running'
];

/**
 * Put clusters in order, without those that are not looked for.
 *
 * @param clusters - What there is, oldest first.
 * @param how - What is wanted.
 */
export function arrange<T extends { readonly document: Cluster }>(
  clusters: readonly T[],
  how: IArrangement
): IGroup<T>[] {
  const found = clusters
    .filter(({ document }) => isFound(document, how.filter))
    .sort((one, other) => compare(one.document, other.document, how.order));
  if (!how.isGrouped) {
    return found.length > 0 ? [{ phase: null, clusters: found }] : [];
  }
  return URGENCY.map(phase => ({
    phase,
    clusters: found.filter(({ document }) => document.phase === phase)
  })).filter(group => group.clusters.length > 0);
}

function compare(one: Cluster, other: Cluster, order: Order): number {
  switch (order) {
    case 'age':
      // As they come: sorting keeps it.
      return 0;
    case 'name':
      return one.display_name.localeCompare(other.display_name, undefined, {
        numeric: true
      });
    case 'phase':
      return URGENCY.indexOf(one.phase) - URGENCY.indexOf(other.phase);
    case 'workers':
      return other.counts.registered - one.counts.registered;
    case 'memory':
      return other.counts.memory_used - one.counts.memory_used;
  }
}

/**
 * Whether a cluster, or one of its workers, is looked for.
 */
export function isFound(cluster: Cluster, filter: string): boolean {
  return (
    isNamed(cluster, fold(filter)) ||
    foundEntries(cluster, filter).length > 0 ||
    foundUnexpected(cluster, filter).length > 0
  );
}

/**
 * The entries to be shown, each with its members that are looked for: all of
 * them when the cluster or the entry itself is. What has not changed is the
 * same object as before.
 */
export function foundEntries(
  cluster: Cluster,
  filter: string
): readonly Entry[] {
  return entriesOf(cluster, fold(filter));
}

const entriesOf = remembered((cluster: Cluster, wanted): readonly Entry[] =>
  isNamed(cluster, wanted)
    ? cluster.workers
    : cluster.workers.flatMap(entry => entryOf(entry, wanted) ?? [])
);

const entryOf = remembered((entry: Entry, wanted): Entry | null => {
  if (has(entry.name, wanted) || has(entry.phase, wanted)) {
    return entry;
  }
  const members = entry.members.filter(member => isWanted(member, wanted));
  return members.length > 0 ? { ...entry, members } : null;
});

/**
 * The workers that nobody asked for and somebody looks for.
 */
export function foundUnexpected(
  cluster: Cluster,
  filter: string
): readonly Member[] {
  return unexpectedOf(cluster, fold(filter));
}

const unexpectedOf = remembered(
  (cluster: Cluster, wanted): readonly Member[] =>
    isNamed(cluster, wanted)
      ? cluster.unexpected
      : cluster.unexpected.filter(member => isWanted(member, wanted))
);

/**
 * A function that answers as it did while the text stays: documents do not
 * change, and most parts of a new one are those of the one before.
 */
function remembered<Part extends object, Found>(
  find: (part: Part, wanted: string) => Found
): (part: Part, wanted: string) => Found {
  const known = new WeakMap<Part, { wanted: string; found: Found }>();
  return (part, wanted) => {
    let answer = known.get(part);
    if (answer?.wanted !== wanted) {
      answer = { wanted, found: find(part, wanted) };
      known.set(part, answer);
    }
    return answer.found;
  };
}

/** Whether a cluster is looked for by what it is itself. */
function isNamed(cluster: Cluster, wanted: string): boolean {
  const { id, display_name, template, owner, phase } = cluster;
  return [id, display_name, template, owner.detail, phase].some(text =>
    has(text, wanted)
  );
}

function isWanted({ name, address }: Member, wanted: string): boolean {
  return has(name, wanted) || has(address, wanted);
}

function has(text: string | null, wanted: string): boolean {
  return text !== null && fold(text).includes(wanted);
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}

import type {
  Cluster,
  ClusterPhase,
  Entry,
  EntryPhase,
  Member
} from '../api/types';

/**
 * Gives the word that a person sees for a phase. Answers are remembered for the
 * function that gave them: all who ask of the same clusters have the same one.
 */
export type PhaseWord = (phase: ClusterPhase | EntryPhase) => string;

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
 * @param wordOf - The words for phases.
 */
export function arrange<T extends { readonly document: Cluster }>(
  clusters: readonly T[],
  how: IArrangement,
  wordOf: PhaseWord
): IGroup<T>[] {
  const found = clusters
    .filter(({ document }) => isFound(document, how.filter, wordOf))
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
export function isFound(
  cluster: Cluster,
  filter: string,
  wordOf: PhaseWord
): boolean {
  return (
    isNamed(cluster, fold(filter), wordOf) ||
    foundEntries(cluster, filter, wordOf).length > 0 ||
    foundUnexpected(cluster, filter, wordOf).length > 0
  );
}

/**
 * The entries to be shown, each with its members that are looked for: all of
 * them when the cluster or the entry itself is. What has not changed is the
 * same object as before.
 */
export function foundEntries(
  cluster: Cluster,
  filter: string,
  wordOf: PhaseWord
): readonly Entry[] {
  return entriesOf(cluster, fold(filter), wordOf);
}

const entriesOf = remembered(
  (cluster: Cluster, wanted, wordOf): readonly Entry[] =>
    isNamed(cluster, wanted, wordOf)
      ? cluster.workers
      : cluster.workers.flatMap(entry => entryOf(entry, wanted, wordOf) ?? [])
);

const entryOf = remembered((entry: Entry, wanted, wordOf): Entry | null => {
  if (has(entry.name, wanted) || isOfPhase(entry, wanted, wordOf)) {
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
  filter: string,
  wordOf: PhaseWord
): readonly Member[] {
  return unexpectedOf(cluster, fold(filter), wordOf);
}

const unexpectedOf = remembered(
  (cluster: Cluster, wanted, wordOf): readonly Member[] =>
    isNamed(cluster, wanted, wordOf)
      ? cluster.unexpected
      : cluster.unexpected.filter(member => isWanted(member, wanted))
);

/**
 * A function that answers as it did while the text and the words stay: documents
 * do not change, and most parts of a new one are those of the one before.
 */
function remembered<Part extends object, Found>(
  find: (part: Part, wanted: string, wordOf: PhaseWord) => Found
): (part: Part, wanted: string, wordOf: PhaseWord) => Found {
  const known = new WeakMap<
    Part,
    { wanted: string; wordOf: PhaseWord; found: Found }
  >();
  return (part, wanted, wordOf) => {
    let answer = known.get(part);
    if (answer?.wanted !== wanted || answer.wordOf !== wordOf) {
      answer = { wanted, wordOf, found: find(part, wanted, wordOf) };
      known.set(part, answer);
    }
    return answer.found;
  };
}

/** Whether a cluster is looked for by what it is itself. */
function isNamed(cluster: Cluster, wanted: string, wordOf: PhaseWord): boolean {
  const { id, display_name, template, owner } = cluster;
  return (
    [id, display_name, template, owner.detail].some(text =>
      has(text, wanted)
    ) || isOfPhase(cluster, wanted, wordOf)
  );
}

/** Whether a phase is looked for: by its word, or as the API names it. */
function isOfPhase(
  { phase }: Cluster | Entry,
  wanted: string,
  wordOf: PhaseWord
): boolean {
  return has(phase, wanted) || has(wordOf(phase), wanted);
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

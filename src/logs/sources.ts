import type { Cluster } from '../api/types';
import { isSingle } from '../model/facts';

/** How many names there are to choose from; rows of the panel lead to all others. */
const LISTED = 500;

/**
 * An entry, and those of its members whose log is another than its own.
 */
export interface ISource {
  readonly entry: string;
  readonly members: readonly string[];
}

/**
 * The entries and members whose log can be chosen.
 */
export function sourcesOf(cluster: Cluster): ISource[] {
  let room = LISTED;
  const found: ISource[] = [];
  for (const entry of cluster.workers) {
    if (room <= 0) {
      break;
    }
    const members = isSingle(entry)
      ? []
      : entry.members.slice(0, room).map(({ name }) => name);
    found.push({ entry: entry.name, members });
    room -= 1 + members.length;
  }
  return found;
}

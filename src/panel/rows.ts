import type { Entry, Member } from '../api/types';
import { isSingle } from '../model/facts';

/**
 * A row of the tree of a cluster's workers.
 */
export type Row = IEntryRow | IMemberRow;

interface IRow {
  /**
   * Tells the row from all others of the tree, whatever becomes of it.
   */
  readonly key: string;

  /**
   * Whether what belongs to it is shown: members, or details.
   */
  readonly isOpen: boolean;

  /**
   * Which one it is of those beside it, from 1.
   */
  readonly position: number;

  /**
   * How many are beside it, with it.
   */
  readonly size: number;
}

/**
 * An entry; one that is a single worker of its own name has no rows below it.
 */
export interface IEntryRow extends IRow {
  readonly kind: 'entry';
  readonly entry: Entry;
}

/**
 * A member of the entry above it.
 */
export interface IMemberRow extends IRow {
  readonly kind: 'member';
  readonly entry: Entry;
  readonly member: Member;
}

/**
 * What the tree says of any of its rows that is in the page.
 */
export interface IRowProps extends Omit<IRow, 'key'> {
  /**
   * Whether it is the one in the tab order.
   */
  readonly isActive: boolean;

  /**
   * Opens the row of this key, or closes it.
   */
  readonly onToggle: (key: string) => void;
}

/**
 * List the rows of a tree, all of them.
 *
 * @param entries - What is to be shown.
 * @param toggled - The keys of the rows that are not as they are at first:
 * entries of several members are open, all others are not.
 */
export function listRows(
  entries: readonly Entry[],
  toggled: ReadonlySet<string>
): Row[] {
  const rows: Row[] = [];
  entries.forEach((entry, index) => {
    const key = entry.name;
    const isAlone = isSingle(entry);
    const isOpen = isAlone === toggled.has(key);
    const place = { position: index + 1, size: entries.length };
    rows.push({ kind: 'entry', key, entry, isOpen, ...place });
    if (isAlone || !isOpen) {
      return;
    }
    const size = entry.members.length;
    entry.members.forEach((member, at) => {
      // No name has a line's end in it.
      const key = `${entry.name}\n${member.name}`;
      const isOpen = toggled.has(key);
      const position = at + 1;
      rows.push({ kind: 'member', key, entry, member, isOpen, position, size });
    });
  });
  return rows;
}

/**
 * The row that an arrow key leads to; -1 for none.
 */
export function neighbour(
  rows: readonly Row[],
  index: number,
  key: string
): number {
  switch (key) {
    case 'ArrowDown':
      return Math.min(index + 1, rows.length - 1);
    case 'ArrowUp':
      return Math.max(index - 1, 0);
    case 'PageDown':
      return Math.min(index + PAGE, rows.length - 1);
    case 'PageUp':
      return Math.max(index - PAGE, 0);
    case 'Home':
      return 0;
    case 'End':
      return rows.length - 1;
    case 'ArrowRight':
      return rows[index + 1]?.kind === 'member' && rows[index].kind === 'entry'
        ? index + 1
        : -1;
    case 'ArrowLeft':
      return rows[index].kind === 'member'
        ? rows.findIndex(({ key }) => key === rows[index].entry.name)
        : -1;
    default:
      return -1;
  }
}

const PAGE = 10;

import type { Entry } from '../api/types';
import { isSingle } from '../model/facts';

/**
 * A row of the tree of a cluster's workers: where what it shows is found, and
 * nothing of that itself, which changes much more often than the rows do.
 */
export interface IRow {
  /**
   * Tells the row from all others of the tree, whatever becomes of it.
   */
  readonly key: string;

  /**
   * Which one of the entries it shows, or has the member that it shows.
   */
  readonly entry: number;

  /**
   * Which one of the entry's members it shows; null when it shows the entry,
   * and that is all for one that is a single worker of its own name.
   */
  readonly member: number | null;

  /**
   * 1 for an entry, 2 for a member.
   */
  readonly level: number;

  /**
   * Whether what belongs to it is shown: members, or details.
   */
  readonly isOpen: boolean;
}

/**
 * What the tree says of any of its rows that is in the page.
 */
export interface IRowProps {
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
 * Lists the rows of a tree, anew only when there are others.
 */
export class RowList {
  /**
   * All rows.
   *
   * @param entries - What is to be shown.
   * @param toggled - The keys of the rows that are not as they are at first:
   * entries of several members are open, all others are not.
   *
   * @returns The same list as before when each row is where it was.
   */
  list(
    entries: readonly Entry[],
    toggled: ReadonlySet<string>
  ): readonly IRow[] {
    if (toggled !== this._toggled || !areNamedAlike(entries, this._entries)) {
      this._rows = listRows(entries, toggled);
    }
    this._entries = entries;
    this._toggled = toggled;
    return this._rows;
  }

  private _entries: readonly Entry[] = [];
  private _toggled: ReadonlySet<string> = new Set();
  private _rows: readonly IRow[] = [];
}

function listRows(
  entries: readonly Entry[],
  toggled: ReadonlySet<string>
): IRow[] {
  const rows: IRow[] = [];
  entries.forEach(({ name, members }, entry) => {
    const isAlone = isSingle(entries[entry]);
    const isOpen = isAlone === toggled.has(name);
    rows.push({ key: name, entry, member: null, level: 1, isOpen });
    if (isAlone || !isOpen) {
      return;
    }
    members.forEach((one, member) => {
      // No name has a line's end in it.
      const key = `${name}\n${one.name}`;
      rows.push({ key, entry, member, level: 2, isOpen: toggled.has(key) });
    });
  });
  return rows;
}

interface INamed {
  readonly name: string;
  readonly members?: readonly INamed[];
}

/** Whether the names are the same, members included; what has not changed is the same object. */
function areNamedAlike(
  some: readonly INamed[],
  others: readonly INamed[]
): boolean {
  return (
    some === others ||
    (some.length === others.length &&
      some.every((one, index) => {
        const other = others[index];
        return (
          one === other ||
          (one.name === other.name &&
            areNamedAlike(one.members ?? [], other.members ?? []))
        );
      }))
  );
}

/**
 * The row that an arrow key leads to; -1 for none.
 */
export function neighbour(
  rows: readonly IRow[],
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
    case 'ArrowRight': {
      const below = rows[index + 1]?.member ?? null;
      return below !== null && rows[index].member === null ? index + 1 : -1;
    }
    case 'ArrowLeft': {
      const { member } = rows[index];
      return member === null ? -1 : index - member - 1;
    }
    default:
      return -1;
  }
}

const PAGE = 10;

import * as React from 'react';
import type { Cluster, Entry } from '../api/types';
import { foundEntries, foundUnexpected } from '../model/arrangement';
import { isAbsent, isSingle } from '../model/facts';
import { usePanel, useReadOnly } from './context';
import { EntryItem } from './entryrow';
import { focusCard } from './focus';
import { MemberFigures, MemberItem, memberLabel } from './memberrow';
import type { IRow } from './rows';
import { RowList, neighbour } from './rows';
import { useRowWindow } from './rowwindow';
import { useSignal } from './signals';

/**
 * A cluster's entries, and under each its members by their scheduler names.
 */
export function EntryTree({
  cluster
}: {
  cluster: Cluster;
}): React.JSX.Element {
  const { trans, view, wordOf } = usePanel();
  const filter = useSignal(view.changed, () => view.arrangement.filter);
  const unexpected = foundUnexpected(cluster, filter, wordOf);
  const name = cluster.display_name;
  return (
    <div className="jp-SpecCluster-workers">
      {cluster.workers.length === 0 && (
        <p className="jp-SpecCluster-none">
          {trans.__('No entries. Ask for some with +.')}
        </p>
      )}
      <Rows cluster={cluster} filter={filter} />
      {unexpected.length > 0 && (
        <section className="jp-SpecCluster-unexpected">
          <h4 className="jp-SpecCluster-unexpectedTitle">
            {trans.__('Unexpected')}
          </h4>
          <p className="jp-SpecCluster-unexpectedNote">
            {trans.__('Workers that no entry of the spec asks for.')}
          </p>
          <ul aria-label={trans.__('Unexpected workers of %1', name)}>
            {unexpected.slice(0, STRANGERS_SHOWN).map(member => (
              <li key={member.address ?? member.name} data-member={member.name}>
                <div
                  className="jp-SpecCluster-member"
                  title={memberLabel(member, trans)}
                >
                  <span className="jp-SpecCluster-memberName">
                    {member.name}
                  </span>
                  <MemberFigures member={member} />
                </div>
              </li>
            ))}
          </ul>
          {unexpected.length > STRANGERS_SHOWN && (
            <p className="jp-SpecCluster-unexpectedNote">
              {trans._n(
                'and %1 more',
                'and %1 more',
                unexpected.length - STRANGERS_SHOWN
              )}
            </p>
          )}
        </section>
      )}
    </div>
  );
}

/** How many workers that nobody asked for are shown before they are only counted. */
const STRANGERS_SHOWN = 100;

/**
 * The rows that are in view, of however many.
 */
function Rows({
  cluster,
  filter
}: {
  cluster: Cluster;
  filter: string;
}): React.JSX.Element {
  const { trans, view, wordOf } = usePanel();
  const isReadOnly = useReadOnly();
  const tree = React.useRef<HTMLUListElement>(null);
  const [toggled, setToggled] = React.useState(
    () => view.toggled.get(cluster.id) ?? new Set<string>()
  );
  // The row that had the focus last: the one that is in the tab order.
  const [active, setActive] = React.useState('');
  const isFocused = React.useRef(false);
  const wanted = React.useRef<string | null>(null);
  // Whether the tree takes the focus for a row that was scrolled out of view.
  const isKept = React.useRef(false);
  const [list] = React.useState(() => new RowList());
  const entries = foundEntries(cluster, filter, wordOf);
  const rows = list.list(entries, toggled);
  const window = useRowWindow(rows, tree);
  const { first, last, before, after } = window.shown;
  const at = React.useMemo(
    () =>
      Math.max(
        0,
        rows.findIndex(({ key }) => key === active)
      ),
    [rows, active]
  );
  const isThere = at >= first && at < last;

  const toggle = React.useCallback(
    (key: string) =>
      setToggled(before => {
        const next = new Set(before);
        if (!next.delete(key)) {
          next.add(key);
        }
        view.toggled.set(cluster.id, next);
        return next;
      }),
    [view, cluster.id]
  );

  React.useLayoutEffect(() => {
    const node = tree.current!;
    if (wanted.current !== null) {
      const row = rowNodes(node).find(
        ({ dataset }) => dataset.key === wanted.current
      );
      wanted.current = null;
      row?.focus({ preventScroll: true });
      // Where it is was a guess until it was there.
      row?.scrollIntoView?.({ block: 'nearest' });
    } else if (!isFocused.current || document.activeElement !== document.body) {
      return;
    } else if (rows.length === 0) {
      isFocused.current = false;
      focusCard(node);
    } else {
      // The row that had the focus is out of view and not there any more.
      isKept.current = true;
      node.focus({ preventScroll: true });
      isKept.current = false;
    }
  });

  const onKeyDown = (event: React.KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const isRow = target.getAttribute('role') === 'treeitem';
    if ((!isRow && target !== tree.current) || rows.length === 0) {
      return;
    }
    const row = rows[at];
    if (
      event.key === 'Enter' ||
      event.key === ' ' ||
      (event.key === 'ArrowRight' && !row.isOpen && canOpen(row, entries)) ||
      (event.key === 'ArrowLeft' && row.isOpen)
    ) {
      if (canOpen(row, entries)) {
        toggle(row.key);
      }
    } else {
      const next = neighbour(rows, at, event.key);
      if (next < 0) {
        return;
      }
      wanted.current = rows[next].key;
      setActive(rows[next].key);
      window.reveal(next);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <ul
      ref={tree}
      className="jp-SpecCluster-tree"
      role="tree"
      aria-label={trans.__('Workers of %1', cluster.display_name)}
      hidden={rows.length === 0}
      tabIndex={isThere ? -1 : 0}
      style={{ paddingTop: before, paddingBottom: after }}
      onKeyDown={onKeyDown}
      onFocus={event => {
        isFocused.current = true;
        const row = (event.target as HTMLElement).closest<HTMLElement>(
          '[role=treeitem]'
        );
        if (row) {
          setActive(row.dataset.key!);
        } else if (!isThere && !isKept.current) {
          wanted.current = rows[at].key;
          window.reveal(at);
        }
      }}
      onBlur={() => {
        isFocused.current = false;
      }}
    >
      {rows.slice(first, last).map((row, index) => {
        const entry = entries[row.entry];
        const isActive = first + index === at;
        return row.member === null ? (
          <EntryItem
            key={row.key}
            cluster={cluster.id}
            entry={entry}
            isReadOnly={isReadOnly}
            isOpen={row.isOpen}
            isActive={isActive}
            position={row.entry + 1}
            size={entries.length}
            onToggle={toggle}
          />
        ) : (
          <MemberItem
            key={row.key}
            id={row.key}
            member={entry.members[row.member]}
            isOpen={row.isOpen}
            isActive={isActive}
            position={row.member + 1}
            size={entry.members.length}
            onToggle={toggle}
          />
        );
      })}
    </ul>
  );
}

/** A worker that is not there has no details. */
function canOpen({ entry, member }: IRow, entries: readonly Entry[]): boolean {
  const { members } = entries[entry];
  if (member !== null) {
    return !isAbsent(members[member]);
  }
  return (
    members.length > 0 && !(isSingle(entries[entry]) && isAbsent(members[0]))
  );
}

function rowNodes(tree: HTMLElement): HTMLElement[] {
  return [...tree.children] as HTMLElement[];
}

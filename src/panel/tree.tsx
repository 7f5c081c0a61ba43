import * as React from 'react';
import type { Cluster } from '../api/types';
import { foundEntries, foundUnexpected } from '../model/arrangement';
import { isAbsent, isSingle } from '../model/facts';
import { usePanel } from './context';
import { EntryItem } from './entryrow';
import { MemberFigures, MemberItem, memberLabel } from './memberrow';
import type { IRowProps, Row } from './rows';
import { listRows, neighbour } from './rows';
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
  const { trans, view } = usePanel();
  const filter = useSignal(view.changed, () => view.arrangement.filter);
  const unexpected = foundUnexpected(cluster, filter);
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
              <li key={member.address ?? member.name}>
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
              {trans.__('and %1 more', unexpected.length - STRANGERS_SHOWN)}
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
  const { trans, view } = usePanel();
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
  const { workers, display_name } = cluster;
  const rows = React.useMemo(
    () => listRows(foundEntries(cluster, filter), toggled),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what the rows are made of
    [workers, filter, toggled, cluster.phase, display_name]
  );
  const window = useRowWindow(rows, tree);
  const { first, last, before, after } = window.shown;
  const found = rows.findIndex(({ key }) => key === active);
  const at = Math.max(0, found);
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
    } else if (isFocused.current && document.activeElement === document.body) {
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
      (event.key === 'ArrowRight' && !row.isOpen && canOpen(row)) ||
      (event.key === 'ArrowLeft' && row.isOpen)
    ) {
      if (canOpen(row)) {
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
      aria-label={trans.__('Workers of %1', display_name)}
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
        const shown: IRowProps = {
          isOpen: row.isOpen,
          isActive: first + index === at,
          position: row.position,
          size: row.size,
          onToggle: toggle
        };
        return row.kind === 'entry' ? (
          <EntryItem
            key={row.key}
            cluster={cluster.id}
            entry={row.entry}
            {...shown}
          />
        ) : (
          <MemberItem
            key={row.key}
            id={row.key}
            member={row.member}
            {...shown}
          />
        );
      })}
    </ul>
  );
}

/** A worker that is not there has no details. */
function canOpen(row: Row): boolean {
  if (row.kind === 'member') {
    return !isAbsent(row.member);
  }
  const { members } = row.entry;
  return members.length > 0 && !(isSingle(row.entry) && isAbsent(members[0]));
}

function rowNodes(tree: HTMLElement): HTMLElement[] {
  return [...tree.children] as HTMLElement[];
}

import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Cluster, Entry, Member } from '../api/types';
import { foundEntries, foundUnexpected } from '../model/arrangement';
import {
  formatBytes,
  formatUsage,
  isAbsent,
  isSingle,
  isTroubled,
  registered
} from '../model/facts';
import { usePanel } from './context';
import { Meter } from './meter';
import { PhaseLabel, phaseWord } from './phase';
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
  const entries = foundEntries(cluster, filter);
  const unexpected = foundUnexpected(cluster, filter);
  const tree = React.useRef<HTMLUListElement>(null);

  // One row of the tree is in the tab order: the one that had the focus last.
  React.useEffect(() => {
    const items = rowsOf(tree.current);
    if (items.length > 0 && !items.some(item => item.tabIndex === 0)) {
      items[0].tabIndex = 0;
    }
  });

  const name = cluster.display_name;
  return (
    <div className="jp-SpecCluster-workers">
      {cluster.workers.length === 0 && (
        <p className="jp-SpecCluster-none">
          {trans.__('No entries. Ask for some with +.')}
        </p>
      )}
      <ul
        ref={tree}
        className="jp-SpecCluster-tree"
        role="tree"
        aria-label={trans.__('Workers of %1', name)}
        hidden={entries.length === 0}
        onKeyDown={moveFocus}
        onFocus={rememberFocus}
      >
        {entries.map(entry => (
          <EntryItem key={entry.name} entry={entry} />
        ))}
      </ul>
      {unexpected.length > 0 && (
        <section className="jp-SpecCluster-unexpected">
          <h4 className="jp-SpecCluster-unexpectedTitle">
            {trans.__('Unexpected')}
          </h4>
          <p className="jp-SpecCluster-unexpectedNote">
            {trans.__('Workers that no entry of the spec asks for.')}
          </p>
          <ul aria-label={trans.__('Unexpected workers of %1', name)}>
            {unexpected.map(member => (
              <li key={member.address ?? member.name}>
                <MemberRow member={member} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function EntryItemView({ entry }: { entry: Entry }): React.JSX.Element {
  const { trans } = usePanel();
  const [isOpen, setOpen] = React.useState(true);
  const isAlone = isSingle(entry);
  const count = registered(entry);
  const total = entry.members.length;
  const message = entry.message ?? entry.reason;
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  const isSaid =
    message !== null && (entry.phase !== 'running' || entry.message);
  return (
    <li
      className="jp-SpecCluster-entry"
      data-single={isAlone || undefined}
      role="treeitem"
      aria-level={1}
      aria-expanded={isAlone ? undefined : isOpen}
      aria-label={entryLabel(entry, trans)}
      tabIndex={-1}
    >
      <div className="jp-SpecCluster-entryRow" title={entryTitle(entry, trans)}>
        <span
          className="jp-SpecCluster-caret"
          onClick={isAlone ? undefined : () => setOpen(!isOpen)}
        >
          {!isAlone && <Caret.react tag="span" />}
        </span>
        <span className="jp-SpecCluster-entryName">{entry.name}</span>
        <PhaseLabel phase={entry.phase} />
        {isAlone ? (
          <MemberFigures member={entry.members[0]} />
        ) : (
          <span className="jp-SpecCluster-count">
            {trans.__('%1 of %2', count, total)}
          </span>
        )}
      </div>
      {isSaid && (
        <p
          className={
            isTroubled(entry)
              ? 'jp-SpecCluster-entryMessage jp-SpecCluster-problem'
              : 'jp-SpecCluster-entryMessage jp-SpecCluster-remark'
          }
        >
          {message}
        </p>
      )}
      {entry.next_retry && (
        <p className="jp-SpecCluster-entryMessage jp-SpecCluster-remark">
          {trans._n(
            'Tried %1 time; next try at %2',
            'Tried %1 times; next try at %2',
            entry.attempts,
            new Date(entry.next_retry).toLocaleTimeString()
          )}
        </p>
      )}
      {!isAlone && (
        <ul role="group" hidden={!isOpen}>
          {entry.members.map(member => (
            <li
              key={member.name}
              role="treeitem"
              aria-level={2}
              aria-label={memberLabel(member, trans)}
              tabIndex={-1}
            >
              <MemberRow member={member} />
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

const EntryItem = React.memo(EntryItemView);

function MemberRowView({ member }: { member: Member }): React.JSX.Element {
  const { trans } = usePanel();
  return (
    <div
      className="jp-SpecCluster-member"
      data-absent={isAbsent(member) || undefined}
      title={memberLabel(member, trans)}
    >
      <span className="jp-SpecCluster-memberName">{member.name}</span>
      <MemberFigures member={member} />
    </div>
  );
}

const MemberRow = React.memo(MemberRowView);

function MemberFigures({ member }: { member: Member }): React.JSX.Element {
  const { trans } = usePanel();
  if (isAbsent(member)) {
    return (
      <span className="jp-SpecCluster-ghost">
        {trans.__('expected, not registered')}
      </span>
    );
  }
  const used = member.memory_used ?? 0;
  return (
    <span className="jp-SpecCluster-figures">
      <span className="jp-SpecCluster-threads">
        {member.status === 'running'
          ? trans.__('%1 thr', member.nthreads ?? 0)
          : member.status}
      </span>
      <Meter value={used} limit={member.memory_limit ?? 0} />
      <span className="jp-SpecCluster-memory">{formatBytes(used)}</span>
      <span className="jp-SpecCluster-tasks">
        {member.tasks === 0 ? trans.__('idle') : member.tasks}
        {member.tasks !== 0 && (
          <span className="jp-SpecCluster-wide">
            {' '}
            {trans._n('task', 'tasks', member.tasks ?? 0)}
          </span>
        )}
      </span>
    </span>
  );
}

function entryLabel(entry: Entry, trans: TranslationBundle): string {
  const word = phaseWord(entry.phase, trans);
  const count = registered(entry);
  const total = entry.members.length;
  if (entry.message) {
    return trans.__(
      '%1: %2, %3 of %4 workers. %5',
      entry.name,
      word,
      count,
      total,
      entry.message
    );
  }
  return trans.__('%1: %2, %3 of %4 workers', entry.name, word, count, total);
}

function entryTitle(entry: Entry, trans: TranslationBundle): string {
  return trans.__('%1, generation %2', entry.cls, entry.generation);
}

function memberLabel(member: Member, trans: TranslationBundle): string {
  if (isAbsent(member)) {
    return trans.__('%1: expected, not registered', member.name);
  }
  const [used, limit] = formatUsage(
    member.memory_used ?? 0,
    member.memory_limit ?? 0
  );
  return trans._n(
    '%2: %3, %1 thread, %4 of %5, tasks: %6, %7',
    '%2: %3, %1 threads, %4 of %5, tasks: %6, %7',
    member.nthreads ?? 0,
    member.name,
    member.status ?? '',
    used,
    limit,
    member.tasks ?? 0,
    member.address
  );
}

function rowsOf(tree: HTMLElement | null): HTMLElement[] {
  const rows = tree?.querySelectorAll<HTMLElement>('[role=treeitem]') ?? [];
  return [...rows].filter(row => !row.closest('ul[hidden]'));
}

function rememberFocus(event: React.FocusEvent<HTMLElement>): void {
  for (const row of event.currentTarget.querySelectorAll<HTMLElement>(
    '[role=treeitem]'
  )) {
    row.tabIndex = row === event.target ? 0 : -1;
  }
}

/**
 * The keys of a tree, as assistive technology announces them.
 */
function moveFocus(event: React.KeyboardEvent<HTMLElement>): void {
  const row = event.target as HTMLElement;
  const rows = rowsOf(event.currentTarget);
  const index = rows.indexOf(row);
  const parent = row.parentElement?.closest<HTMLElement>('[role=treeitem]');
  const expanded = row.getAttribute('aria-expanded');
  const toggle = () =>
    row.querySelector<HTMLElement>('.jp-SpecCluster-caret')?.click();
  const isStep = index >= 0;
  let target: HTMLElement | null | undefined;
  switch (event.key) {
    case 'ArrowDown':
      target = rows[index + 1];
      break;
    case 'ArrowUp':
      target = rows[index - 1];
      break;
    case 'Home':
      target = rows[0];
      break;
    case 'End':
      target = rows[rows.length - 1];
      break;
    case 'ArrowRight':
      if (expanded === 'false') {
        toggle();
      } else if (expanded === 'true') {
        target = rows[index + 1];
      }
      break;
    case 'ArrowLeft':
      if (expanded === 'true') {
        toggle();
      } else {
        target = parent;
      }
      break;
    case 'Enter':
    case ' ':
      if (expanded !== null) {
        toggle();
      }
      break;
    default:
      return;
  }
  if (isStep) {
    event.preventDefault();
    event.stopPropagation();
    target?.focus();
  }
}

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownIcon,
  caretRightIcon,
  refreshIcon
} from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Entry } from '../api/types';
import { isAbsent, isSingle, isTroubled, registered } from '../model/facts';
import { CommandIDs } from '../tokens';
import { CardButton } from './button';
import { usePanel, useReadOnly } from './context';
import { whenDragged } from './drag';
import { focusRow, useFocusHandedOn } from './focus';
import { Icon } from './icon';
import { MemberDetails, MemberFigures } from './memberrow';
import { PhaseLabel, phaseWord } from './phase';
import type { IRowProps } from './rows';
import { Ticking } from './ticking';

// Made once, so that React has nothing to compare in rows that change.
const DOWN = <Icon icon={caretDownIcon} />;
const RIGHT = <Icon icon={caretRightIcon} />;

/**
 * An entry: how it is, why, and when it is tried again.
 */
function EntryItemView(
  props: IRowProps & { cluster: string; entry: Entry; isReadOnly: boolean }
): React.JSX.Element {
  const { trans, clientCode } = usePanel();
  const { cluster: id, entry, isOpen, isActive, onToggle } = props;
  const isAlone = isSingle(entry);
  const [member] = entry.members;
  // There is nothing to be shown below it.
  const isLeaf = isAlone ? isAbsent(member) : entry.members.length === 0;
  const message = entry.message ?? entry.reason;
  const onPointerDown = whenDragged(event => {
    const members = entry.members.map(({ name }) => name);
    clientCode.drag({ id, members }, entry.name, event);
  });
  const isSaid =
    message !== null && (entry.phase !== 'running' || entry.message);
  return (
    <li
      className="jp-SpecCluster-entry"
      data-single={isAlone || undefined}
      data-read-only={props.isReadOnly || undefined}
      role="treeitem"
      aria-level={1}
      aria-posinset={props.position}
      aria-setsize={props.size}
      aria-expanded={isLeaf ? undefined : isOpen}
      aria-label={entryLabel(entry, trans)}
      tabIndex={isActive ? 0 : -1}
      data-key={entry.name}
      data-entry={entry.name}
    >
      <div
        className="jp-SpecCluster-entryRow"
        title={trans.__('%1, generation %2', entry.cls, entry.generation)}
        onClick={isLeaf ? undefined : () => onToggle(entry.name)}
        onPointerDown={onPointerDown}
      >
        <span className="jp-SpecCluster-caret">
          {!isAlone && !isLeaf && (isOpen ? DOWN : RIGHT)}
        </span>
        <span className="jp-SpecCluster-entryName" title={entry.name}>
          {entry.name}
        </span>
        <PhaseLabel phase={entry.phase} />
        {isAlone ? (
          <MemberFigures member={member} />
        ) : (
          <span className="jp-SpecCluster-count">
            {trans.__('%1 of %2', registered(entry), entry.members.length)}
          </span>
        )}
      </div>
      {!props.isReadOnly && (
        <Restart cluster={id} entry={entry.name} isActive={isActive} />
      )}
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
      {entry.next_retry ? (
        <NextRetry
          cluster={id}
          entry={entry.name}
          attempts={entry.attempts}
          moment={entry.next_retry}
          isActive={isActive}
        />
      ) : (
        isTroubled(entry) && (
          <div className="jp-SpecCluster-entryMessage jp-SpecCluster-retry">
            <LogLink cluster={id} entry={entry.name} isActive={isActive} />
          </div>
        )
      )}
      {isAlone && isOpen && !isLeaf && <MemberDetails member={member} />}
    </li>
  );
}

export const EntryItem = React.memo(EntryItemView);

/**
 * The way to have an entry made anew.
 */
function RestartView(props: {
  cluster: string;
  entry: string;
  isActive: boolean;
}): React.JSX.Element {
  const { trans, commands } = usePanel();
  const { cluster: id, entry } = props;
  return (
    <span className="jp-SpecCluster-restart">
      <CardButton
        icon={refreshIcon}
        name={trans.__('Restart %1', entry)}
        title={trans.__('Make the entry anew; what it holds moves first')}
        tabIndex={props.isActive ? 0 : -1}
        onClick={() =>
          void commands.execute(CommandIDs.restartEntry, { id, entry })
        }
      />
    </span>
  );
}

const Restart = React.memo(RestartView);

/**
 * How often an entry was tried, when it is tried again, and the way to have that now.
 */
function NextRetry(props: {
  cluster: string;
  entry: string;
  attempts: number;
  moment: string;
  isActive: boolean;
}): React.JSX.Element {
  const { trans, commands } = usePanel();
  const isReadOnly = useReadOnly();
  const { cluster, entry } = props;
  const place = React.useRef<HTMLDivElement>(null);
  useFocusHandedOn(place, focusRow);
  const say = React.useCallback(
    (duration: string) => trans.__('next try in %1', duration),
    [trans]
  );
  return (
    <div
      ref={place}
      className="jp-SpecCluster-entryMessage jp-SpecCluster-retry"
    >
      <span>{trans._n('Tried %1 time', 'Tried %1 times', props.attempts)}</span>
      <Ticking moment={props.moment} isAhead say={say} />
      {!isReadOnly && (
        <button
          type="button"
          className="jp-SpecCluster-link"
          tabIndex={props.isActive ? 0 : -1}
          onClick={() =>
            void commands.execute(CommandIDs.retryEntry, { id: cluster, entry })
          }
        >
          {trans.__('Retry now')}
        </button>
      )}
      <LogLink cluster={cluster} entry={entry} isActive={props.isActive} />
    </div>
  );
}

/**
 * The way to what was written about an entry.
 */
function LogLink(props: {
  cluster: string;
  entry: string;
  isActive: boolean;
}): React.JSX.Element | null {
  const { trans, commands } = usePanel();
  const { cluster: id, entry } = props;
  if (!commands.hasCommand(CommandIDs.openLogs)) {
    return null;
  }
  return (
    <button
      type="button"
      className="jp-SpecCluster-link"
      tabIndex={props.isActive ? 0 : -1}
      aria-label={trans.__('Log of %1', entry)}
      onClick={() =>
        void commands.execute(CommandIDs.openLogs, { id, member: entry })
      }
    >
      {trans.__('Log')}
    </button>
  );
}

function entryLabel(entry: Entry, trans: TranslationBundle): string {
  const word = phaseWord(entry.phase, trans);
  const count = registered(entry);
  const total = entry.members.length;
  const { name, message } = entry;
  return message
    ? trans._n(
        '%2: %3, %4 of %1 worker. %5',
        '%2: %3, %4 of %1 workers. %5',
        total,
        name,
        word,
        count,
        message
      )
    : trans._n(
        '%2: %3, %4 of %1 worker',
        '%2: %3, %4 of %1 workers',
        total,
        name,
        word,
        count
      );
}

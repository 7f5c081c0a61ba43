import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Member } from '../api/types';
import { formatBytes, formatUsage, isAbsent } from '../model/facts';
import { usePanel } from './context';
import { Meter } from './meter';
import type { IRowProps } from './rows';
import { Ticking } from './ticking';

/**
 * A member of an entry, and its details when it is open.
 */
function MemberItemView(
  props: IRowProps & { id: string; member: Member }
): React.JSX.Element {
  const { trans } = usePanel();
  const { id, member, isOpen, onToggle } = props;
  const isGhost = isAbsent(member);
  const label = memberLabel(member, trans);
  return (
    <li
      role="treeitem"
      aria-level={2}
      aria-posinset={props.position}
      aria-setsize={props.size}
      aria-expanded={isGhost ? undefined : isOpen}
      aria-label={label}
      tabIndex={props.isActive ? 0 : -1}
      data-key={id}
      data-member={member.name}
    >
      <div
        className="jp-SpecCluster-member"
        data-absent={isGhost || undefined}
        title={label}
        onClick={isGhost ? undefined : () => onToggle(id)}
      >
        <span className="jp-SpecCluster-memberName">{member.name}</span>
        <MemberFigures member={member} />
      </div>
      {isOpen && !isGhost && <MemberDetails member={member} />}
    </li>
  );
}

export const MemberItem = React.memo(MemberItemView);

/**
 * What a member has and does, in one line.
 */
export function MemberFigures({
  member
}: {
  member: Member;
}): React.JSX.Element {
  const { trans } = usePanel();
  if (isAbsent(member)) {
    return (
      <span className="jp-SpecCluster-ghost">
        {trans.__('expected, not registered')}
      </span>
    );
  }
  const used = member.memory_used ?? 0;
  const cpu = member.cpu ?? 0;
  const isOther = member.status !== 'running';
  return (
    <span className="jp-SpecCluster-figures" data-other={isOther || undefined}>
      {isOther && (
        <span className="jp-SpecCluster-status">
          {statusWord(member.status, trans)}
        </span>
      )}
      <span className="jp-SpecCluster-threads">
        {trans.__('%1 thr', member.nthreads ?? 0)}
      </span>
      <span className="jp-SpecCluster-cpu" title={trans.__('CPU')}>
        <Meter value={cpu} limit={member.nthreads ?? 0} />
        <span className="jp-SpecCluster-percent">{percent(cpu, trans)}</span>
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

/**
 * All that is known of a member.
 */
export function MemberDetails({
  member
}: {
  member: Member;
}): React.JSX.Element {
  const { trans } = usePanel();
  const used = member.memory_used ?? 0;
  const limit = member.memory_limit ?? 0;
  const cpu = member.cpu ?? 0;
  const threads = member.nthreads ?? 0;
  return (
    <dl className="jp-SpecCluster-details">
      <dt>{trans.__('Address')}</dt>
      <dd className="jp-SpecCluster-value jp-SpecCluster-address">
        {member.address}
      </dd>
      <dt>{trans.__('Threads')}</dt>
      <dd className="jp-SpecCluster-value">{threads}</dd>
      <dt>{trans.__('CPU')}</dt>
      <dd className="jp-SpecCluster-value">
        <Meter value={cpu} limit={threads} />
        {percent(cpu, trans)}
      </dd>
      <dt>{trans.__('Memory')}</dt>
      <dd className="jp-SpecCluster-value">
        <Meter value={used} limit={limit} />
        {limit > 0
          ? trans.__('%1 of %2', ...formatUsage(used, limit))
          : formatBytes(used)}
      </dd>
      <dt>{trans.__('Tasks')}</dt>
      <dd className="jp-SpecCluster-value">{member.tasks ?? 0}</dd>
      {member.last_seen && (
        <>
          <dt>{trans.__('Heartbeat')}</dt>
          <dd className="jp-SpecCluster-value">
            <Heartbeat moment={member.last_seen} />
          </dd>
        </>
      )}
    </dl>
  );
}

function Heartbeat({ moment }: { moment: string }): React.JSX.Element {
  const { trans } = usePanel();
  const say = React.useCallback(
    (duration: string) => trans.__('%1 ago', duration),
    [trans]
  );
  return <Ticking moment={moment} isExact say={say} />;
}

/** As dask counts it: 100 % is one core. */
function percent(cores: number, trans: TranslationBundle): string {
  return trans.__('%1%', Math.round(100 * cores));
}

/** As distributed names it, where it is none that a person is likely to see. */
function statusWord(
  status: Member['status'],
  trans: TranslationBundle
): string {
  switch (status) {
    case 'running':
      return trans.__('running');
    case 'paused':
      return trans.__('paused');
    case 'closing':
    case 'closing_gracefully':
      return trans.__('closing');
    default:
      return status ?? '';
  }
}

/**
 * A member in words.
 */
export function memberLabel(member: Member, trans: TranslationBundle): string {
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
    statusWord(member.status, trans),
    used,
    limit,
    member.tasks ?? 0,
    member.address
  );
}

import * as React from 'react';
import type { Cluster } from '../api/types';
import { formatBytes, formatUsage, isReconciling } from '../model/facts';
import { usePanel } from './context';
import { Meter } from './meter';

/**
 * How far what runs is from what is wanted.
 */
export function Progress({
  document
}: {
  document: Cluster;
}): React.JSX.Element | null {
  const { trans } = usePanel();
  if (!isReconciling(document)) {
    return null;
  }
  const { registered, expected } = document.counts;
  const part = expected > 0 ? Math.min(1, registered / expected) : 0;
  return (
    <div
      className="jp-SpecCluster-progress"
      role="progressbar"
      aria-label={trans.__('Workers registered')}
      aria-valuemin={0}
      aria-valuemax={expected}
      aria-valuenow={registered}
    >
      <span style={{ width: `${(100 * part).toFixed(1)}%` }} />
    </div>
  );
}

/**
 * A cluster in numbers.
 */
function FiguresView({
  counts
}: {
  counts: Cluster['counts'];
}): React.JSX.Element {
  const { trans } = usePanel();
  const { registered, expected, nthreads, memory_used, memory_limit } = counts;
  const [used, limit] = formatUsage(memory_used, memory_limit);
  return (
    <dl className="jp-SpecCluster-facts">
      <div>
        <dd>{trans.__('%1 of %2', registered, expected)}</dd>{' '}
        <dt>{trans._n('worker', 'workers', expected)}</dt>
      </div>
      <div>
        <dd>{nthreads}</dd> <dt>{trans._n('thread', 'threads', nthreads)}</dt>
      </div>
      <div className="jp-SpecCluster-cardMemory">
        <dt className="jp-SpecCluster-hidden">{trans.__('memory')}</dt>
        <Meter value={memory_used} limit={memory_limit} />
        <dd>
          {memory_limit > 0
            ? trans.__('%1 of %2', used, limit)
            : formatBytes(memory_used)}
        </dd>
      </div>
    </dl>
  );
}

export const Figures = React.memo(FiguresView);

import * as React from 'react';
import { describeError } from '../model/describe';
import { canScale } from '../model/facts';
import type { ICluster } from '../tokens';
import { usePanel } from './context';
import { useSignal } from './signals';

/** What the server would refuse whatever the cluster. */
const MAXIMUM = 100_000;

/**
 * Sets how many entries a cluster has.
 */
function StepperView({
  cluster,
  refusalId
}: {
  cluster: ICluster;
  refusalId: string;
}): React.JSX.Element {
  const { trans } = usePanel();
  const entries = useSignal(cluster.changed, () => cluster.entries);
  const isScaling = useSignal(cluster.changed, () => cluster.isScaling);
  const isEnabled = useSignal(cluster.changed, () =>
    canScale(cluster.document)
  );
  const error = useSignal(cluster.changed, () => cluster.scaleError);
  // What is being typed, until it is a number that is meant.
  const [draft, setDraft] = React.useState<string | null>(null);

  const ask = (number: number) => {
    const wanted = Math.min(MAXIMUM, Math.max(0, number));
    if (isEnabled && wanted !== cluster.entries) {
      cluster.setEntries(wanted);
    }
  };
  const step = (by: number) => {
    setDraft(null);
    ask(cluster.entries + by);
  };
  const commit = () => {
    if (draft !== null && /^\d+$/.test(draft.trim())) {
      ask(Number(draft));
    }
    setDraft(null);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const actions: Record<string, () => void> = {
      ArrowUp: () => step(1),
      ArrowDown: () => step(-1),
      Enter: commit,
      Escape: () => setDraft(null)
    };
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  };

  // Not disabled, which would lose the focus: one step may be the last.
  const usable = (isUsable: boolean) =>
    isUsable ? {} : { 'aria-disabled': true, tabIndex: -1 };
  return (
    <div
      className="jp-SpecCluster-stepper"
      data-scaling={isScaling || undefined}
    >
      <button
        type="button"
        aria-label={trans.__('Fewer entries')}
        title={trans.__('Fewer entries')}
        {...usable(isEnabled && entries > 0)}
        onClick={() => step(-1)}
      >
        −
      </button>
      <input
        type="text"
        inputMode="numeric"
        role="spinbutton"
        aria-label={trans.__('Entries')}
        aria-valuenow={entries}
        aria-valuemin={0}
        aria-valuemax={MAXIMUM}
        aria-invalid={error !== null}
        aria-describedby={error ? refusalId : undefined}
        autoComplete="off"
        {...usable(isEnabled)}
        readOnly={!isEnabled}
        style={{ width: `${String(draft ?? entries).length + 2}ch` }}
        value={draft ?? String(entries)}
        onChange={event => setDraft(event.target.value)}
        onFocus={event => event.target.select()}
        onBlur={commit}
        onKeyDown={onKeyDown}
      />
      <button
        type="button"
        aria-label={trans.__('More entries')}
        title={trans.__('More entries')}
        {...usable(isEnabled)}
        onClick={() => step(1)}
      >
        +
      </button>
    </div>
  );
}

export const Stepper = React.memo(StepperView);

/**
 * Says why a number of entries was refused.
 */
export function Refusal({
  cluster,
  id
}: {
  cluster: ICluster;
  id: string;
}): React.JSX.Element | null {
  const { trans } = usePanel();
  const error = useSignal(cluster.changed, () => cluster.scaleError);
  return (
    error && (
      <p className="jp-SpecCluster-problem" role="alert" id={id}>
        {describeError(error, trans)}
      </p>
    )
  );
}

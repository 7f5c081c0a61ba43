import * as React from 'react';

/**
 * A bar that is filled to a part of its length.
 */
export function Meter(props: {
  value: number;
  limit: number;
}): React.JSX.Element {
  const part = props.limit > 0 ? Math.min(1, props.value / props.limit) : 0;
  return (
    <span
      className="jp-SpecCluster-meter"
      data-high={part >= 0.8 || undefined}
      aria-hidden="true"
    >
      <span style={{ width: `${(100 * part).toFixed(1)}%` }} />
    </span>
  );
}

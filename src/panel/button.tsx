import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/**
 * A button of a card: an icon, and words where there is room.
 */
export function CardButton(props: {
  icon: LabIcon;
  name: string;
  text?: string;
  title: string;
  isDisabled?: boolean;
  onClick: () => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-SpecCluster-button"
      aria-label={props.name}
      title={props.title}
      disabled={props.isDisabled}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" className="jp-SpecCluster-buttonIcon" />
      {props.text && (
        <span className="jp-SpecCluster-buttonText">{props.text}</span>
      )}
    </button>
  );
}

import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { Icon } from './icon';

/**
 * A button of a card: an icon, and words where there is room.
 */
export function CardButton(props: {
  icon: LabIcon;
  name: string;
  text?: string;
  title: string;
  isDisabled?: boolean;
  hasPopup?: boolean;
  tabIndex?: number;
  onClick: (button: HTMLButtonElement) => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-SpecCluster-button"
      aria-label={props.name}
      title={props.title}
      disabled={props.isDisabled}
      aria-haspopup={props.hasPopup ? 'menu' : undefined}
      aria-expanded={props.hasPopup ? false : undefined}
      tabIndex={props.tabIndex}
      onClick={event => props.onClick(event.currentTarget)}
    >
      <Icon icon={props.icon} className="jp-SpecCluster-buttonIcon" />
      {props.text && (
        <span className="jp-SpecCluster-buttonText">{props.text}</span>
      )}
    </button>
  );
}

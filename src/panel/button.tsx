import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { Icon } from './icon';

/**
 * A button of a card: an icon, and words where there is room. While there is
 * nothing for it to do, nobody gets to it by the keyboard; but it keeps the
 * focus that it has, which a disabled one would lose.
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
      aria-disabled={props.isDisabled || undefined}
      aria-haspopup={props.hasPopup ? 'menu' : undefined}
      aria-expanded={props.hasPopup ? false : undefined}
      tabIndex={props.isDisabled ? -1 : props.tabIndex}
      onClick={event => {
        if (!props.isDisabled) {
          props.onClick(event.currentTarget);
        }
      }}
    >
      <Icon icon={props.icon} className="jp-SpecCluster-buttonIcon" />
      {props.text && (
        <span className="jp-SpecCluster-buttonText">{props.text}</span>
      )}
    </button>
  );
}

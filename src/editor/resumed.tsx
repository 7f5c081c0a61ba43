import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/**
 * Says that a dialog goes on with what was typed before it was left.
 */
export function Resumed(props: {
  id: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  return (
    <p id={props.id} className="jp-SpecCluster-kept">
      {props.trans.__('This is as you left it. Cancel discards it.')}
    </p>
  );
}

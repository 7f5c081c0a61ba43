import { addIcon, caretDownIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { IClusterManager, StreamState } from '../tokens';
import { CommandIDs } from '../tokens';
import { useMayExecute, usePanel, useReadOnly } from './context';
import { openNewMenu } from './newmenu';
import { useSignal } from './signals';

/**
 * What is above the cards: the way to a new cluster, and whether what is shown is live.
 */
export function PanelHeader({
  manager
}: {
  manager: IClusterManager;
}): React.JSX.Element {
  const { trans, commands } = usePanel();
  const isReadOnly = useReadOnly();
  const mayExecute = useMayExecute();
  const state = useSignal(manager.connectionChanged, () => manager.connection);
  const onNew = async (anchor: HTMLElement) => {
    if (manager.templates.length === 0) {
      await manager.refreshTemplates();
    }
    if (manager.templates.length > 0) {
      openNewMenu(anchor, commands, manager);
    } else {
      // It says why there is nothing to choose from.
      await commands.execute(CommandIDs.createCluster);
    }
  };
  return (
    <div className="jp-SpecCluster-top">
      <h2>{trans.__('Clusters')}</h2>
      <Connection state={state} />
      {isReadOnly && (
        <span
          className="jp-SpecCluster-readOnly"
          title={trans.__(
            'The server lets you look at clusters, not change them'
          )}
        >
          {trans.__('read only')}
        </span>
      )}
      {mayExecute && (
        <button
          type="button"
          className="jp-SpecCluster-button jp-mod-primary"
          aria-label={trans.__('New cluster')}
          title={trans.__('Make a cluster from a template')}
          aria-haspopup="menu"
          aria-expanded={false}
          onClick={event => void onNew(event.currentTarget)}
        >
          <addIcon.react tag="span" className="jp-SpecCluster-buttonIcon" />
          {trans.__('New')}
          <caretDownIcon.react
            tag="span"
            className="jp-SpecCluster-buttonIcon"
          />
        </button>
      )}
    </div>
  );
}

function Connection({ state }: { state: StreamState }): React.JSX.Element {
  const { trans } = usePanel();
  const words: Record<StreamState, [string, string]> = {
    connecting: [trans.__('connecting'), trans.__('Connecting to the server')],
    live: [trans.__('live'), trans.__('What is shown is what is')],
    stale: [
      trans.__('reconnecting'),
      trans.__('The connection is lost: what is shown may be out of date')
    ]
  };
  const [word, title] = words[state];
  return (
    <span
      className="jp-SpecCluster-connection"
      data-state={state}
      title={title}
    >
      <svg
        className="jp-SpecCluster-glyph"
        viewBox="0 0 12 12"
        width="8"
        height="8"
        aria-hidden="true"
      >
        {state === 'live' ? (
          <circle cx="6" cy="6" r="5" fill="currentColor" />
        ) : (
          <circle
            cx="6"
            cy="6"
            r="4"
            fill="none"
            stroke="currentColor"
            strokeWidth="2.5"
            strokeDasharray="4.2 2.1"
          />
        )}
      </svg>
      <span>{word}</span>
    </span>
  );
}

import { filterListIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { IClusterManager } from '../tokens';
import { CardButton } from './button';
import { usePanel } from './context';
import { openArrangementMenu } from './arrangementmenu';
import { useSignal } from './signals';

/**
 * Where a person looks for a cluster among many.
 */
export function Finding({
  manager
}: {
  manager: IClusterManager;
}): React.JSX.Element | null {
  const { trans, commands, view } = usePanel();
  const count = useSignal(manager.changed, () => manager.clusters.length);
  const filter = useSignal(view.changed, () => view.arrangement.filter);
  if (count === 0) {
    return null;
  }
  const label = trans.__('Filter clusters and workers');
  return (
    <div className="jp-SpecCluster-finding" role="search">
      <input
        type="search"
        className="jp-SpecCluster-filter"
        aria-label={label}
        placeholder={label}
        autoComplete="off"
        spellCheck={false}
        value={filter}
        onChange={event => view.setFilter(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape' && filter !== '') {
            event.stopPropagation();
            view.setFilter('');
          }
        }}
      />
      <CardButton
        icon={filterListIcon}
        name={trans.__('Order')}
        title={trans.__('In which order clusters are shown')}
        hasPopup
        onClick={anchor => openArrangementMenu(anchor, commands)}
      />
    </div>
  );
}

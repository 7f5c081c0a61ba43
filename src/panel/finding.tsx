import { filterListIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { IClusterManager } from '../tokens';
import { CardButton } from './button';
import { usePanel } from './context';
import { focusNew, useFocusHandedOn } from './focus';
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
  const count = useSignal(manager.changed, () => manager.clusters.length);
  return count === 0 ? null : <Fields />;
}

function Fields(): React.JSX.Element {
  const { trans, commands, view } = usePanel();
  const filter = useSignal(view.changed, () => view.arrangement.filter);
  const place = React.useRef<HTMLDivElement>(null);
  useFocusHandedOn(place, focusNew);
  const label = trans.__('Filter clusters and workers');
  return (
    <div ref={place} className="jp-SpecCluster-finding" role="search">
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

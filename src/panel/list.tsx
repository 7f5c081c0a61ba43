import * as React from 'react';
import type { IGroup } from '../model/arrangement';
import { arrange } from '../model/arrangement';
import { describeError } from '../model/describe';
import type { ICluster, IClusterManager } from '../tokens';
import { ClusterCard } from './card';
import { useMayExecute, usePanel } from './context';
import { CardFocus, focusFilter, useFocusHandedOn } from './focus';
import { PhaseLabel } from './phase';
import { useSignal } from './signals';
import { TemplateOffers, TemplateSection } from './templates';

/** How many cards there are at once, before anybody knows which are in view. */
const AT_TOP = 10;

/**
 * The clusters as cards, as far as they are looked for.
 */
export function ClusterList({
  manager
}: {
  manager: IClusterManager;
}): React.JSX.Element {
  const { trans } = usePanel();
  const count = useSignal(manager.changed, () => manager.clusters.length);
  const state = useSignal(manager.connectionChanged, () => manager.connection);
  const groups = useGroups(manager);
  const mayExecute = useMayExecute();
  const place = React.useRef<HTMLDivElement>(null);
  const [focus] = React.useState(() => new CardFocus());
  React.useLayoutEffect(() => focus.settle(place.current!));
  return (
    <div ref={place} className="jp-SpecCluster-list" data-state={state}>
      {state === 'stale' && (
        <p className="jp-SpecCluster-stale">
          {trans.__(
            'The connection to the server is lost. What is shown may be out of date.'
          )}
        </p>
      )}
      {groups.map(({ phase, clusters }) => (
        <React.Fragment key={phase}>
          {phase && (
            <h3 className="jp-SpecCluster-groupTitle">
              <PhaseLabel phase={phase} />
              <span className="jp-SpecCluster-groupCount">
                {clusters.length}
              </span>
            </h3>
          )}
          {clusters.map((cluster, index) => (
            <ClusterCard
              key={cluster.id}
              cluster={cluster}
              isAtTop={index < AT_TOP}
              onLeave={focus.leave}
            />
          ))}
        </React.Fragment>
      ))}
      {count > 0 && groups.length === 0 && <NothingFound />}
      {count === 0 && state === 'live' && (
        <EmptyState manager={manager} onLeave={focus.leaveOthers} />
      )}
      {count > 0 && mayExecute && (
        <TemplateSection manager={manager} onLeave={focus.leaveOthers} />
      )}
    </div>
  );
}

/**
 * The clusters as they are to be shown. It is another object only when their
 * order is another one, whatever else has changed.
 */
function useGroups(manager: IClusterManager): readonly IGroup<ICluster>[] {
  const { view, wordOf } = usePanel();
  const shown = React.useRef<readonly IGroup<ICluster>[]>([]);
  const read = () => {
    const groups = arrange(manager.clusters, view.arrangement, wordOf);
    if (!isSame(groups, shown.current)) {
      shown.current = groups;
    }
    return shown.current;
  };
  const subscribe = React.useCallback(
    (notify: () => void) => {
      let watched: readonly ICluster[] = [];
      const slot = () => notify();
      const follow = () => {
        watched.forEach(cluster => cluster.changed.disconnect(slot));
        watched = manager.clusters;
        watched.forEach(cluster => cluster.changed.connect(slot));
        notify();
      };
      manager.changed.connect(follow);
      view.changed.connect(slot);
      follow();
      return () => {
        manager.changed.disconnect(follow);
        view.changed.disconnect(slot);
        watched.forEach(cluster => cluster.changed.disconnect(slot));
      };
    },
    [manager, view]
  );
  return React.useSyncExternalStore(subscribe, read);
}

function isSame(
  some: readonly IGroup<ICluster>[],
  others: readonly IGroup<ICluster>[]
): boolean {
  const flat = (groups: readonly IGroup<ICluster>[]) =>
    groups.flatMap(({ phase, clusters }) => [phase, ...clusters]);
  const [one, other] = [flat(some), flat(others)];
  return (
    one.length === other.length &&
    one.every((item, index) => item === other[index])
  );
}

function NothingFound(): React.JSX.Element {
  const { trans, view } = usePanel();
  const place = React.useRef<HTMLElement>(null);
  useFocusHandedOn(place, focusFilter);
  return (
    <section ref={place} className="jp-SpecCluster-empty" tabIndex={-1}>
      <p className="jp-SpecCluster-explanation">
        {trans.__('No cluster and no worker has this in its name.')}
      </p>
      <button
        type="button"
        className="jp-SpecCluster-button"
        onClick={() => view.setFilter('')}
      >
        {trans.__('Show all')}
      </button>
    </section>
  );
}

/**
 * Says what there could be, and how to get it.
 */
function EmptyState({
  manager,
  onLeave
}: {
  manager: IClusterManager;
  /** It goes, and has the focus. */
  onLeave: () => void;
}): React.JSX.Element {
  const { trans } = usePanel();
  const place = React.useRef<HTMLElement>(null);
  useFocusHandedOn(place, onLeave);
  const mayExecute = useMayExecute();
  const known = useSignal(manager.templatesChanged, () => manager.templates);
  const templates = mayExecute ? known : [];
  const error = useSignal(
    manager.templatesChanged,
    () => manager.templatesError
  );
  const titleId = React.useId();
  return (
    <section
      ref={place}
      className="jp-SpecCluster-empty"
      aria-labelledby={titleId}
      tabIndex={-1}
    >
      <h3 id={titleId}>{trans.__('No clusters yet')}</h3>
      <p className="jp-SpecCluster-explanation">
        {trans.__(
          'A cluster is a Dask scheduler and its workers, kept as its spec describes them.'
        )}{' '}
        {mayExecute
          ? trans.__(
              'Make one from a template, then drag it into a notebook to compute with it.'
            )
          : trans.__('The server does not let you make one.')}
      </p>
      <TemplateOffers templates={templates} />
      {error && (
        <p className="jp-SpecCluster-problem" role="alert">
          {describeError(error, trans)}
        </p>
      )}
    </section>
  );
}

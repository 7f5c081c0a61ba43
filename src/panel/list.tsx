import * as React from 'react';
import { describeError } from '../model/describe';
import type { IClusterManager } from '../tokens';
import { CommandIDs } from '../tokens';
import { ClusterCard } from './card';
import { usePanel } from './context';
import { useSignal } from './signals';

/**
 * All clusters as cards.
 */
export function ClusterList({
  manager
}: {
  manager: IClusterManager;
}): React.JSX.Element {
  const { trans } = usePanel();
  const clusters = useSignal(manager.changed, () => manager.clusters);
  const state = useSignal(manager.connectionChanged, () => manager.connection);
  return (
    <div className="jp-SpecCluster-list" data-state={state}>
      {state === 'stale' && (
        <p className="jp-SpecCluster-stale">
          {trans.__(
            'The connection to the server is lost. What is shown may be out of date.'
          )}
        </p>
      )}
      {clusters.map(cluster => (
        <ClusterCard key={cluster.id} cluster={cluster} />
      ))}
      {clusters.length === 0 && state === 'live' && (
        <EmptyState manager={manager} />
      )}
    </div>
  );
}

/**
 * Says what there could be, and how to get it.
 */
function EmptyState({
  manager
}: {
  manager: IClusterManager;
}): React.JSX.Element {
  const { trans, commands } = usePanel();
  const templates = useSignal(
    manager.templatesChanged,
    () => manager.templates
  );
  const error = useSignal(
    manager.templatesChanged,
    () => manager.templatesError
  );
  return (
    <section className="jp-SpecCluster-empty">
      <h3>{trans.__('No clusters yet')}</h3>
      <p className="jp-SpecCluster-explanation">
        {trans.__(
          'A cluster is a Dask scheduler and its workers, kept as its spec describes them. Make one from a template, then drag it into a notebook to compute with it.'
        )}
      </p>
      {templates.map(({ name, title, description }) => (
        <button
          key={name}
          type="button"
          className="jp-SpecCluster-offer"
          aria-label={title}
          aria-description={description}
          onClick={() =>
            void commands.execute(CommandIDs.createCluster, { template: name })
          }
        >
          <strong>{title}</strong>
          <span>{description}</span>
        </button>
      ))}
      {error && (
        <p className="jp-SpecCluster-problem" role="alert">
          {describeError(error, trans)}
        </p>
      )}
    </section>
  );
}

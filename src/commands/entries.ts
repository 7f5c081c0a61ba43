import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Cluster, ICluster } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';
import { entryArgument, pickEntry } from './meant';
import type { IWords } from './operation';
import { operation } from './operation';

/**
 * Add the commands for one entry of a cluster.
 */
export function addEntryCommands(
  app: JupyterFrontEnd,
  add: AddClusterCommand,
  trans: TranslationBundle
): void {
  const properties = entryArgument(trans);
  const carryOut = async (
    work: (entry: string) => Promise<Cluster>,
    words: (entry: string) => IWords<Cluster>,
    cluster: ICluster,
    args: ReadonlyPartialJSONObject
  ) => {
    const picked = await pickEntry(app, cluster, args, trans);
    if (!picked) {
      return null;
    }
    const entry = picked.name;
    const done = await operation(work(entry), words(entry), trans);
    return done && { id: cluster.id, entry };
  };

  add(CommandIDs.retryEntry, {
    label: trans.__('Retry Entry Now'),
    caption: trans.__('Try to start an entry again, without waiting'),
    properties,
    act: (cluster, args) =>
      carryOut(
        entry => cluster.retry(entry),
        entry => ({
          pending: trans.__('%1 is tried again…', entry),
          success: () => trans.__('%1 is tried again.', entry),
          error: reason => trans.__('%1 was not tried again: %2', entry, reason)
        }),
        cluster,
        args
      )
  });

  add(CommandIDs.restartEntry, {
    label: trans.__('Restart Entry'),
    caption: trans.__('Make an entry anew as it is; what it holds moves first'),
    icon: refreshIcon,
    properties,
    act: (cluster, args) =>
      carryOut(
        entry => cluster.restartEntry(entry),
        entry => ({
          pending: trans.__('%1 is to be made anew…', entry),
          success: () => trans.__('%1 is made anew.', entry),
          error: reason => trans.__('%1 was not restarted: %2', entry, reason)
        }),
        cluster,
        args
      )
  });
}

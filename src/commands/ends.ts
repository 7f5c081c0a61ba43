import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { Cluster, ICluster } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';
import { confirmEnd } from './confirm';
import { askOnce } from './once';
import type { IWords } from './operation';
import { operation } from './operation';

/**
 * Add the commands that end all workers of a cluster.
 */
export function addEndCommands(
  add: AddClusterCommand,
  trans: TranslationBundle
): void {
  const carryOut = async (
    cluster: ICluster,
    end: 'stop' | 'restart',
    isAsked: boolean,
    words: (name: string) => IWords<Cluster>
  ) => {
    const isMeant =
      !isAsked ||
      (await askOnce(`${end} ${cluster.id}`, () =>
        confirmEnd(cluster, end, trans)
      ));
    if (!isMeant) {
      return null;
    }
    const said = words(cluster.document.display_name);
    const done = await operation(cluster[end](), said, trans);
    return done && { id: cluster.id };
  };

  add(CommandIDs.stopCluster, {
    label: trans.__('Stop Cluster'),
    caption: trans.__('End the workers and the scheduler of a cluster'),
    icon: stopIcon,
    properties: {
      isAsked: {
        type: 'boolean',
        description: trans.__('Whether to ask first, as when left out')
      }
    },
    act: (cluster, args) =>
      carryOut(cluster, 'stop', args.isAsked !== false, name => ({
        pending: trans.__('%1 stops…', name),
        success: () => trans.__('%1 stops.', name),
        error: reason => trans.__('%1 was not stopped: %2', name, reason)
      }))
  });

  add(CommandIDs.restartCluster, {
    label: trans.__('Restart Cluster'),
    caption: trans.__('Start a cluster again as it is wanted'),
    icon: refreshIcon,
    act: cluster =>
      carryOut(cluster, 'restart', true, name => ({
        pending: trans.__('%1 starts again…', name),
        success: () => trans.__('%1 starts again.', name),
        error: reason => trans.__('%1 was not restarted: %2', name, reason)
      }))
  });
}

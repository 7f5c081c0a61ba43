import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import type { IRunningSessions } from '@jupyterlab/running';
import { IRunningSessionManagers } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { clustersIcon } from './icons';
import type { ICluster, IClusterManager as IManager } from './tokens';
import { CommandIDs, DOMAIN, IClusterManager } from './tokens';

/**
 * The clusters among all else that runs.
 */
export const runningPlugin: JupyterFrontEndPlugin<void> = {
  id: 'speccluster-lab:running',
  description: 'Lists the clusters in the panel of what runs.',
  autoStart: true,
  requires: [IClusterManager],
  optional: [IRunningSessionManagers, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    manager: IManager,
    running: IRunningSessionManagers | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    running?.add(runningClusters(app.commands, manager, trans));
  }
};

/**
 * The clusters as JupyterLab's panel of what runs wants them.
 */
export function runningClusters(
  commands: CommandRegistry,
  manager: IManager,
  trans: TranslationBundle
): IRunningSessions.IManager {
  const changed = new Signal<object, void>(manager);
  const detail = ({ document: { counts } }: ICluster) =>
    trans._n(
      '%2 of %1 worker',
      '%2 of %1 workers',
      counts.expected,
      counts.registered
    );
  // What is said of each: JupyterLab lists all of them anew when it is told.
  const said = new Map<ICluster, string>();
  const tell = (cluster: ICluster) => {
    const text = detail(cluster);
    if (said.get(cluster) !== text) {
      said.set(cluster, text);
      changed.emit();
    }
  };
  const follow = () => {
    said.forEach((_, cluster) => cluster.changed.disconnect(tell));
    said.clear();
    for (const cluster of manager.clusters) {
      said.set(cluster, detail(cluster));
      cluster.changed.connect(tell);
    }
    changed.emit();
  };
  manager.changed.connect(follow);
  manager.accessChanged.connect(() => changed.emit());
  follow();
  const item = (cluster: ICluster): IRunningSessions.IRunningItem => {
    const { id, document } = cluster;
    return {
      context: id,
      label: () => document.display_name,
      labelTitle: () => id,
      detail: () => detail(cluster),
      icon: () => clustersIcon,
      open: () => void commands.execute(CommandIDs.showPanel, { id }),
      // It asks first.
      shutdown: manager.isReadOnly
        ? undefined
        : () => void commands.execute(CommandIDs.stopCluster, { id })
    };
  };
  return {
    name: trans.__('Clusters'),
    running: () => manager.clusters.map(item),
    shutdownAll: () => {
      // JupyterLab offers it in any case: what may not be is said of each.
      for (const cluster of manager.clusters) {
        const args = { id: cluster.id, isAsked: false };
        void commands.execute(CommandIDs.stopCluster, args);
      }
    },
    refreshRunning: () => undefined,
    runningChanged: changed,
    shutdownLabel: trans.__('Stop'),
    shutdownAllLabel: trans.__('Stop All'),
    shutdownAllConfirmationText: () =>
      trans._n(
        'Stop %1 cluster? What its workers hold is lost.',
        'Stop %1 clusters? What their workers hold is lost.',
        manager.clusters.length
      )
  };
}

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import { listIcon } from '@jupyterlab/ui-components';
import type { ILogViewers } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';

/**
 * Add the command that shows a log.
 */
export function addLogCommand(
  app: JupyterFrontEnd,
  add: AddClusterCommand,
  viewers: ILogViewers,
  trans: TranslationBundle
): void {
  add(CommandIDs.openLogs, {
    label: ({ isOfWorker }) =>
      isOfWorker ? trans.__('Show Log of Worker') : trans.__('Show Log'),
    caption: trans.__('Show what a cluster, or one of its workers, logs'),
    icon: listIcon,
    isForAll: true,
    properties: {
      member: {
        type: 'string',
        description: trans.__(
          "The name of a worker, or of an entry; the cluster's own process when left out"
        )
      },
      isOfWorker: {
        type: 'boolean',
        description: trans.__('Whether the worker is the one under the menu')
      }
    },
    act: async (cluster, args) => {
      const { dataset } =
        (args.isContextMenu && args.isOfWorker
          ? app.contextMenuHitTest(
              ({ dataset }) => 'member' in dataset || 'entry' in dataset
            )
          : undefined) ?? {};
      const member = args.member ?? dataset?.member ?? dataset?.entry;
      const name = member === undefined ? null : String(member);
      return {
        widget: await viewers.open(cluster, name),
        member: name
      };
    }
  });
}

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IAutoConnect } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';
import { SHOWN } from './operation';

/**
 * Add the commands that have new kernels of a notebook connect to a cluster.
 */
export function addAutoConnectCommands(
  { commands }: JupyterFrontEnd,
  add: AddClusterCommand,
  automatic: IAutoConnect,
  trans: TranslationBundle
): void {
  add(CommandIDs.beginAutoConnect, {
    label: trans.__('Connect New Kernels Automatically'),
    caption: trans.__(
      'Have the kernel of the active notebook, and each new one, connect to a cluster'
    ),
    isForAll: true,
    act: async ({ id }) => {
      const place = await automatic.begin(id);
      if (!place) {
        Notification.info(trans.__('No notebook is in use.'), SHOWN);
      }
      return place;
    }
  });

  commands.addCommand(CommandIDs.endAutoConnect, {
    label: trans.__('Connect New Kernels to Nothing'),
    caption: trans.__(
      'Have new kernels of the active notebook connect to no cluster'
    ),
    isEnabled: () => automatic.current !== null,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => automatic.end()
  });
  automatic.changed.connect(() =>
    commands.notifyCommandChanged(CommandIDs.endAutoConnect)
  );
}

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import {
  codeIcon,
  copyIcon,
  editIcon,
  refreshIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Cluster } from '../tokens';
import {
  CommandIDs,
  DOMAIN,
  IClientCode,
  IClusterManager,
  ISpecEditors
} from '../tokens';
import { confirmEnd } from './confirm';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addCreateCommand } from './create';
import { pickCluster, pickEntry } from './meant';
import type { IWords } from './operation';
import { SHOWN, operation } from './operation';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addScaleCommands } from './scale';

/**
 * The commands, in the palette and for everybody who calls them.
 */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'speccluster-lab:commands',
  description: 'Commands that make, scale, edit and stop clusters.',
  autoStart: true,
  requires: [IClusterManager, IClientCode],
  optional: [ISpecEditors, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    clientCode: IClientCode,
    editors: ISpecEditors | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    addCommands(app, { manager, clientCode, editors, trans });
    const category = trans.__('Clusters');
    for (const command of Object.values(CommandIDs)) {
      if (app.commands.hasCommand(command)) {
        palette?.addItem({ command, category });
      }
    }
  }
};

/**
 * What the commands work with.
 */
export interface ICommandsOptions {
  manager: IClusterManager;
  clientCode: IClientCode;
  editors: ISpecEditors | null;
  trans: TranslationBundle;
}

/**
 * Add all commands. One that fails tells the person and answers null.
 */
export function addCommands(
  app: JupyterFrontEnd,
  { manager, clientCode, editors, trans }: ICommandsOptions
): void {
  const { commands } = app;
  const hasClusters = () => manager.clusters.length > 0;
  const canChange = () => hasClusters() && !manager.isReadOnly;
  const pick = (args: ReadonlyPartialJSONObject) =>
    pickCluster(app, manager, args, trans);
  const end = async (
    args: ReadonlyPartialJSONObject,
    kind: 'stop' | 'restart',
    words: (name: string) => IWords<Cluster>
  ) => {
    const cluster = await pick(args);
    if (!cluster || !(await confirmEnd(cluster, kind, trans))) {
      return null;
    }
    const said = words(cluster.document.display_name);
    const ended = await operation(cluster[kind](), said, trans);
    return ended && { id: cluster.id };
  };
  const idArgs = {
    type: 'object',
    properties: {
      id: {
        type: 'string',
        description: trans.__('The id of the cluster; asked for when left out')
      },
      isContextMenu: {
        type: 'boolean',
        description: trans.__('Whether the cluster is the one under the menu')
      }
    }
  } as const;

  addCreateCommand(app, manager, trans);
  addScaleCommands({ commands, pick, canChange, idArgs, trans });

  commands.addCommand(CommandIDs.stopCluster, {
    label: trans.__('Stop Cluster'),
    caption: trans.__('End the workers and the scheduler of a cluster'),
    icon: stopIcon,
    isEnabled: canChange,
    describedBy: { args: idArgs },
    execute: args =>
      end(args, 'stop', name => ({
        pending: trans.__('%1 stops…', name),
        success: () => trans.__('%1 stops.', name),
        error: reason => trans.__('%1 was not stopped: %2', name, reason)
      }))
  });

  commands.addCommand(CommandIDs.retryEntry, {
    label: trans.__('Retry Entry Now'),
    caption: trans.__('Try to start an entry again, without waiting'),
    isEnabled: canChange,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...idArgs.properties,
          entry: {
            type: 'string',
            description: trans.__('The name of the entry')
          }
        }
      }
    },
    execute: async args => {
      const cluster = await pick(args);
      const entry = cluster && (await pickEntry(app, cluster, args, trans));
      if (!cluster || entry === null) {
        return null;
      }
      const tried = await operation(
        cluster.retry(entry),
        {
          pending: trans.__('%1 is tried again…', entry),
          success: () => trans.__('%1 is tried again.', entry),
          error: reason => trans.__('%1 was not tried again: %2', entry, reason)
        },
        trans
      );
      return tried && { id: cluster.id, entry };
    }
  });

  commands.addCommand(CommandIDs.restartCluster, {
    label: trans.__('Restart Cluster'),
    caption: trans.__('Start a cluster again as it is wanted'),
    icon: refreshIcon,
    isEnabled: canChange,
    describedBy: { args: idArgs },
    execute: args =>
      end(args, 'restart', name => ({
        pending: trans.__('%1 starts again…', name),
        success: () => trans.__('%1 starts again.', name),
        error: reason => trans.__('%1 was not restarted: %2', name, reason)
      }))
  });

  if (editors) {
    commands.addCommand(CommandIDs.editSpec, {
      label: trans.__('Edit Spec'),
      caption: trans.__('Edit what a cluster should be'),
      icon: editIcon,
      isEnabled: canChange,
      describedBy: { args: idArgs },
      execute: async args => {
        const cluster = await pick(args);
        return cluster ? { widget: await editors.open(cluster) } : null;
      }
    });
  }

  commands.addCommand(CommandIDs.insertClientCode, {
    label: trans.__('Insert Client Code'),
    caption: trans.__(
      'Put the code that connects to a cluster into the active notebook'
    ),
    icon: codeIcon,
    isEnabled: hasClusters,
    describedBy: { args: idArgs },
    execute: async args => {
      const cluster = await pick(args);
      if (!cluster) {
        return null;
      }
      const place = clientCode.insert(cluster.id);
      if (!place) {
        Notification.info(
          trans.__('No notebook is in use. Open one, or copy the code.'),
          {
            ...SHOWN,
            actions: [
              {
                label: trans.__('Copy Client Code'),
                callback: () =>
                  void commands.execute(CommandIDs.copyClientCode, {
                    id: cluster.id
                  })
              }
            ]
          }
        );
      }
      return place;
    }
  });

  commands.addCommand(CommandIDs.copyClientCode, {
    label: trans.__('Copy Client Code'),
    caption: trans.__('Copy the code that connects to a cluster'),
    icon: copyIcon,
    isEnabled: hasClusters,
    describedBy: { args: idArgs },
    execute: async args => {
      const cluster = await pick(args);
      if (!cluster) {
        return null;
      }
      const code = clientCode.code(cluster.id);
      Clipboard.copyToSystem(code);
      return { code };
    }
  });

  const onChange = () => commands.notifyCommandChanged();
  manager.changed.connect(onChange);
  manager.accessChanged.connect(onChange);
}

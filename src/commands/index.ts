import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { editIcon, launchIcon } from '@jupyterlab/ui-components';
import {
  CommandIDs,
  DOMAIN,
  IAutoConnect,
  IClientCode,
  IClusterManager,
  ILogViewers,
  ISpecEditors
} from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addAutoConnectCommands } from './automatic';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { clusterCommands } from './clustercommand';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addCodeCommands } from './code';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addCreateCommand } from './create';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addEndCommands } from './ends';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addEntryCommands } from './entries';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addLogCommand } from './logs';
import { SHOWN } from './operation';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addScaleCommands } from './scale';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addTemplateCommands } from './templates';

/**
 * The commands, in the palette and for everybody who calls them.
 */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'speccluster-lab:commands',
  description: 'Commands that make, scale, edit and stop clusters.',
  autoStart: true,
  requires: [IClusterManager, IClientCode],
  optional: [
    IAutoConnect,
    ISpecEditors,
    ILogViewers,
    ICommandPalette,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    clientCode: IClientCode,
    automatic: IAutoConnect | null,
    editors: ISpecEditors | null,
    logs: ILogViewers | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    // Those of the panel, which adds its own, may be there before or not.
    const others = new Set(app.commands.listCommands());
    addCommands(app, {
      manager,
      clientCode,
      automatic,
      editors,
      logs,
      trans
    });
    const category = trans.__('Clusters');
    for (const command of Object.values(CommandIDs)) {
      if (app.commands.hasCommand(command) && !others.has(command)) {
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
  automatic: IAutoConnect | null;
  editors: ISpecEditors | null;
  logs: ILogViewers | null;
  trans: TranslationBundle;
}

/**
 * Add all commands. One that fails tells the person and answers null.
 */
export function addCommands(
  app: JupyterFrontEnd,
  { manager, clientCode, automatic, editors, logs, trans }: ICommandsOptions
): void {
  const { commands } = app;
  const add = clusterCommands(app, manager, trans);

  addCreateCommand(app, manager, editors, trans);
  addScaleCommands(add, trans);
  addEndCommands(add, trans);
  addEntryCommands(app, add, trans);
  addTemplateCommands(app, add, manager, editors, trans);

  if (editors) {
    add(CommandIDs.editSpec, {
      label: () =>
        manager.mayExecute ? trans.__('Edit Spec') : trans.__('Show Spec'),
      caption: trans.__('Show what a cluster should be, to be edited'),
      icon: editIcon,
      // The editor itself lets nobody change what they may not.
      isForAll: true,
      act: async cluster => ({ widget: await editors.open(cluster) })
    });
  }

  if (logs) {
    addLogCommand(app, add, logs, trans);
  }

  add(CommandIDs.openDashboard, {
    label: trans.__('Open Dashboard'),
    caption: trans.__("Show dask's dashboard of a cluster in a browser tab"),
    icon: launchIcon,
    isForAll: true,
    act: ({ dashboardUrl: url, document }) => {
      if (url === null) {
        const name = document.display_name;
        Notification.error(
          trans.__('%1 has no dashboard to show now.', name),
          SHOWN
        );
        return null;
      }
      window.open(url, '_blank', 'noopener');
      return { url };
    }
  });

  addCodeCommands(app, add, { manager, clientCode, trans });
  if (automatic) {
    addAutoConnectCommands(app, add, automatic, trans);
  }

  const onChange = () => commands.notifyCommandChanged();
  manager.changed.connect(onChange);
  manager.accessChanged.connect(onChange);
}

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Clipboard,
  Dialog,
  ICommandPalette,
  InputDialog,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import {
  addIcon,
  codeIcon,
  copyIcon,
  editIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { describeError } from './model/describe';
import { canScale } from './model/facts';
import type { ICluster, Template } from './tokens';
import {
  CommandIDs,
  DOMAIN,
  IClientCode,
  IClusterManager,
  ISpecEditors
} from './tokens';

/**
 * How long a notification is in view, in milliseconds. JupyterLab only counts
 * it at the bell unless it is told.
 */
const SHOWN = { autoClose: 8_000 };

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
  const pick = (args: ReadonlyPartialJSONObject) =>
    pickCluster(app, manager, args, trans);
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

  commands.addCommand(CommandIDs.createCluster, {
    label: args => templateOf(manager, args)?.title ?? trans.__('New Cluster…'),
    caption: args =>
      templateOf(manager, args)?.description ??
      trans.__('Make a cluster from a template'),
    icon: args => (args.template === undefined ? addIcon : undefined),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          template: {
            type: 'string',
            description: trans.__(
              'The name of the template; asked for when left out'
            )
          },
          name: {
            type: 'string',
            description: trans.__('What to call the cluster')
          }
        }
      }
    },
    execute: async args => {
      const template =
        args.template === undefined
          ? await pickTemplate(manager, trans)
          : String(args.template);
      if (template === null) {
        return null;
      }
      try {
        const name = args.name === undefined ? {} : { name: String(args.name) };
        const cluster = await manager.create({ template, ...name });
        return { id: cluster.id };
      } catch (error) {
        const reason = describeError(error, trans);
        Notification.error(
          trans.__('The cluster could not be made: %1', reason),
          SHOWN
        );
        return null;
      }
    }
  });

  commands.addCommand(CommandIDs.scaleCluster, {
    label: trans.__('Scale Cluster…'),
    caption: trans.__('Set how many entries a cluster has'),
    isEnabled: hasClusters,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...idArgs.properties,
          entries: {
            type: 'integer',
            minimum: 0,
            description: trans.__(
              'How many entries there should be; asked for when left out'
            )
          }
        }
      }
    },
    execute: async args => {
      const cluster = await pick(args);
      if (!cluster) {
        return null;
      }
      const name = cluster.document.display_name;
      if (!canScale(cluster.document)) {
        Notification.error(trans.__('%1 cannot be scaled now.', name), SHOWN);
        return null;
      }
      const entries =
        args.entries === undefined
          ? await askEntries(cluster, trans)
          : Number(args.entries);
      if (entries === null) {
        return null;
      }
      try {
        const { generation } = await cluster.scale({ entries });
        return { id: cluster.id, generation };
      } catch (error) {
        const reason = describeError(error, trans);
        Notification.error(
          trans.__('%1 was not scaled: %2', name, reason),
          SHOWN
        );
        return null;
      }
    }
  });

  commands.addCommand(CommandIDs.stopCluster, {
    label: trans.__('Stop Cluster'),
    caption: trans.__('End the workers and the scheduler of a cluster'),
    icon: stopIcon,
    isEnabled: hasClusters,
    describedBy: { args: idArgs },
    execute: async args => {
      const cluster = await pick(args);
      if (!cluster || !(await confirmStop(cluster, trans))) {
        return null;
      }
      try {
        await cluster.stop();
        return { id: cluster.id };
      } catch (error) {
        const name = cluster.document.display_name;
        const reason = describeError(error, trans);
        Notification.error(
          trans.__('%1 was not stopped: %2', name, reason),
          SHOWN
        );
        return null;
      }
    }
  });

  if (editors) {
    commands.addCommand(CommandIDs.editSpec, {
      label: trans.__('Edit Spec'),
      caption: trans.__('Edit what a cluster should be'),
      icon: editIcon,
      isEnabled: hasClusters,
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

  manager.changed.connect(() => {
    commands.notifyCommandChanged();
  });
}

function templateOf(
  manager: IClusterManager,
  args: ReadonlyPartialJSONObject
): Template | undefined {
  return manager.templates.find(({ name }) => name === args.template);
}

/**
 * The cluster that is meant: by argument, by the card under a context menu, by
 * being the only one, or by asking.
 */
async function pickCluster(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  args: ReadonlyPartialJSONObject,
  trans: TranslationBundle
): Promise<ICluster | null> {
  // The place of the last context menu is remembered, long after it has closed.
  const node = args.isContextMenu
    ? app.contextMenuHitTest(({ dataset }) => 'clusterId' in dataset)
    : undefined;
  const id = args.id ?? node?.dataset.clusterId;
  if (id !== undefined) {
    await manager.ready;
    const cluster = manager.get(String(id));
    if (!cluster) {
      Notification.error(
        trans.__('There is no cluster %1.', String(id)),
        SHOWN
      );
    }
    return cluster ?? null;
  }
  const { clusters } = manager;
  if (clusters.length < 2) {
    return clusters[0] ?? null;
  }
  const { value } = await InputDialog.getItem({
    title: trans.__('Which cluster?'),
    items: clusters.map(one => `${one.document.display_name} (${one.id})`)
  });
  const label = value ?? '';
  return (
    clusters.find(
      one => `${one.document.display_name} (${one.id})` === label
    ) ?? null
  );
}

async function pickTemplate(
  manager: IClusterManager,
  trans: TranslationBundle
): Promise<string | null> {
  if (manager.templates.length === 0) {
    await manager.refreshTemplates();
  }
  const { templates } = manager;
  const { value } = await InputDialog.getItem({
    title: trans.__('Which template?'),
    items: templates.map(({ title }) => title)
  });
  return templates.find(({ title }) => title === value)?.name ?? null;
}

async function askEntries(
  cluster: ICluster,
  trans: TranslationBundle
): Promise<number | null> {
  const { value } = await InputDialog.getNumber({
    title: trans.__('How many entries?'),
    label: cluster.document.display_name,
    value: cluster.entries
  });
  return value;
}

/**
 * Ask before workers end, for what they hold is lost.
 */
async function confirmStop(
  cluster: ICluster,
  trans: TranslationBundle
): Promise<boolean> {
  const { counts, display_name } = cluster.document;
  if (counts.registered === 0) {
    return true;
  }
  const body = trans._n(
    'Its %1 worker ends. Results that it holds are lost.',
    'Its %1 workers end. Results that they hold are lost.',
    counts.registered
  );
  const { button } = await showDialog({
    title: trans.__('Stop %1?', display_name),
    body,
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Stop') })
    ],
    // Enter, pressed once too often, stops nothing.
    defaultButton: 0
  });
  return button.accept;
}

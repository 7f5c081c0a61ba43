import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { ICluster, IClusterManager } from '../tokens';
import { pickCluster } from './meant';

/**
 * A command for one cluster.
 */
export interface IClusterCommand {
  /**
   * What it is called; what it does may depend on what is allowed.
   */
  label: string | ((args: ReadonlyPartialJSONObject) => string);

  /**
   * What it does.
   */
  caption: string;

  /**
   * Its picture in menus.
   */
  icon?: LabIcon;

  /**
   * Whether it is for those, too, who may change nothing.
   */
  isForAll?: boolean;

  /**
   * What is to be known of its arguments together.
   */
  description?: string;

  /**
   * The arguments that it takes beside those that say which cluster is meant.
   */
  properties?: ReadonlyJSONObject;

  /**
   * Do it.
   *
   * @returns What the command answers; null when nothing was done.
   */
  act(cluster: ICluster, args: ReadonlyPartialJSONObject): unknown;
}

/**
 * Adds a command for one cluster.
 */
export type AddClusterCommand = (id: string, command: IClusterCommand) => void;

/**
 * The way to add commands for one cluster: by argument, under a context menu, or asked for.
 */
export function clusterCommands(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  trans: TranslationBundle
): AddClusterCommand {
  const which: ReadonlyJSONObject = {
    id: {
      type: 'string',
      description: trans.__('The id of the cluster; asked for when left out')
    },
    isContextMenu: {
      type: 'boolean',
      description: trans.__('Whether the cluster is the one under the menu')
    }
  };
  return (id, command) => {
    const { label, caption, icon, isForAll, description, properties } = command;
    app.commands.addCommand(id, {
      label,
      caption,
      icon,
      isEnabled: () =>
        manager.clusters.length > 0 && (isForAll || !manager.isReadOnly),
      describedBy: {
        args: {
          type: 'object',
          ...(description !== undefined && { description }),
          properties: { ...which, ...properties }
        }
      },
      execute: async args => {
        const cluster = await pickCluster(app, manager, args, trans);
        return cluster && command.act(cluster, args);
      }
    });
  };
}

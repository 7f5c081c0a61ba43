import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { describeError } from '../model/describe';
import type {
  CreateCluster,
  ICluster,
  IClusterManager,
  ISpecEditors,
  Template
} from '../tokens';
import { CommandIDs } from '../tokens';
import { templateArgument } from './meant';
import { askOnce } from './once';
import { SHOWN, notify } from './operation';
import { settled } from './settled';

/**
 * Add the command that makes a cluster.
 */
export function addCreateCommand(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  editors: ISpecEditors | null,
  trans: TranslationBundle
): void {
  app.commands.addCommand(CommandIDs.createCluster, {
    label: args => templateOf(manager, args)?.title ?? trans.__('New Cluster…'),
    caption: args => {
      const template = templateOf(manager, args);
      return (
        template?.unusable ??
        template?.description ??
        trans.__('Say what is wanted of it first')
      );
    },
    icon: args => (args.template === undefined ? addIcon : undefined),
    isEnabled: args =>
      manager.mayExecute &&
      (args.template !== undefined || editors !== null) &&
      !templateOf(manager, args)?.unusable,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...templateArgument(trans),
          isAsked: {
            type: 'boolean',
            description: trans.__(
              'Whether to let the person say more before it is made'
            )
          },
          name: {
            type: 'string',
            description: trans.__('What to call the cluster')
          },
          kernel: {
            type: 'string',
            description: trans.__('The kernel with whose Python it runs')
          },
          fields: {
            type: 'object',
            description: trans.__("Values of the template's own fields")
          }
        }
      }
    },
    execute: async args => {
      let made: Promise<ICluster>;
      if (args.template === undefined || args.isAsked) {
        if (
          args.template === undefined &&
          !(await hasTemplates(manager, trans))
        ) {
          return null;
        }
        // What goes wrong is said where it is asked for.
        const template = args.template === undefined ? null : args.template;
        const cluster = await askOnce('new', async () =>
          editors?.create(template as string | null)
        );
        if (!cluster) {
          return null;
        }
        made = Promise.resolve(cluster);
      } else {
        // The server takes nothing else.
        const { template, name, kernel, python, fields, spec, whole } = args;
        const wanted = { template, name, kernel, python, fields, spec, whole };
        made = manager.create(wanted as CreateCluster);
      }
      notify(
        made.then(async cluster => ({
          name: cluster.document.display_name,
          isSettled: await settled(cluster),
          isGone: cluster.isDisposed
        })),
        {
          pending: trans.__('A cluster starts…'),
          success: ({ name, isSettled, isGone }) =>
            isGone
              ? trans.__('%1 has gone.', name)
              : isSettled
                ? trans.__('%1 runs.', name)
                : trans.__('%1 does not run yet: the panel says why.', name),
          error: reason => trans.__('The cluster could not be made: %1', reason)
        },
        trans
      );
      return made.then(
        ({ id }) => ({ id }),
        () => null
      );
    }
  });
}

/**
 * Whether there is anything to make a cluster from; a person is told if not.
 */
async function hasTemplates(
  manager: IClusterManager,
  trans: TranslationBundle
): Promise<boolean> {
  if (manager.templates.length === 0) {
    await manager.refreshTemplates();
  }
  if (manager.templates.length > 0) {
    return true;
  }
  const { templatesError: error } = manager;
  Notification.error(
    error
      ? describeError(error, trans)
      : trans.__('There is no template to make a cluster from.'),
    SHOWN
  );
  return false;
}

function templateOf(
  manager: IClusterManager,
  args: ReadonlyPartialJSONObject
): Template | undefined {
  return manager.templates.find(({ name }) => name === args.template);
}

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { CreateCluster, IClusterManager, Template } from '../tokens';
import { CommandIDs } from '../tokens';
import type { IKernel } from './newdialog';
import { notify } from './operation';
import { settled } from './settled';

/**
 * Add the command that makes a cluster.
 */
export function addCreateCommand(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  trans: TranslationBundle
): void {
  app.commands.addCommand(CommandIDs.createCluster, {
    label: args => templateOf(manager, args)?.title ?? trans.__('New Cluster…'),
    caption: args =>
      templateOf(manager, args)?.description ??
      trans.__('Say what is wanted of it first'),
    icon: args => (args.template === undefined ? addIcon : undefined),
    isEnabled: () => manager.mayExecute,
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
      const request =
        args.template === undefined
          ? await ask(app, manager, trans)
          : (args as CreateCluster);
      if (request === null) {
        return null;
      }
      const made = manager.create(request);
      notify(
        made.then(async cluster => ({
          name: cluster.document.display_name,
          isSettled: await settled(cluster)
        })),
        {
          pending: trans.__('A cluster starts…'),
          success: ({ name, isSettled }) =>
            isSettled
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

async function ask(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  trans: TranslationBundle
): Promise<CreateCluster | null> {
  if (manager.templates.length === 0) {
    await manager.refreshTemplates();
  }
  if (manager.templates.length === 0) {
    return null;
  }
  const specs = app.serviceManager.kernelspecs?.specs?.kernelspecs ?? {};
  const kernels: IKernel[] = [];
  for (const [name, spec] of Object.entries(specs)) {
    if (spec?.language === 'python') {
      kernels.push({ name, title: spec.display_name });
    }
  }
  const { askCluster } = await import('./newdialog');
  return askCluster(manager.templates, kernels, trans);
}

function templateOf(
  manager: IClusterManager,
  args: ReadonlyPartialJSONObject
): Template | undefined {
  return manager.templates.find(({ name }) => name === args.template);
}

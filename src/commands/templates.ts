import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { deleteIcon, saveIcon } from '@jupyterlab/ui-components';
import type { IClusterManager, ISpecEditors, Template } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';
import { pickTemplate, templateArgument } from './meant';
import { askOnce } from './once';
import { SHOWN, notify, operation } from './operation';

/**
 * Add the commands that write and delete a person's own templates.
 */
export function addTemplateCommands(
  app: JupyterFrontEnd,
  add: AddClusterCommand,
  manager: IClusterManager,
  editors: ISpecEditors | null,
  trans: TranslationBundle
): void {
  if (editors) {
    add(CommandIDs.saveTemplate, {
      label: trans.__('Save as Template…'),
      caption: trans.__('Keep the spec of a cluster, to make others like it'),
      icon: saveIcon,
      act: async cluster => {
        const saved = await askOnce(`template ${cluster.id}`, () =>
          editors.saveTemplate(cluster)
        );
        if (!saved) {
          return null;
        }
        notify(
          Promise.resolve(saved),
          {
            pending: trans.__('The template is saved…'),
            success: ({ title }) => trans.__('Template %1 is saved.', title),
            error: reason => reason
          },
          trans
        );
        return { template: saved.name };
      }
    });
  }

  const isOwn = ({ own }: Template) => own;
  app.commands.addCommand(CommandIDs.deleteTemplate, {
    label: trans.__('Delete Template…'),
    caption: trans.__('Delete a template of your own'),
    icon: deleteIcon,
    isEnabled: () => manager.templates.some(isOwn) && !manager.isReadOnly,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...templateArgument(trans),
          isContextMenu: {
            type: 'boolean',
            description: trans.__('Whether it is the one under the menu')
          }
        }
      }
    },
    execute: async args => {
      const template = await pickTemplate(app, manager, args, trans, isOwn);
      if (!template) {
        return null;
      }
      const { title } = template;
      if (!isOwn(template)) {
        Notification.error(
          trans.__('%1 is no template of your own.', title),
          SHOWN
        );
        return null;
      }
      const about = `delete ${template.name}`;
      if (!(await askOnce(about, () => isMeant(template, trans)))) {
        return null;
      }
      const deleted = await operation(
        manager.deleteTemplate(template.name),
        {
          pending: trans.__('Template %1 is deleted…', title),
          success: () => trans.__('Template %1 is deleted.', title),
          error: reason =>
            trans.__('Template %1 was not deleted: %2', title, reason)
        },
        trans
      );
      return deleted && { template: deleted.name };
    }
  });
  manager.templatesChanged.connect(() =>
    app.commands.notifyCommandChanged(CommandIDs.deleteTemplate)
  );
}

async function isMeant(
  { title }: Template,
  trans: TranslationBundle
): Promise<boolean> {
  const { button } = await showDialog({
    title: trans.__('Delete %1?', title),
    body: trans.__('Clusters that were made from it stay as they are.'),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    // Enter, pressed once too often, deletes nothing.
    defaultButton: 0
  });
  return button.accept;
}

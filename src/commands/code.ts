import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { codeIcon, copyIcon } from '@jupyterlab/ui-components';
import type { ClientOf, IClientCode, IClusterManager } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';
import {
  entryArgument,
  pickEntry,
  pickTemplate,
  templateArgument
} from './meant';
import { SHOWN } from './operation';

/**
 * What these commands work with.
 */
export interface ICodeOptions {
  manager: IClusterManager;
  clientCode: IClientCode;
  trans: TranslationBundle;
}

/**
 * Add the commands that bring code to where a person writes.
 */
export function addCodeCommands(
  app: JupyterFrontEnd,
  add: AddClusterCommand,
  { manager, clientCode, trans }: ICodeOptions
): void {
  const { commands } = app;

  const insert = (of: ClientOf) => {
    const place = clientCode.insert(of);
    if (!place) {
      Notification.info(
        trans.__('No notebook is in use. Open one, or copy the code.'),
        {
          ...SHOWN,
          actions: [
            {
              label: trans.__('Copy Connection Code'),
              callback: () => Clipboard.copyToSystem(clientCode.code(of))
            }
          ]
        }
      );
    }
    return place;
  };

  add(CommandIDs.insertClientCode, {
    label: trans.__('Insert Client Code'),
    caption: trans.__(
      'Put the code that connects to a cluster into the active notebook'
    ),
    icon: codeIcon,
    isForAll: true,
    act: ({ id }) => insert(id)
  });

  add(CommandIDs.insertEntryCode, {
    label: trans.__('Insert Code for Entry'),
    caption: trans.__(
      'Put code that computes on the workers of an entry into the active notebook'
    ),
    icon: codeIcon,
    isForAll: true,
    properties: entryArgument(trans),
    act: async (cluster, args) => {
      const entry = await pickEntry(app, cluster, args, trans);
      const members = entry?.members.map(({ name }) => name);
      return members ? insert({ id: cluster.id, members }) : null;
    }
  });

  add(CommandIDs.copyClientCode, {
    label: trans.__('Copy Connection Code'),
    caption: trans.__('Copy the code that connects to a cluster'),
    icon: copyIcon,
    isForAll: true,
    act: ({ id }) => {
      const code = clientCode.code(id);
      Clipboard.copyToSystem(code);
      return { code };
    }
  });

  commands.addCommand(CommandIDs.insertTemplateCode, {
    label: trans.__('Insert Code for New Cluster'),
    caption: trans.__(
      'Put code that makes a cluster from a template into the active notebook'
    ),
    icon: codeIcon,
    isEnabled: () => manager.templates.length > 0 && manager.mayExecute,
    describedBy: {
      args: {
        type: 'object',
        properties: templateArgument(trans)
      }
    },
    execute: async args => {
      const template = await pickTemplate(app, manager, args, trans);
      return template && insert({ template: template.name });
    }
  });
  manager.templatesChanged.connect(() =>
    commands.notifyCommandChanged(CommandIDs.insertTemplateCode)
  );
}

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { keepTabs } from '../restoring';
import { tabCommands } from '../tabcommands';
import { CommandIDs, DOMAIN, IClusterManager, ILogViewers } from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addLogCommands } from './logcommands';
import { LogViewers } from './logviewers';
import type { LogTab } from './tab';

/**
 * The logs of clusters and their workers.
 */
export const logsPlugin: JupyterFrontEndPlugin<ILogViewers> = {
  id: 'speccluster-lab:logs',
  description: 'Shows what clusters and their workers log.',
  autoStart: true,
  requires: [IClusterManager],
  optional: [ILayoutRestorer, ITranslator, ICommandPalette],
  provides: ILogViewers,
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ): ILogViewers => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands, shell } = app;
    const tracker = new WidgetTracker<LogTab>({
      namespace: 'speccluster-lab-logs'
    });
    const viewers = new LogViewers({ shell, tracker, manager, trans });
    keepTabs(commands, restorer, {
      tracker,
      command: 'speccluster-lab:restore-logs',
      label: trans.__('Restore a Log'),
      properties: {
        member: { type: ['string', 'null'] },
        place: { type: 'integer' }
      },
      args: ({ content: { model }, place }) => ({
        id: model.cluster.id,
        member: model.member,
        place
      }),
      name: ({ content: { model }, place }) => `${model.cluster.id}:${place}`,
      open: (id, { member, place }) =>
        viewers.restore(
          id,
          typeof member === 'string' ? member : null,
          typeof place === 'number' ? place : undefined
        )
    });
    const add = tabCommands(app, {
      tracker,
      signals: ({ changed }) => [changed],
      state: ({ model }) => String(model.isFollowing),
      none: trans.__('No log is in use.'),
      trans
    });
    addLogCommands(add, trans);
    const category = trans.__('Clusters');
    for (const command of [
      CommandIDs.followLog,
      CommandIDs.copyLog,
      CommandIDs.filterLog
    ]) {
      palette?.addItem({ command, category });
    }
    return viewers;
  }
};

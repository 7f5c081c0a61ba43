import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IClusterManager, ILogViewers } from '../tokens';
import { LogViewers } from './logviewers';
import type { LogTab } from './tab';

/**
 * Opens a log again when JupyterLab opens; it fails when its cluster has gone.
 */
const RESTORE = 'speccluster-lab:restore-logs';

/**
 * The logs of clusters and their workers.
 */
export const logsPlugin: JupyterFrontEndPlugin<ILogViewers> = {
  id: 'speccluster-lab:logs',
  description: 'Shows what clusters and their workers log.',
  autoStart: true,
  requires: [IClusterManager],
  optional: [ILayoutRestorer, ITranslator],
  provides: ILogViewers,
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): ILogViewers => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands, shell } = app;
    const tracker = new WidgetTracker<LogTab>({
      namespace: 'speccluster-lab-logs'
    });
    const viewers = new LogViewers({ shell, tracker, manager, trans });
    commands.addCommand(RESTORE, {
      label: trans.__('Restore a Log'),
      isVisible: () => false,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            id: { type: 'string' },
            member: { type: ['string', 'null'] },
            place: { type: 'integer' }
          },
          required: ['id']
        }
      },
      execute: args => {
        const { id, member, place } = args;
        return viewers.restore(
          String(id),
          typeof member === 'string' ? member : null,
          typeof place === 'number' ? place : undefined
        );
      }
    });
    void restorer?.restore(tracker, {
      command: RESTORE,
      args: ({ content: { model }, place }) => ({
        id: model.cluster.id,
        member: model.member,
        place
      }),
      name: ({ content: { model }, place }) => `${model.cluster.id}:${place}`
    });
    return viewers;
  }
};

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IClientCode, IClusterManager } from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the sidebar at once
import { ClusterPanel } from './panel';

/**
 * The Clusters panel in the left sidebar.
 */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'speccluster-lab:panel',
  description: 'The Clusters panel in the left sidebar.',
  autoStart: true,
  requires: [IClusterManager, IClientCode],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    clientCode: IClientCode,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const panel = new ClusterPanel({ manager, commands, clientCode, trans });
    app.shell.add(panel, 'left', { rank: 600 });
    restorer?.add(panel, panel.id);
  }
};

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, IClientCode, IClusterManager } from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the sidebar at once
import { ClusterPanel } from './panel';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { addPanelCommands } from './panelcommands';

const PLUGIN_ID = 'speccluster-lab:panel';

/**
 * The Clusters panel: in the left sidebar, or in the main area where there is no sidebar.
 */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'The Clusters panel in the left sidebar.',
  autoStart: true,
  requires: [IClusterManager, IClientCode],
  optional: [
    ILabShell,
    ILayoutRestorer,
    ISettingRegistry,
    ICommandPalette,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    clientCode: IClientCode,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const panel = new ClusterPanel({ manager, commands, clientCode, trans });
    if (labShell) {
      labShell.add(panel, 'left', { rank: 600 });
      restorer?.add(panel, panel.id);
    }
    addPanelCommands(app, panel, trans);
    const category = trans.__('Clusters');
    for (const command of [
      CommandIDs.showPanel,
      CommandIDs.filterClusters,
      CommandIDs.orderClusters,
      CommandIDs.groupClusters
    ]) {
      palette?.addItem({ command, category });
    }
    settings?.load(PLUGIN_ID).then(
      loaded => panel.view.bind(loaded),
      (reason: unknown) =>
        console.error('The settings of the panel are not there.', reason)
    );
  }
};

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- provided at once
import { ApiClient } from './api/client';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- provided at once
import { EventStream } from './api/stream';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- provided at once
import { ClusterManager } from './model/clustermanager';
import { IClusterManager } from './tokens';

/**
 * The clusters of the server that JupyterLab talks to.
 */
export const managerPlugin: JupyterFrontEndPlugin<IClusterManager> = {
  id: 'speccluster-lab:manager',
  description: 'Keeps what is known of the clusters.',
  autoStart: true,
  provides: IClusterManager,
  activate: (app: JupyterFrontEnd): IClusterManager => {
    const { serverSettings } = app.serviceManager;
    const manager = new ClusterManager({
      client: new ApiClient(serverSettings),
      stream: new EventStream(serverSettings)
    });
    // At once: what is restored may wait for it, and JupyterLab for that.
    manager.connect();
    window.addEventListener('online', () => manager.connect());
    return manager;
  }
};

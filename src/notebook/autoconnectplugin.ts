import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IAutoConnect, IClusterManager } from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- before a notebook is opened
import { AutoConnect } from './autoconnect';

/**
 * Notebooks whose new kernels connect to a cluster by themselves; null where
 * there are no notebooks, or nothing is kept of what a person has agreed to.
 */
export const autoConnectPlugin: JupyterFrontEndPlugin<IAutoConnect | null> = {
  id: 'speccluster-lab:autoconnect',
  description: 'Has new kernels of notebooks connect to clusters.',
  autoStart: true,
  requires: [IClusterManager],
  optional: [INotebookTracker, IStateDB, ITranslator],
  provides: IAutoConnect,
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    tracker: INotebookTracker | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ): IAutoConnect | null => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    return tracker && state
      ? new AutoConnect({ tracker, manager, state, trans })
      : null;
  }
};

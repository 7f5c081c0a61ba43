import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IClientCode } from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- provided at once
import { ClientCode } from './clientcode';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- before anything is dragged
import { acceptDrops } from './drops';

/**
 * The way from a cluster to a notebook.
 */
export const notebookPlugin: JupyterFrontEndPlugin<IClientCode> = {
  id: 'speccluster-lab:notebook',
  description: 'Brings the code that connects to a cluster into notebooks.',
  autoStart: true,
  optional: [INotebookTracker],
  provides: IClientCode,
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker | null
  ): IClientCode => {
    acceptDrops(app.shell);
    return new ClientCode(tracker, app.shell);
  }
};

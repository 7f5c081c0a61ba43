import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IClusterManager } from '../tokens';

import { addFallback } from './widgetfallback';

// eslint-disable-next-line jupyter/prefer-lazy-imports -- widgets ask at once
import { answerWidgets } from './widgetpage';

/**
 * What the widget in a notebook finds in JupyterLab, and what is there without it.
 */
export const widgetPlugin: JupyterFrontEndPlugin<void> = {
  id: 'speccluster-lab:widget',
  description:
    'Lets the widgets of clusters act while a cell runs, and shows tables where there is no kernel.',
  autoStart: true,
  requires: [IClusterManager],
  optional: [INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    tracker: INotebookTracker | null
  ): void => {
    answerWidgets(manager, app.commands);
    tracker?.forEach(addFallback);
    tracker?.widgetAdded.connect((_, panel) => addFallback(panel));
  }
};

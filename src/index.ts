import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

const panel: JupyterFrontEndPlugin<void> = {
  id: 'speccluster-lab:panel',
  description: 'The Clusters panel in the left sidebar.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => undefined
};

export default [panel];

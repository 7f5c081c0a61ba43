import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IClusterManager, ISpecEditors } from '../tokens';
import { SpecEditors } from './speceditors';
import type { SpecEditorTab } from './tab';

/**
 * Opens an editor again when JupyterLab opens; it fails when its cluster has gone.
 */
const RESTORE = 'speccluster-lab:restore-spec-editor';

/**
 * The editors of clusters' specs.
 */
export const editorPlugin: JupyterFrontEndPlugin<ISpecEditors> = {
  id: 'speccluster-lab:editor',
  description: 'Edits what a cluster should be.',
  autoStart: true,
  requires: [IClusterManager, IEditorServices],
  optional: [ILayoutRestorer, ITranslator],
  provides: ISpecEditors,
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    services: IEditorServices,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): ISpecEditors => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands, shell } = app;
    const tracker = new WidgetTracker<SpecEditorTab>({
      namespace: 'speccluster-lab-specs'
    });
    const editors = new SpecEditors({ shell, tracker, services, trans });
    commands.addCommand(RESTORE, {
      label: trans.__('Restore the Editor of a Spec'),
      isVisible: () => false,
      describedBy: {
        args: {
          type: 'object',
          properties: { id: { type: 'string' } },
          required: ['id']
        }
      },
      execute: args => editors.restore(manager, String(args.id))
    });
    void restorer?.restore(tracker, {
      command: RESTORE,
      args: tab => ({ id: tab.content.cluster.id }),
      name: tab => tab.content.cluster.id
    });
    return editors;
  }
};

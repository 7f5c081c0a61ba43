import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, DOMAIN, ISpecEditors } from '../tokens';
import { SpecEditors } from './speceditors';
import type { SpecEditorTab } from './tab';

/**
 * The editors of clusters' specs.
 */
export const editorPlugin: JupyterFrontEndPlugin<ISpecEditors> = {
  id: 'speccluster-lab:editor',
  description: 'Edits what a cluster should be.',
  autoStart: true,
  requires: [IEditorServices],
  optional: [ILayoutRestorer, ITranslator],
  provides: ISpecEditors,
  activate: (
    app: JupyterFrontEnd,
    services: IEditorServices,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): ISpecEditors => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const tracker = new WidgetTracker<SpecEditorTab>({
      namespace: 'speccluster-lab-specs'
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.editSpec,
      args: tab => ({ id: tab.content.cluster.id }),
      name: tab => tab.content.cluster.id
    });
    return new SpecEditors({ shell: app.shell, tracker, services, trans });
  }
};

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN, IClusterManager, ISpecEditors } from '../tokens';
import type { IKernel } from './newcluster';
import type { IArrangement } from './speceditors';
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
    const editors = new SpecEditors({
      shell,
      tracker,
      manager,
      services,
      kernels: () => kernelsOf(app),
      trans
    });
    commands.addCommand(RESTORE, {
      label: trans.__('Restore the Editor of a Spec'),
      isVisible: () => false,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            id: { type: 'string' },
            view: { type: 'string' },
            format: { type: 'string' }
          },
          required: ['id']
        }
      },
      execute: args => {
        const { id, view, format } = args as Partial<Record<string, string>>;
        return editors.restore(String(id), arrangement(view, format));
      }
    });
    void restorer?.restore(tracker, {
      command: RESTORE,
      args: ({ content }) => ({
        id: content.cluster.id,
        view: content.view,
        format: content.draft.format
      }),
      name: tab => tab.content.cluster.id
    });
    return editors;
  }
};

/** The kernels of which a cluster can have the Python. */
function kernelsOf({ serviceManager }: JupyterFrontEnd): IKernel[] {
  const specs = serviceManager.kernelspecs?.specs?.kernelspecs ?? {};
  return Object.entries(specs).flatMap(([name, spec]) =>
    spec?.language === 'python' ? [{ name, title: spec.display_name }] : []
  );
}

/** What is kept in a layout may be of another version. */
function arrangement(
  view: string | undefined,
  format: string | undefined
): Partial<IArrangement> {
  return {
    view: VIEWS.find(one => one === view),
    format: FORMATS.find(one => one === format)
  };
}

const VIEWS = ['form', 'code', 'history'] as const;
const FORMATS = ['yaml', 'json'] as const;

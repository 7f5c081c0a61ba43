import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILabStatus, ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { keepTabs } from '../restoring';
import { tabCommands } from '../tabcommands';
import { DOMAIN, IClusterManager, ISpecEditors } from '../tokens';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- in the palette at once
import { FORMATS, OFFERED, VIEWS, addEditorCommands } from './editorcommands';
import type { IKernel } from './newcluster';
import type { IArrangement } from './speceditors';
import { SpecEditors } from './speceditors';
import type { SpecEditorTab } from './tab';

/**
 * The editors of clusters' specs.
 */
export const editorPlugin: JupyterFrontEndPlugin<ISpecEditors> = {
  id: 'speccluster-lab:editor',
  description: 'Edits what a cluster should be.',
  autoStart: true,
  requires: [IClusterManager, IEditorServices],
  // Jupyter Notebook has no status.
  optional: [ILayoutRestorer, ITranslator, ILabStatus, ICommandPalette],
  provides: ISpecEditors,
  activate: (
    app: JupyterFrontEnd,
    manager: IClusterManager,
    services: IEditorServices,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    status: ILabStatus | null,
    palette: ICommandPalette | null
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
      status,
      trans
    });
    keepTabs(commands, restorer, {
      tracker,
      command: 'speccluster-lab:restore-spec-editor',
      label: trans.__('Restore the Editor of a Spec'),
      properties: { view: { type: 'string' }, format: { type: 'string' } },
      args: ({ content }) => ({
        id: content.cluster.id,
        view: content.view,
        format: content.draft.format
      }),
      name: ({ content }) => content.cluster.id,
      open: (id, args) => editors.restore(id, arrangement(args))
    });
    const add = tabCommands(app, {
      tracker,
      // The form tells of the draft as well.
      signals: ({ form, arranged }) => [form.changed, arranged],
      state: ({ draft, form, view }) =>
        `${view} ${draft.format} ${form.isTogether}`,
      none: trans.__('No editor of a spec is in use.'),
      trans
    });
    addEditorCommands(add, trans);
    const category = trans.__('Clusters');
    for (const item of OFFERED) {
      palette?.addItem({ ...item, category });
    }
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
function arrangement(args: ReadonlyPartialJSONObject): Partial<IArrangement> {
  return {
    view: VIEWS.find(one => one === args.view),
    format: FORMATS.find(one => one === args.format)
  };
}

import type { ILabStatus, JupyterFrontEnd } from '@jupyterlab/application';
import type { WidgetTracker } from '@jupyterlab/apputils';
import type { IEditorServices } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import { showInMainArea } from '../mainarea';
import { restoredCluster } from '../restoring';
import type {
  ICluster,
  IClusterManager,
  ISpecEditors,
  Template
} from '../tokens';
import type { View } from './header';
import type { IKernel } from './newcluster';
import type { Format } from './spectext';
import type { SpecEditorTab } from './tab';
import type { IUnfinished, IUnfinishedTemplate } from './unfinished';
import { Unfinished } from './unfinished';

/**
 * How a person has left an editor.
 */
export interface IArrangement {
  view: View;
  format: Format;
}

/**
 * The editors of clusters' specs, one for each cluster.
 */
export class SpecEditors implements ISpecEditors {
  /**
   * @param options - Where the editors go, and what they are made of.
   */
  constructor(options: SpecEditors.IOptions) {
    this._options = options;
  }

  /**
   * Show the editor of a cluster's spec.
   */
  async open(
    cluster: ICluster,
    arrangement: Partial<IArrangement> = {}
  ): Promise<string> {
    const { shell, tracker } = this._options;
    const { SpecEditorTab } = await import('./tab');
    const known = tracker.find(tab => tab.content.cluster === cluster);
    if (known) {
      shell.activateById(known.id);
      return known.id;
    }
    const tab = new SpecEditorTab(cluster, this._options);
    const { content } = tab;
    content.draft.setFormat(arrangement.format ?? content.draft.format);
    content.setView(arrangement.view ?? content.view);
    void tracker.add(tab);
    content.arranged.connect(() => void tracker.save(tab));
    showInMainArea(shell, tab, 'right');
    return tab.id;
  }

  /**
   * Let a person say what they want of a new cluster, and make it.
   */
  async create(template: string | null): Promise<ICluster | null> {
    const { manager, services, kernels, trans } = this._options;
    if (manager.templates.length === 0) {
      await manager.refreshTemplates();
    }
    if (manager.templates.length === 0) {
      return null;
    }
    const { askCluster } = await import('./newdialog');
    const factory = services.factoryService.newDocumentEditor;
    return askCluster(
      { manager, kernels: kernels(), template, trans },
      this._newLeft,
      factory
    );
  }

  /**
   * Let a person keep a cluster's spec as a template of their own.
   */
  async saveTemplate(cluster: ICluster): Promise<Template | null> {
    const { manager, trans } = this._options;
    const { askTemplate } = await import('./savedialog');
    return askTemplate(cluster, manager, this._savesLeft, trans);
  }

  /**
   * Show again the editor of a cluster's spec, when JupyterLab opens.
   *
   * @throws An error when the cluster has gone, or is not known in time:
   * JupyterLab waits for everything that is restored.
   */
  async restore(
    id: string,
    arrangement?: Partial<IArrangement>
  ): Promise<string> {
    const cluster = await restoredCluster(this._options.manager, id);
    return this.open(cluster, arrangement);
  }

  private readonly _options: SpecEditors.IOptions;
  private readonly _newLeft = new Unfinished<IUnfinished>();
  private readonly _savesLeft = new Unfinished<IUnfinishedTemplate>();
}

/**
 * Types of `SpecEditors`.
 */
export namespace SpecEditors {
  /**
   * Where the editors go, and what they are made of.
   */
  export interface IOptions {
    shell: JupyterFrontEnd.IShell;
    tracker: WidgetTracker<SpecEditorTab>;
    manager: IClusterManager;
    services: IEditorServices;
    kernels: () => IKernel[];

    /**
     * Where it is said that something would be lost; null where there is no such place.
     */
    status: ILabStatus | null;

    trans: TranslationBundle;
  }
}

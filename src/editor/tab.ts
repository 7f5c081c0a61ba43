import type { ILabStatus } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IEditorServices } from '@jupyterlab/codeeditor';
import { CodeEditor } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import { editIcon } from '@jupyterlab/ui-components';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import type { ICluster, IClusterManager } from '../tokens';
import { confirmDiscard } from './discard';
import { SpecEditor } from './speceditor';

const DIRTY_CLASS = 'jp-mod-dirty';

/**
 * The tab of a spec's editor. It asks before changes are lost.
 */
export class SpecEditorTab extends MainAreaWidget<SpecEditor> {
  /**
   * @param cluster - The cluster whose spec is edited.
   * @param options - What it is made of.
   */
  constructor(cluster: ICluster, options: SpecEditorTab.IOptions) {
    const { manager, services, status, trans } = options;
    const content = new SpecEditor({
      cluster,
      manager,
      factory: services.factoryService.newDocumentEditor,
      model: new CodeEditor.Model({ mimeType: 'application/json' }),
      trans
    });
    super({ content });
    this.toolbar.hide();
    this._trans = trans;
    this._status = status;
    const { id, document } = cluster;
    // A region of the main area, by JupyterLab's own name for all of them.
    const name = trans.__('Editor of %1', document.display_name);
    content.node.setAttribute('aria-label', name);
    // There may still be the tab of one that had this id before.
    this.id = `speccluster-lab-spec-${id}-${document.created}`;
    this.title.label = document.display_name;
    this.title.caption = trans.__('Spec of %1', document.display_name);
    this.title.icon = editIcon;
    content.dirtyChanged.connect(this._onDirty, this);
  }

  /**
   * Free what the tab holds.
   */
  override dispose(): void {
    super.dispose();
    this._setUnsaved(false);
  }

  protected override onCloseRequest(msg: Message): void {
    if (!this.content.isDirty || this.content.cluster.isDisposed) {
      super.onCloseRequest(msg);
      return;
    }
    void confirmDiscard(this._trans).then(isConfirmed => {
      if (isConfirmed) {
        super.onCloseRequest(msg);
      }
    });
  }

  private _onDirty(editor: SpecEditor): void {
    // JupyterLab shows a dot in place of the cross, as for unsaved documents. It
    // keeps classes of its own there.
    const others = this.title.className
      .split(' ')
      .filter(name => name !== DIRTY_CLASS);
    this.title.className = [
      ...others,
      ...(editor.isDirty ? [DIRTY_CLASS] : [])
    ].join(' ');
    this._setUnsaved(editor.isDirty && !editor.cluster.isDisposed);
  }

  /** JupyterLab asks before its page is left, while anything is unsaved. */
  private _setUnsaved(isUnsaved: boolean): void {
    if (isUnsaved) {
      this._unsaved ??= this._status?.setDirty() ?? null;
    } else {
      this._unsaved?.dispose();
      this._unsaved = null;
    }
  }

  private readonly _trans: TranslationBundle;
  private readonly _status: ILabStatus | null;
  private _unsaved: IDisposable | null = null;
}

/**
 * Types of `SpecEditorTab`.
 */
export namespace SpecEditorTab {
  /**
   * What it is made of.
   */
  export interface IOptions {
    /**
     * Knows whether anything may be changed.
     */
    manager: IClusterManager;

    /**
     * Makes the editor of the text.
     */
    services: IEditorServices;

    /**
     * Where it is said that something would be lost; null where there is no such place.
     */
    status: ILabStatus | null;

    /**
     * The translations.
     */
    trans: TranslationBundle;
  }
}

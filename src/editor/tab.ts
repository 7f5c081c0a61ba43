import { Dialog, MainAreaWidget, showDialog } from '@jupyterlab/apputils';
import type { IEditorServices } from '@jupyterlab/codeeditor';
import { CodeEditor } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import { editIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ICluster, IClusterManager } from '../tokens';
import { SpecEditor } from './speceditor';

const DIRTY_CLASS = 'jp-mod-dirty';

/**
 * The tab of a spec's editor. It asks before changes are lost.
 */
export class SpecEditorTab extends MainAreaWidget<SpecEditor> {
  /**
   * @param cluster - The cluster whose spec is edited.
   * @param manager - Knows whether anything may be changed.
   * @param services - Makes the editor of the text.
   * @param trans - The translations.
   */
  constructor(
    cluster: ICluster,
    manager: IClusterManager,
    services: IEditorServices,
    trans: TranslationBundle
  ) {
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
    const { id, document } = cluster;
    // A region of the main area, by JupyterLab's own name for all of them.
    const name = trans.__('Editor of %1', document.display_name);
    content.node.setAttribute('aria-label', name);
    this.id = `speccluster-lab-spec-${id}`;
    this.title.label = document.display_name;
    this.title.caption = trans.__('Spec of %1', document.display_name);
    this.title.icon = editIcon;
    content.dirtyChanged.connect(this._onDirty, this);
  }

  protected override onCloseRequest(msg: Message): void {
    if (!this.content.isDirty || this.content.cluster.isDisposed) {
      super.onCloseRequest(msg);
      return;
    }
    void this._confirm().then(isConfirmed => {
      if (isConfirmed) {
        super.onCloseRequest(msg);
      }
    });
  }

  private async _confirm(): Promise<boolean> {
    const trans = this._trans;
    const { button } = await showDialog({
      title: trans.__('Discard the changes?'),
      body: trans.__('The spec has changes that were not applied.'),
      buttons: [
        Dialog.cancelButton(),
        Dialog.warnButton({ label: trans.__('Discard') })
      ]
    });
    return button.accept;
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
  }

  private readonly _trans: TranslationBundle;
}

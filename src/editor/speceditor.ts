import { EditorView } from '@codemirror/view';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeEditorWrapper } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { PanelLayout, Widget } from '@lumino/widgets';
import { ApiError } from '../api/errors';
import type { Cluster, ClusterSpec } from '../api/types';
import { describeError } from '../model/describe';
import type { ICluster } from '../tokens';
import { EditorNotice } from './notice';

/**
 * A cluster's spec as JSON, to be changed and applied.
 */
export class SpecEditor extends Widget {
  /**
   * @param options - What is edited, and with what.
   */
  constructor(options: SpecEditor.IOptions) {
    super();
    const { cluster, model, trans } = options;
    this._cluster = cluster;
    this._trans = trans;
    this._model = model;
    this.addClass('jp-SpecCluster-editor');

    const name = cluster.document.display_name;
    this._notice = new EditorNotice();
    this._code = new CodeEditorWrapper({
      factory: options.factory,
      model,
      editorOptions: {
        config: { lineNumbers: true, lineWrap: true, codeFolding: true },
        extensions: [
          EditorView.contentAttributes.of({
            'aria-label': trans.__('Spec of %1', name)
          })
        ]
      }
    });
    this._code.addClass('jp-SpecCluster-editorCode');
    const layout = (this.layout = new PanelLayout());
    layout.addWidget(this._notice);
    layout.addWidget(this._code);
    layout.addWidget(this._makeFooter());

    this._load(cluster.document);
    model.sharedModel.changed.connect(this._onText, this);
    cluster.changed.connect(this._onCluster, this);
  }

  /**
   * The cluster whose spec is edited.
   */
  get cluster(): ICluster {
    return this._cluster;
  }

  /**
   * Whether there are changes that have not been applied.
   */
  get isDirty(): boolean {
    return this._model.sharedModel.getSource() !== this._loaded;
  }

  /**
   * Emitted when `isDirty` may have changed.
   */
  get dirtyChanged(): ISignal<this, void> {
    return this._dirtyChanged;
  }

  /**
   * The generation that the text was made from.
   */
  get generation(): number {
    return this._generation;
  }

  /**
   * Make the text the desired state of the cluster.
   *
   * @returns Whether it was taken.
   */
  async apply(): Promise<boolean> {
    if (this._isApplying || this._cluster.isDisposed) {
      return false;
    }
    const spec = this._parse();
    if (spec === null) {
      return false;
    }
    this._isApplying = true;
    this._updateState();
    try {
      const answer = await this._cluster.replaceSpec(spec, this._generation);
      this._load(answer);
      return true;
    } catch (error) {
      this._showFailure(error);
      return false;
    } finally {
      this._isApplying = false;
      this._updateState();
    }
  }

  /**
   * Drop all changes: show the spec as the cluster has it.
   */
  revert(): void {
    this._load(this._cluster.document);
  }

  /**
   * Get the spec anew from the server, and drop all changes.
   */
  async reload(): Promise<void> {
    try {
      this._load(await this._cluster.refresh());
    } catch (error) {
      this._showFailure(error);
    }
  }

  /**
   * Free what the editor holds.
   */
  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._cluster.changed.disconnect(this._onCluster, this);
    this._model.sharedModel.changed.disconnect(this._onText, this);
    super.dispose();
    this._model.dispose();
    Signal.clearData(this);
  }

  protected override onActivateRequest(msg: Message): void {
    this._code.editor.focus();
  }

  private _makeFooter(): Widget {
    const trans = this._trans;
    const footer = new Widget();
    footer.addClass('jp-SpecCluster-editorFooter');
    this._status.className = 'jp-SpecCluster-editorStatus';
    this._status.setAttribute('role', 'status');
    this._revert.textContent = trans.__('Revert');
    this._revert.className = 'jp-SpecCluster-button';
    this._revert.onclick = () => this.revert();
    this._apply.textContent = trans.__('Apply');
    this._apply.className = 'jp-SpecCluster-button jp-mod-primary';
    this._apply.onclick = () => void this.apply();
    footer.node.append(this._status, this._revert, this._apply);
    return footer;
  }

  private _parse(): ClusterSpec | null {
    try {
      const value: unknown = JSON.parse(this._model.sharedModel.getSource());
      if (typeof value === 'object' && value && !Array.isArray(value)) {
        return value as ClusterSpec;
      }
      this._notice.say({ message: this._trans.__('A spec is a JSON object.') });
    } catch (error) {
      const reason = (error as SyntaxError).message;
      this._notice.say({ message: this._trans.__('Not JSON: %1', reason) });
    }
    return null;
  }

  private _load(document: Cluster): void {
    const text = `${JSON.stringify(document.spec, null, 2)}\n`;
    this._generation = document.generation;
    this._loaded = text;
    if (this._model.sharedModel.getSource() !== text) {
      this._model.sharedModel.setSource(text);
    }
    this._notice.clear();
    this._updateState();
  }

  private _showFailure(error: unknown): void {
    const trans = this._trans;
    const code = error instanceof ApiError ? error.code : null;
    if (code === ApiError.STALE_GENERATION) {
      this._showConflict();
    } else if (code === ApiError.CLUSTER_NOT_FOUND) {
      this._notice.say({ message: trans.__('The cluster has gone.') });
    } else {
      this._notice.say({
        field: error instanceof ApiError ? error.field : null,
        message: describeError(error, trans)
      });
    }
  }

  private _showConflict(): void {
    const trans = this._trans;
    this._notice.say({
      message: trans.__(
        'The spec was changed elsewhere since you began. Reload to see it as it is; your changes here are dropped then.'
      ),
      action: { label: trans.__('Reload'), run: () => void this.reload() }
    });
  }

  private _onText(): void {
    this._updateState();
  }

  private _onCluster(): void {
    const cluster = this._cluster;
    if (cluster.isDisposed) {
      this._notice.say({ message: this._trans.__('The cluster has gone.') });
    } else if (
      cluster.document.generation > this._generation &&
      !this._isApplying
    ) {
      if (this.isDirty) {
        this._showConflict();
      } else {
        this._load(cluster.document);
      }
    }
    this._updateState();
  }

  private _updateState(): void {
    const trans = this._trans;
    const isDirty = this.isDirty;
    this._apply.disabled =
      !isDirty || this._isApplying || this._cluster.isDisposed;
    this._revert.disabled = !isDirty || this._isApplying;
    this._status.textContent = isDirty
      ? trans.__('Changed, not applied')
      : trans.__('Generation %1', this._generation);
    this._dirtyChanged.emit();
  }

  private readonly _cluster: ICluster;
  private readonly _trans: TranslationBundle;
  private readonly _model: CodeEditor.IModel;
  private readonly _notice: EditorNotice;
  private readonly _code: CodeEditorWrapper;
  private readonly _dirtyChanged = new Signal<this, void>(this);
  private readonly _status = document.createElement('span');
  private readonly _revert = document.createElement('button');
  private readonly _apply = document.createElement('button');
  private _generation = 0;
  private _loaded = '';
  private _isApplying = false;
}

/**
 * Types of `SpecEditor`.
 */
export namespace SpecEditor {
  /**
   * What is edited, and with what.
   */
  export interface IOptions {
    /**
     * The cluster whose spec is edited.
     */
    cluster: ICluster;

    /**
     * Makes the editor of the text.
     */
    factory: CodeEditor.Factory;

    /**
     * Holds the text; the editor owns it.
     */
    model: CodeEditor.IModel;

    /**
     * The translations.
     */
    trans: TranslationBundle;
  }
}

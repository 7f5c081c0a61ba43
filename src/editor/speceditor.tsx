import { EditorView } from '@codemirror/view';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeEditorWrapper } from '@jupyterlab/codeeditor';
import { Clipboard, DOMUtils } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';
import type { ClusterSpec, Generation } from '../api/types';
import type { ICluster, IClusterManager } from '../tokens';
import { Notice } from './conflictview';
import { confirmDiscard } from './discard';
import { SpecDraft } from './draft';
import { pickEarlier } from './earlier';
import { EditorFooter } from './footer';
import { FormModel } from './formmodel';
import type { View } from './header';
import { EditorHeader, tabId } from './header';
import { HistoryView } from './historyview';
import { DraftPart } from './part';
import { PlanView } from './planview';
import { pythonCode } from './python';
import { undoKeys } from './undo';

/**
 * A cluster's spec, as a form, as code, and as it was before; with what its
 * changes would do, before they are applied.
 */
export class SpecEditor extends Widget {
  /**
   * @param options - What is edited, and with what.
   */
  constructor(options: SpecEditor.IOptions) {
    super();
    const { cluster, manager, model, trans } = options;
    const draft = new SpecDraft({ cluster, text: model, trans });
    this.draft = draft;
    this.form = new FormModel(draft);
    this._manager = manager;
    this._options = options;
    this.addClass('jp-SpecCluster-editor');
    const name = cluster.document.display_name;
    this._code = this._makeCode(name);
    this._views = {
      form: this._makeForm(),
      code: this._code,
      history: this._makeHistory()
    };
    this._header = new DraftPart(draft, () => (
      <EditorHeader
        draft={draft}
        view={this._view}
        panelId={view => this._views[view].id}
        onView={view => this.setView(view)}
        trans={trans}
      />
    ));
    this._header.addClass('jp-SpecCluster-editorHeader');
    const notice = new DraftPart(draft, () => (
      <Notice draft={draft} trans={trans} />
    ));
    const plan = new DraftPart(draft, () => (
      <PlanView draft={draft} trans={trans} />
    ));
    const footer = (this._footer = new DraftPart(draft, () => (
      <EditorFooter
        draft={draft}
        isCopied={this._copied !== null && this._copied === draft.spec}
        onCopy={() => this.copyCode()}
        trans={trans}
      />
    )));
    footer.addClass('jp-SpecCluster-editorFooter');

    const layout = (this.layout = new PanelLayout());
    layout.addWidget(this._header);
    layout.addWidget(notice);
    for (const view of Object.values(this._views)) {
      view.id = DOMUtils.createDomID();
      view.node.setAttribute('role', 'tabpanel');
      view.node.setAttribute('aria-labelledby', tabId(view.id));
      view.addClass('jp-SpecCluster-editorView');
      layout.addWidget(view);
    }
    layout.addWidget(plan);
    layout.addWidget(footer);
    this.setView(this._view);

    this._onAccess();
    manager.accessChanged.connect(this._onAccess, this);
    draft.changed.connect(this._onDraft, this);
  }

  /**
   * What is written.
   */
  readonly draft: SpecDraft;

  /**
   * What the form shows of it.
   */
  readonly form: FormModel;

  /**
   * The cluster whose spec is edited.
   */
  get cluster(): ICluster {
    return this.draft.cluster;
  }

  /**
   * Whether there are changes that have not been applied.
   */
  get isDirty(): boolean {
    return this.draft.isDirty && !this.draft.isReadOnly;
  }

  /**
   * Emitted when `isDirty` may have changed.
   */
  get dirtyChanged(): ISignal<this, void> {
    return this._dirtyChanged;
  }

  /**
   * Emitted when another view is shown, or the text is written in another format.
   */
  get arranged(): ISignal<this, void> {
    return this._arranged;
  }

  /**
   * Which view is shown.
   */
  get view(): View {
    return this._view;
  }

  /**
   * Show another view.
   */
  setView(view: View): void {
    this._view = view;
    void this._need(view);
    for (const [name, widget] of Object.entries(this._views)) {
      widget.setHidden(name !== view);
    }
    this._header.update();
    this._arranged.emit();
  }

  /**
   * Copy the code that makes the same cluster in a notebook; nothing while the text is no spec.
   *
   * @returns The code.
   */
  copyCode(): string | null {
    const { spec, cluster } = this.draft;
    if (spec === null) {
      return null;
    }
    const code = pythonCode(spec, cluster.document.display_name);
    Clipboard.copyToSystem(code);
    this._copied = spec;
    this._footer.update();
    return code;
  }

  /**
   * Write again what was wanted before. It is not applied.
   *
   * @param generation - Which; a person is asked for it when it is null.
   *
   * @returns The generation; null when the person wants none after all.
   *
   * @throws An error when there is no such generation, or it cannot be read.
   */
  async goBack(generation: number | null): Promise<number | null> {
    const { cluster } = this.draft;
    const earlier = await pickEarlier(cluster, generation, this._options.trans);
    return earlier && (await this._take(earlier)) ? earlier.generation : null;
  }

  /**
   * Free what the editor holds.
   */
  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._manager.accessChanged.disconnect(this._onAccess, this);
    super.dispose();
    this.draft.dispose();
    Signal.clearData(this);
  }

  protected override onActivateRequest(msg: Message): void {
    const { activeElement } = document;
    if (activeElement !== this.node && this.node.contains(activeElement)) {
      // Where a command has let it go: the palette activates the tab afterwards.
      return;
    }
    if (this._view === 'code') {
      this._code.editor.focus();
    } else {
      document.getElementById(tabId(this._views[this._view].id))?.focus();
    }
  }

  private _makeCode(name: string): CodeEditorWrapper {
    const { factory, model, trans } = this._options;
    const code = new CodeEditorWrapper({
      factory,
      model,
      editorOptions: {
        config: { lineNumbers: true, lineWrap: true, codeFolding: true },
        extensions: [
          EditorView.contentAttributes.of({
            'aria-label': trans.__('Spec of %1', name)
          }),
          undoKeys(model)
        ]
      }
    });
    code.addClass('jp-SpecCluster-editorCode');
    return code;
  }

  private _makeForm(): Widget {
    const { form } = this;
    const { trans } = this._options;
    const part = new DraftPart(form, () => {
      const { FormView } = this._formModule ?? {};
      return FormView ? (
        <FormView form={form} trans={trans} />
      ) : (
        <p>{trans.__('Loading…')}</p>
      );
    });
    part.addClass('jp-SpecCluster-form');
    return part;
  }

  /**
   * Load what a view needs and others do not, when it is first shown.
   */
  private async _need(view: View): Promise<void> {
    const { draft } = this;
    const { trans } = this._options;
    if (view === 'history') {
      return;
    }
    void draft.classes.need();
    if (view === 'form') {
      this._formModule ??= await import('./formview');
      this._views.form.update();
    } else if (!this._isHelped) {
      this._isHelped = true;
      const { codeHelp } = await import('./codehelp');
      if (!this.isDisposed) {
        this._code.editor.injectExtension?.(codeHelp(draft, trans));
      }
    }
  }

  private _makeHistory(): Widget {
    const { draft } = this;
    const { trans } = this._options;
    const history = new DraftPart(draft, () => (
      <HistoryView
        draft={draft}
        onTake={earlier => void this._take(earlier)}
        trans={trans}
      />
    ));
    history.addClass('jp-SpecCluster-history');
    return history;
  }

  /** Write an earlier spec, unless changes would be lost that are not meant to be. */
  private async _take({ spec }: Generation): Promise<boolean> {
    const { draft } = this;
    const isMeant =
      !draft.isDirty || (await confirmDiscard(this._options.trans));
    if (!isMeant || draft.isDisposed || !draft.canWrite) {
      return false;
    }
    draft.write(spec);
    this.setView('code');
    this._code.editor.focus();
    return true;
  }

  private _onAccess(): void {
    const isReadOnly = !this._manager.mayExecute;
    this._code.editor.setOption('readOnly', isReadOnly);
    this.draft.isReadOnly = isReadOnly;
  }

  private _onDraft(): void {
    this._dirtyChanged.emit();
    if (this.draft.format !== this._format) {
      this._format = this.draft.format;
      this._arranged.emit();
    }
  }

  private readonly _options: SpecEditor.IOptions;
  private readonly _manager: IClusterManager;
  private readonly _code: CodeEditorWrapper;
  private readonly _header: Widget;
  private readonly _footer: Widget;
  private readonly _views: Record<View, Widget>;
  private readonly _dirtyChanged = new Signal<this, void>(this);
  private readonly _arranged = new Signal<this, void>(this);
  private _formModule: typeof import('./formview') | null = null;
  private _isHelped = false;
  private _copied: ClusterSpec | null = null;
  private _view: View = 'form';
  private _format = 'json';
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
     * Knows whether anything may be changed.
     */
    manager: IClusterManager;

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

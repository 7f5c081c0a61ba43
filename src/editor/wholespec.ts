import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ClusterSpec } from '../api/types';
import type { IClusterManager } from '../tokens';
import type { IWritten } from './codehelp';
import { KnownClasses } from './knownclasses';
import type { IProblem, Read } from './spectext';
import { MIME_TYPES, readSpec, writeSpec } from './spectext';

/**
 * The whole spec of a new cluster, as text.
 */
export class WholeSpec implements IWritten, IDisposable {
  /**
   * @param text - Holds it; it is owned from now on.
   * @param manager - Knows the classes that may be named.
   * @param trans - The translations.
   */
  constructor(
    readonly text: CodeEditor.IModel,
    manager: IClusterManager,
    private readonly _trans: TranslationBundle
  ) {
    this.classes = new KnownClasses(
      () => manager.classes(),
      () => this._changed.emit(),
      _trans
    );
    text.mimeType = MIME_TYPES[this.format];
    text.sharedModel.changed.connect(this._onText, this);
  }

  /**
   * How it is written.
   */
  readonly format = 'yaml';

  /**
   * The classes that may be named.
   */
  readonly classes: KnownClasses;

  /**
   * Emitted when the text is another one, or more is known of it.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Emitted when the text is another one.
   */
  get textChanged(): ISignal<this, void> {
    return this._textChanged;
  }

  /**
   * The text as it is.
   */
  get source(): string {
    return this.text.sharedModel.getSource();
  }

  /**
   * Whether the text says something else than it was begun with.
   */
  get isEdited(): boolean {
    return this.source !== this._written;
  }

  /**
   * What the text says; null when it is no spec.
   */
  get spec(): ClusterSpec | null {
    return this._read.spec;
  }

  /**
   * Why the text is no spec.
   */
  get problem(): IProblem | null {
    return this._read.problem;
  }

  /**
   * The spec that the text was begun with.
   */
  get base(): ClusterSpec {
    return this._base;
  }

  /**
   * What the server has against the text.
   */
  get refusal(): IWritten['refusal'] {
    return this._refusal;
  }

  /**
   * Begin with a spec; what was typed is gone.
   */
  begin(base: ClusterSpec): void {
    this._base = base;
    this._written = writeSpec(base, this.format);
    this._set(this._written);
    void this.classes.need();
  }

  /**
   * Go on with what was typed before.
   */
  resume(source: string): void {
    this._set(source);
  }

  /**
   * Take what the server has against a request.
   *
   * @param refusal - What it says of a field of the request; null for nothing.
   */
  refuse(refusal: IWritten['refusal']): void {
    const field = refusal?.field ?? '';
    const own = /^whole(\.|$)/.exec(field);
    this._refusal =
      refusal && own
        ? { ...refusal, field: field.slice(own[0].length) || null }
        : null;
    this._changed.emit();
  }

  /**
   * Free what is held.
   */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.text.sharedModel.changed.disconnect(this._onText, this);
    this.text.dispose();
    Signal.clearData(this);
  }

  /**
   * Whether it has ended.
   */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Write a text to begin with: there is nothing before it to go back to. */
  private _set(source: string): void {
    this.text.sharedModel.setSource(source);
    this.text.sharedModel.clearUndoHistory();
  }

  private _onText(): void {
    this._read = readSpec(this.source, this.format, this._trans);
    this._textChanged.emit();
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _textChanged = new Signal<this, void>(this);
  private _read: Read = { spec: {} as ClusterSpec, problem: null };
  private _base = {} as ClusterSpec;
  private _written = '';
  private _refusal: IWritten['refusal'] = null;
  private _isDisposed = false;
}

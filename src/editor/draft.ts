import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { ApiError } from '../api/errors';
import type { Cluster, ClusterSpec, Plan } from '../api/types';
import type { ICluster } from '../tokens';
import { isSame, onTop } from './changes';
import { withoutGone } from './entries';
import { KnownClasses } from './knownclasses';
import type { IRefusal } from './planning';
import { Planning, refusalOf } from './planning';
import type { Format, IProblem, Read } from './spectext';
import { MIME_TYPES, changedLines, readSpec, writeSpec } from './spectext';

/**
 * A desired state that is being written, and what is known of it: whether it
 * can be read, what it would do, what the server says of it, and whether
 * somebody else was faster. The text is the truth; a form changes the text.
 */
export class SpecDraft implements IDisposable {
  /**
   * @param options - What is edited.
   */
  constructor(options: SpecDraft.IOptions) {
    this.cluster = options.cluster;
    this.text = options.text;
    this._trans = options.trans;
    this.classes = new KnownClasses(
      () => this.cluster.classes(),
      () => this._changed.emit(),
      options.trans
    );
    this._planning = new Planning({
      spec: () => (this._isToBePlanned ? this.spec : null),
      before: () => this._catchUp(),
      ask: spec => this.cluster.plan({ spec }),
      told: () => this._changed.emit(),
      trans: options.trans
    });
    this.text.sharedModel.changed.connect(this._onText, this);
    this._load(options.cluster.document, false);
    this.cluster.changed.connect(this._onCluster, this);
  }

  /**
   * The cluster whose spec is edited.
   */
  readonly cluster: ICluster;

  /**
   * The text.
   */
  readonly text: CodeEditor.IModel;

  /**
   * The classes that may be named.
   */
  readonly classes: KnownClasses;

  /**
   * Emitted when anything that can be read here may have changed.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * How the text is written.
   */
  get format(): Format {
    return this._format;
  }

  /**
   * What was written; null when the text is no spec.
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
   * The spec that the changes were made from.
   */
  get base(): ClusterSpec {
    return this._base;
  }

  /**
   * The generation of `base`.
   */
  get generation(): number {
    return this._generation;
  }

  /**
   * Whether there are changes that have not been applied.
   */
  get isDirty(): boolean {
    return this._isDirty;
  }

  /**
   * Whether the changes are being applied.
   */
  get isApplying(): boolean {
    return this._isApplying;
  }

  /**
   * Whether the cluster has gone.
   */
  get isGone(): boolean {
    return this.cluster.isDisposed;
  }

  /**
   * What others have made of the spec while there were changes here; null
   * while nobody has.
   */
  get conflict(): Cluster | null {
    const theirs = this.cluster.document;
    return !this._isApplying &&
      theirs.generation > this._generation &&
      this.isDirty
      ? theirs
      : null;
  }

  /**
   * What the changes would do: null when there are none, or it is not known.
   */
  get plan(): Plan | null {
    return this._planning.plan;
  }

  /**
   * Whether it is being asked what the changes would do.
   */
  get isPlanning(): boolean {
    return this._planning.isAsking;
  }

  /**
   * What the server has against what is written.
   */
  get refusal(): IRefusal | null {
    return this._refusal ?? this._planning.refusal;
  }

  /**
   * Whether this person may change nothing.
   */
  get isReadOnly(): boolean {
    return this._isReadOnly;
  }
  set isReadOnly(value: boolean) {
    this._isReadOnly = value;
    this._changed.emit();
  }

  /**
   * Whether what is written can be applied now: it is known what it would do,
   * or that nobody can tell.
   */
  get canApply(): boolean {
    return (
      this.isDirty &&
      !this._isReadOnly &&
      !this._isApplying &&
      !this.isPlanning &&
      !this.isGone &&
      this.conflict === null
    );
  }

  /**
   * Whether anything may be written.
   */
  get canWrite(): boolean {
    return !this._isReadOnly && !this.isGone;
  }

  /**
   * Whether there are changes that can be dropped now.
   */
  get canRevert(): boolean {
    return this.isDirty && !this._isReadOnly && !this._isApplying;
  }

  /**
   * Whether the changes can be made to what others have made of the spec.
   */
  get canKeep(): boolean {
    return this.canWrite && this.conflict !== null && this.spec !== null;
  }

  /**
   * Whether what others have done is shown beside the changes here, until one is chosen.
   */
  get isCompared(): boolean {
    return this._isCompared;
  }
  set isCompared(value: boolean) {
    this._isCompared = value;
    this._changed.emit();
  }

  /**
   * Write another spec.
   */
  write(spec: ClusterSpec): void {
    this._write(spec, true);
  }

  /**
   * Write the spec in another format; nothing happens while the text is no spec.
   */
  setFormat(format: Format): void {
    const spec = this.spec;
    if (spec && format !== this._format) {
      this._format = format;
      this.text.mimeType = MIME_TYPES[format];
      // What was written in the other format is none in this one.
      this._write(spec, false);
      this._changed.emit();
    }
  }

  /**
   * Make what is written the desired state of the cluster.
   *
   * @returns Whether it was taken.
   */
  async apply(): Promise<boolean> {
    const { spec, problem } = this._read;
    if (problem) {
      this._refusal = { field: null, message: problem.message, isAloud: true };
      this._changed.emit();
    }
    if (!spec || !this.canApply) {
      return false;
    }
    this._isApplying = true;
    this._refusal = null;
    this._changed.emit();
    const sent = this.text.sharedModel.getSource();
    try {
      const answer = await this.cluster.replaceSpec(spec, this._generation);
      this._isApplying = false;
      if (this._isDisposed) {
        return true;
      }
      if (this.text.sharedModel.getSource() === sent) {
        this._load(answer);
      } else {
        this._keepOnTop(spec, answer);
      }
      return true;
    } catch (error) {
      this._isApplying = false;
      await this._takeRefusal(error);
      return false;
    } finally {
      if (!this._isDisposed) {
        // What has come meanwhile was not looked at.
        this._onCluster();
        this._changed.emit();
      }
    }
  }

  /**
   * Drop all changes: show the spec as the cluster has it.
   */
  revert(): void {
    const { document } = this.cluster;
    const isSameBase =
      document.generation === this._generation && !this._isBehind();
    this._load(document, isSameBase);
  }

  /**
   * Make the changes to what others have made of the spec. It is not applied.
   */
  keepMine(): void {
    const theirs = this.conflict;
    if (theirs && this.spec) {
      this._keepOnTop(this._base, theirs);
    }
  }

  /**
   * Free what the draft holds.
   */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._planning.dispose();
    this.cluster.changed.disconnect(this._onCluster, this);
    this.text.sharedModel.changed.disconnect(this._onText, this);
    this.text.dispose();
    Signal.clearData(this);
  }

  /**
   * Whether the draft has ended.
   */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  private _take(document: Cluster): void {
    this._base = document.spec;
    this._generation = document.generation;
    this._isCompared = false;
  }

  private _load(document: Cluster, isUndoable = true): void {
    this._take(document);
    this._write(document.spec, isUndoable);
  }

  /** Write a spec. What others have done is not undone here, nor what was before it. */
  private _write(spec: ClusterSpec, isUndoable: boolean): void {
    const { sharedModel } = this.text;
    const before = sharedModel.getSource();
    const text = writeSpec(spec, this._format);
    if (text === before) {
      this._onText();
    } else {
      // The other lines stay, and with them the cursor.
      const { from, to, lines } = changedLines(before, text);
      sharedModel.updateSource(from, to, lines);
    }
    if (!isUndoable) {
      sharedModel.clearUndoHistory();
    }
  }

  /**
   * Make what was changed since `before` to a newer spec. A text that is no spec stays as it
   * is; once it is one, `_isBehind` tells.
   */
  private _keepOnTop(
    before: ClusterSpec,
    document: Cluster,
    mine = this.spec
  ): void {
    if (mine === null) {
      this._base = before;
      this._generation = document.generation;
      this._onText();
      return;
    }
    const merged = onTop(json(before), json(mine), json(document.spec));
    this._take(document);
    if (isSame(merged, json(this.spec!))) {
      // As it is written, comments and all.
      if (!isSame(json(before), json(document.spec))) {
        this.text.sharedModel.clearUndoHistory();
      }
      this._onText();
    } else {
      this._write(merged as unknown as ClusterSpec, false);
    }
  }

  /**
   * Whether the spec is another at the same generation: adaptive scaling has made entries, or
   * retired some. What is the same is told by identity from then on.
   */
  private _isBehind(): boolean {
    const { spec, generation } = this.cluster.document;
    if (generation !== this._generation || spec === this._base) {
      return false;
    }
    if (isSame(json(spec), json(this._base))) {
      this._base = spec;
      return false;
    }
    return true;
  }

  private async _takeRefusal(error: unknown): Promise<void> {
    const code = error instanceof ApiError ? error.code : null;
    if (code === ApiError.STALE_GENERATION) {
      // Whoever was faster has to be known before it can be chosen between the two.
      error = await this.cluster.refresh().then(
        () => null,
        (reason: unknown) => reason
      );
    }
    if (error !== null && code !== ApiError.CLUSTER_NOT_FOUND) {
      this._refusal = refusalOf(error, true, this._trans);
    }
  }

  private _onText(): void {
    const source = this.text.sharedModel.getSource();
    this._read = readSpec(source, this._format, this._trans);
    const { spec } = this._read;
    this._isDirty = spec === null || !isSame(json(spec), json(this._base));
    this._refusal = null;
    this._planSoon();
  }

  private _planSoon(): void {
    this._planned = this.cluster.document.spec;
    this._planning.soon();
    this._changed.emit();
  }

  private get _isToBePlanned(): boolean {
    return (
      this.spec !== null &&
      this.isDirty &&
      !this.isGone &&
      !this._isReadOnly &&
      this.conflict === null
    );
  }

  /**
   * Take over what adaptive scaling has made of the spec. Not while somebody types: the text may
   * become another.
   */
  private _catchUp(): void {
    const { spec } = this;
    const { document } = this.cluster;
    if (spec && this._isToBePlanned && !this._isApplying && this._isBehind()) {
      const mine = withoutGone(spec, this._base, document.spec);
      const refusal = this._refusal;
      this._keepOnTop(this._base, document, mine);
      // What was said aloud is so until somebody writes.
      this._refusal = refusal;
      this._changed.emit();
    }
  }

  private _onCluster(): void {
    const { document } = this.cluster;
    if (!this._isApplying && document.generation > this._generation) {
      if (!this.isDirty || isSame(json(this.spec!), json(document.spec))) {
        this._load(document, false);
      } else {
        if (isSame(json(document.spec), json(this._base))) {
          this._take(document);
        }
        this._planSoon();
      }
    } else if (this.isGone) {
      this._changed.emit();
    } else if (!this._isApplying && this._isBehind()) {
      if (!this.isDirty) {
        this._load(document, false);
      } else if (!this.isPlanning || this._planned !== document.spec) {
        // Not for each number that changes: the wait would never end.
        this._planSoon();
      }
    } else {
      this._planning.again();
    }
  }

  private readonly _trans: TranslationBundle;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _planning: Planning;
  private _format: Format = 'json';
  private _read!: Read;
  private _base!: ClusterSpec;
  private _generation = 0;
  private _isDirty = false;
  /** The cluster's spec when it was last to be planned. */
  private _planned: ClusterSpec | null = null;
  /** Why it could not be applied. */
  private _refusal: IRefusal | null = null;
  private _isApplying = false;
  private _isReadOnly = false;
  private _isCompared = false;
  private _isDisposed = false;
}

/** A spec as plain JSON, which its type does not say. */
function json(spec: ClusterSpec): ReadonlyJSONObject {
  return spec as unknown as ReadonlyJSONObject;
}

/**
 * Types of `SpecDraft`.
 */
export namespace SpecDraft {
  /**
   * What is edited.
   */
  export interface IOptions {
    /**
     * The cluster whose spec is edited.
     */
    cluster: ICluster;

    /**
     * Holds the text; the draft owns it.
     */
    text: CodeEditor.IModel;

    /**
     * The translations.
     */
    trans: TranslationBundle;
  }
}

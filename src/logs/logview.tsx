import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { describeError } from '../model/describe';
import type { ICluster } from '../tokens';
import type { ILine } from './lines';
import { LogHeader } from './logheader';
import { LogLines } from './loglines';
import { LogModel } from './logmodel';

/**
 * A log of a cluster, to be read, followed, filtered and copied.
 */
export class LogView extends ReactWidget {
  /**
   * @param cluster - Whose log it is.
   * @param member - The worker's name, or the entry's; null for the cluster's own process.
   * @param trans - The translations.
   */
  constructor(
    cluster: ICluster,
    member: string | null,
    trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-SpecCluster-log');
    this._trans = trans;
    this._model = this._make(cluster, member);
  }

  /**
   * What is shown.
   */
  get model(): LogModel {
    return this._model;
  }

  /**
   * Emitted when a person asks for another log of the cluster.
   */
  get sourceAsked(): ISignal<this, string | null> {
    return this._sourceAsked;
  }

  /**
   * Emitted after each change of what is shown, and of how.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Emitted when another log is shown.
   */
  get sourceChanged(): ISignal<this, void> {
    return this._sourceChanged;
  }

  /**
   * Show another log of the same cluster.
   */
  setSource(member: string | null): void {
    const before = this._model;
    before.dispose();
    this._model = this._make(before.cluster, member);
    // What was looked for in one may well be looked for in another.
    this._model.setText(before.text);
    this._model.setLevel(before.level);
    this._sourceChanged.emit();
    this.update();
    if (this.isVisible) {
      this._model.start();
    }
  }

  /**
   * Copy the lines that are shown.
   *
   * @returns Their text.
   */
  copy(): string {
    const { shown } = this._model;
    const text = shown.map(line => line.text).join('\n');
    Clipboard.copyToSystem(text);
    this._copied = shown;
    this.update();
    return text;
  }

  /**
   * Let a person type what lines must have in them.
   */
  focusFilter(): void {
    this.node.querySelector<HTMLElement>('input[type=search]')?.focus();
  }

  /**
   * Free what the view holds.
   */
  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._model.dispose();
    super.dispose();
    Signal.clearData(this);
  }

  protected override render(): React.JSX.Element {
    const trans = this._trans;
    const model = this._model;
    const name = nameOf(model, trans);
    return (
      <>
        <div
          className="jp-SpecCluster-logHeader"
          role="toolbar"
          aria-label={trans.__('Log')}
        >
          <LogHeader
            model={model}
            isCopied={this._copied === model.shown}
            onCopy={() => this.copy()}
            onSource={member => this._sourceAsked.emit(member)}
            trans={trans}
          />
        </div>
        <Notice model={model} trans={trans} />
        {model.shown.length > 0 ? (
          <LogLines key={name} model={model} name={name} trans={trans} />
        ) : (
          <Nothing model={model} onAll={() => this._showAll()} trans={trans} />
        )}
      </>
    );
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._model.start();
    this.update();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this._model.start();
    }
  }

  protected override onBeforeHide(msg: Message): void {
    super.onBeforeHide(msg);
    this._model.stop();
  }

  protected override onActivateRequest(msg: Message): void {
    const { activeElement } = document;
    if (activeElement !== this.node && this.node.contains(activeElement)) {
      // Where a command has let it go: the palette activates the tab afterwards.
      return;
    }
    const lines = this.node.querySelector<HTMLElement>('[role=log]');
    (lines ?? this.node.querySelector('select'))?.focus();
  }

  private _showAll(): void {
    // The button that asked for it goes.
    this.focusFilter();
    this._model.setText('');
    this._model.setLevel('debug');
  }

  private _make(cluster: ICluster, member: string | null): LogModel {
    const model = new LogModel(cluster, member);
    model.changed.connect(() => {
      this._changed.emit();
      // What is not seen is drawn when it is shown.
      if (this.isVisible) {
        this.update();
      }
    });
    return model;
  }

  private readonly _trans: TranslationBundle;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _sourceAsked = new Signal<this, string | null>(this);
  private readonly _sourceChanged = new Signal<this, void>(this);
  private _model: LogModel;
  private _copied: readonly ILine[] | null = null;
}

/**
 * Whose log it is, in words.
 */
export function nameOf(model: LogModel, trans: TranslationBundle): string {
  const { cluster, member } = model;
  const name = cluster.document.display_name;
  return member === null ? name : trans.__('%1: %2', name, member);
}

/**
 * What a person should know before they believe what they read.
 */
function Notice(props: {
  model: LogModel;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { model, trans } = props;
  const { cluster, member, error, source, lines } = model;
  const { phase } = cluster.document;
  if (model.isGone) {
    return (
      <p className="jp-SpecCluster-logNotice" role="alert">
        {trans.__('The cluster has gone; nothing more is to come.')}
      </p>
    );
  }
  if (error) {
    return (
      <p className="jp-SpecCluster-logNotice" role="alert" data-bad>
        {trans.__(
          'The log cannot be read now: %1',
          describeError(error, trans)
        )}
      </p>
    );
  }
  const notes: string[] = [];
  if (member === null && phase === 'failed') {
    notes.push(
      trans.__("The cluster's process has ended; this is what it has left.")
    );
  }
  if (source === 'failure') {
    notes.push(
      trans.__('No worker of %1 is there; this is why.', member ?? '')
    );
  }
  if (source === 'scheduler') {
    notes.push(
      trans.__(
        "The process is the notebook's; this is what the scheduler has to say."
      )
    );
  }
  if (lines.length > 0 && !model.isComplete) {
    notes.push(trans.__('Earlier lines are not shown.'));
  }
  return notes.length > 0 ? (
    <p className="jp-SpecCluster-logNotice">{notes.join(' ')}</p>
  ) : null;
}

function Nothing(props: {
  model: LogModel;
  /** All lines are to be shown. */
  onAll: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, onAll, trans } = props;
  const isFiltered = model.lines.length > 0;
  return (
    <div className="jp-SpecCluster-logNothing">
      <p>
        {isFiltered
          ? trans.__('No line is like that.')
          : !model.isRead
            ? trans.__('Reading the log…')
            : model.error
              ? trans.__('There is nothing to show.')
              : trans.__('Nothing has been written yet.')}
      </p>
      {isFiltered && (
        <button type="button" className="jp-SpecCluster-button" onClick={onAll}>
          {trans.__('Show all lines')}
        </button>
      )}
    </div>
  );
}

import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ApiError } from '../api/errors';
import type { LogSource } from '../api/types';
import type { ICluster } from '../tokens';
import type { ILine, Level } from './lines';
import { LEVELS, levelOf } from './lines';

/**
 * The end of a log, which goes on as long as it is looked at.
 */
export class LogModel implements IDisposable {
  /**
   * @param cluster - Whose log it is.
   * @param member - The worker's name, or the entry's; null for the cluster's own process.
   */
  constructor(
    readonly cluster: ICluster,
    readonly member: string | null
  ) {
    cluster.changed.connect(this._onCluster, this);
    this._poll = new Poll({
      name: 'speccluster-lab:log',
      auto: false,
      factory: () => this.refresh(),
      frequency: { interval: INTERVAL, backoff: true, max: 15_000 },
      standby: 'when-hidden'
    });
  }

  /**
   * Emitted after each change of what can be read here.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Who has written the log; null before that is known.
   */
  get source(): LogSource | null {
    return this._source;
  }

  /**
   * The lines that are known, the newest last.
   */
  get lines(): readonly ILine[] {
    return this._lines;
  }

  /**
   * The lines that are asked for by text and level; another list when one is another.
   */
  get shown(): readonly ILine[] {
    this._shown ??= this._find();
    return this._shown;
  }

  /**
   * Whether nothing has been written before the first line.
   */
  get isComplete(): boolean {
    return this._isComplete;
  }

  /**
   * Why the log could not be read the last time.
   */
  get error(): ApiError | null {
    return this._error;
  }

  /**
   * Whether the cluster has gone, so that nothing more is to come.
   */
  get isGone(): boolean {
    return this.cluster.isDisposed;
  }

  /**
   * Whether the newest line is kept in view.
   */
  get isFollowing(): boolean {
    return this._isFollowing;
  }

  /**
   * The text that a line must have in it, in capitals or not.
   */
  get text(): string {
    return this._text;
  }

  /**
   * The level that a line must have at least.
   */
  get level(): Level {
    return this._level;
  }

  /**
   * Whether the model has been disposed.
   */
  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /**
   * Look for new lines, now and from time to time.
   */
  start(): void {
    if (!this.isDisposed && !this.isGone) {
      void this._poll.refresh();
    }
  }

  /**
   * Look no more, for example while nobody sees it.
   */
  stop(): void {
    if (!this.isDisposed) {
      void this._poll.stop();
    }
  }

  /**
   * Have the newest line kept in view, or not.
   */
  setFollowing(isFollowing: boolean): void {
    if (isFollowing !== this._isFollowing) {
      this._isFollowing = isFollowing;
      this._changed.emit();
    }
  }

  /**
   * Ask for lines with a text in them.
   */
  setText(text: string): void {
    this._text = text;
    this._shown = null;
    this._changed.emit();
  }

  /**
   * Ask for lines of a level at least.
   */
  setLevel(level: Level): void {
    this._level = level;
    this._shown = null;
    this._changed.emit();
  }

  /**
   * Read what is new.
   *
   * @throws An `ApiError`, which is in `error` as well.
   */
  async refresh(): Promise<void> {
    try {
      await this._read();
      this._error = null;
    } catch (error) {
      if (this.isDisposed) {
        return;
      }
      this._error = error as ApiError;
      throw error;
    } finally {
      if (!this.isDisposed) {
        this._isRead = true;
        this._changed.emit();
      }
    }
  }

  /**
   * Whether the log was asked for at least once.
   */
  get isRead(): boolean {
    return this._isRead;
  }

  /**
   * Free what the model holds.
   */
  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._poll.dispose();
    this.cluster.changed.disconnect(this._onCluster, this);
    Signal.clearData(this);
  }

  private async _read(): Promise<void> {
    const { member, _cursor: after } = this;
    const log = await this.cluster.log({ member, tail: LogModel.LIMIT, after });
    if (this.isDisposed || this._cursor !== after) {
      // One that was asked for after it, when the log was shown again, has been quicker.
      return;
    }
    if (!log.continues && log.lines.length === 0 && this._lines.length > 0) {
      // A cluster that goes takes its log away; what was read of it stays.
      return;
    }
    this._cursor = log.cursor;
    const isNew = !log.continues;
    // What was not at its end is told again.
    const again = !isNew && this._isUnfinished ? 1 : 0;
    if (isNew) {
      this._source = log.source;
      this._isComplete = log.complete;
    }
    this._isUnfinished = log.unfinished;
    const end = isNew ? 0 : this._lines.length - again;
    const last = this._lines.slice(end);
    if (
      !isNew &&
      log.lines.length === last.length &&
      last.every(({ text }, index) => text === log.lines[index])
    ) {
      return;
    }
    const kept = this._lines.slice(0, end);
    const before = kept.length > 0 ? kept[kept.length - 1].level : 'info';
    this._lines = [...kept, ...this._made(log.lines, before)];
    this._shown = null;
    this._trim();
  }

  private _made(texts: readonly string[], before: Level): ILine[] {
    let level = before;
    return texts.map(text => {
      level = levelOf(text, level);
      return { seq: this._seq++, text, level };
    });
  }

  /** Let go of the oldest lines, when there are too many or they are too long. */
  private _trim(): void {
    const all = this._lines;
    let first = Math.max(0, all.length - LogModel.LIMIT);
    let room = LogModel.CHARACTERS;
    for (let index = all.length - 1; index >= first; index--) {
      room -= all[index].text.length;
      if (room < 0) {
        first = index + 1;
      }
    }
    if (first > 0) {
      this._lines = all.slice(first);
      this._isComplete = false;
    }
  }

  private _find(): readonly ILine[] {
    const wanted = this._text.toLowerCase();
    const least = LEVELS.indexOf(this._level);
    if (wanted === '' && least === 0) {
      return this._lines;
    }
    return this._lines.filter(
      ({ text, level }) =>
        LEVELS.indexOf(level) >= least && text.toLowerCase().includes(wanted)
    );
  }

  private _onCluster(): void {
    const { phase } = this.cluster.document;
    if (this.isGone) {
      this.stop();
    }
    if (this.isGone || phase !== this._phase) {
      this._phase = phase;
      this._changed.emit();
    }
  }

  private readonly _poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _source: LogSource | null = null;
  private _cursor: string | null = null;
  private _isUnfinished = false;
  private _lines: readonly ILine[] = [];
  private _shown: readonly ILine[] | null = null;
  private _isComplete = true;
  private _isRead = false;
  private _error: ApiError | null = null;
  private _isFollowing = true;
  private _text = '';
  private _level: Level = 'debug';
  private _phase: string | null = null;
  private _seq = 0;
}

/** How long after a look the next one is, in milliseconds. */
const INTERVAL = 1_500;

/**
 * Statics of `LogModel`.
 */
export namespace LogModel {
  /**
   * How many lines are kept; the server gives no more at once.
   */
  export const LIMIT = 10_000;

  /**
   * How many characters are kept, of all lines together.
   */
  export const CHARACTERS = 4 * 2 ** 20;
}

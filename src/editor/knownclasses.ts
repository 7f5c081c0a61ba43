import type { TranslationBundle } from '@jupyterlab/translation';
import type { WorkerClass } from '../api/types';
import { describeError } from '../model/describe';

/**
 * The classes that a spec may name, as far as they are known. Without them it can be written
 * all the same: the server judges.
 */
export class KnownClasses {
  /**
   * @param ask - Asks the server for them.
   * @param told - Called when more is known of them.
   * @param trans - The translations.
   */
  constructor(
    private readonly _ask: () => Promise<readonly WorkerClass[]>,
    private readonly _told: () => void,
    private readonly _trans: TranslationBundle
  ) {}

  /**
   * The classes; none while they are not known.
   */
  get all(): readonly WorkerClass[] {
    return this._all;
  }

  /**
   * Whether they are known, or why they are not.
   */
  get isAnswered(): boolean {
    return this._all.length > 0 || this._error !== null;
  }

  /**
   * Why they are not known.
   */
  get error(): string | null {
    return this._error;
  }

  /**
   * Find out which they are, once.
   */
  async need(): Promise<void> {
    if (this._isAsked) {
      return;
    }
    this._isAsked = true;
    try {
      this._all = await this._ask();
      this._error = null;
    } catch (error) {
      // Who looks again asks again.
      this._isAsked = false;
      this._error = describeError(error, this._trans);
    }
    this._told();
  }

  private _all: readonly WorkerClass[] = [];
  private _error: string | null = null;
  private _isAsked = false;
}

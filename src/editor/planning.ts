import type { TranslationBundle } from '@jupyterlab/translation';
import { Debouncer, Throttler } from '@lumino/polling';
import { ApiError } from '../api/errors';
import type { ClusterSpec, Plan } from '../api/types';
import { describeError } from '../model/describe';

/**
 * What the server has against a spec.
 */
export interface IRefusal {
  /**
   * The field that is wrong, as a dotted path.
   */
  field: string | null;

  /**
   * What is wrong.
   */
  message: string;

  /**
   * Whether it was asked to be applied, and not only what it would do.
   */
  isAloud: boolean;
}

/**
 * What an error says against a spec.
 */
export function refusalOf(
  error: unknown,
  isAloud: boolean,
  trans: TranslationBundle
): IRefusal {
  return {
    field: error instanceof ApiError ? error.field : null,
    message: describeError(error, trans),
    isAloud
  };
}

/**
 * What a spec that is being written would do. It is asked once nobody writes, and again, now and
 * then, while the cluster changes.
 */
export class Planning {
  /**
   * @param options - What is planned, and by whom.
   */
  constructor(options: Planning.IOptions) {
    this._options = options;
    this._asking = new Debouncer(() => this._ask(), Planning.QUIET);
    this._askingAgain = new Throttler(() => this._askAgain(), {
      limit: Planning.PACE,
      edge: 'trailing'
    });
  }

  /**
   * What it would do: null where nothing is to be planned, or it is not known.
   */
  get plan(): Plan | null {
    return this._plan;
  }

  /**
   * Why that is not known.
   */
  get refusal(): IRefusal | null {
    return this._refusal;
  }

  /**
   * Whether it is being asked, or will be.
   */
  get isAsking(): boolean {
    return this._isAsking;
  }

  /**
   * Forget what is known, for something else is written: it is asked once nobody writes.
   */
  soon(): void {
    this._question++;
    this._plan = null;
    this._refusal = null;
    this._isAsking = this._options.spec() !== null;
    if (this._isAsking) {
      // A debounced call that is superseded is rejected, which is its purpose.
      this._asking.invoke().catch(() => undefined);
    }
  }

  /**
   * Bring the plan up to date that is known: what is held, and where, goes on changing.
   */
  again(): void {
    this._askingAgain.invoke().catch(() => undefined);
  }

  /**
   * Free what it holds. What is answered afterwards is nobody's.
   */
  dispose(): void {
    this._question++;
    this._asking.dispose();
    this._askingAgain.dispose();
  }

  private async _ask(): Promise<void> {
    const { spec, before, ask, told, trans } = this._options;
    const question = this._question;
    const isMeant = () => this._question === question;
    before();
    const asked = spec();
    if (asked && isMeant()) {
      try {
        const plan = await ask(asked);
        if (isMeant()) {
          this._plan = plan;
        }
      } catch (error) {
        if (isMeant()) {
          this._plan = null;
          this._refusal = refusalOf(error, false, trans);
        }
      }
    }
    if (isMeant()) {
      this._isAsking = false;
      told();
    }
  }

  private async _askAgain(): Promise<void> {
    if (this._plan) {
      await this._ask();
    }
  }

  private readonly _options: Planning.IOptions;
  private readonly _asking: Debouncer;
  private readonly _askingAgain: Throttler;
  private _plan: Plan | null = null;
  private _refusal: IRefusal | null = null;
  private _isAsking = false;
  /** How often what is asked has become another question. */
  private _question = 0;
}

/**
 * Statics of `Planning`.
 */
export namespace Planning {
  /**
   * How long the text must be left alone before it is asked what it would do, in milliseconds.
   */
  export const QUIET = 300;

  /**
   * How often it is asked at most what it would do, while the cluster changes, in milliseconds.
   */
  export const PACE = 5_000;

  /**
   * What is planned, and by whom.
   */
  export interface IOptions {
    /**
     * What is to be planned now; null when nothing is.
     */
    spec: () => ClusterSpec | null;

    /**
     * Called when nobody writes any more, before it is asked. It may make it another question, of
     * which `soon` tells.
     */
    before: () => void;

    /**
     * Asks the server.
     */
    ask: (spec: ClusterSpec) => Promise<Plan>;

    /**
     * Called when there is an answer.
     */
    told: () => void;

    /**
     * The translations.
     */
    trans: TranslationBundle;
  }
}

import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ApiClient } from '../api/client';
import { ApiError } from '../api/errors';
import type {
  Adapt,
  Cluster,
  ClusterSpec,
  Generation,
  Log,
  LogQuery,
  Plan,
  PlanRequest,
  Scale,
  WorkerClass
} from '../api/types';
import { canScale, hasDashboard, specEntries } from './facts';

/**
 * One cluster: what is known of it, and what may be asked of it.
 */
export class ClusterModel implements IDisposable {
  /**
   * @param client - Carries the calls.
   * @param document - The cluster as it is known.
   */
  constructor(client: ApiClient, document: Cluster) {
    this._client = client;
    this._streamed = document;
    this._wish = new Debouncer(() => this._sendWish(), ClusterModel.QUIET);
  }

  /**
   * The cluster's id.
   */
  get id(): string {
    return this._streamed.id;
  }

  /**
   * The cluster as it is known: an immutable document, another one after each change.
   */
  get document(): Cluster {
    const answered = this._answered;
    return answered && answered.generation > this._streamed.generation
      ? answered
      : this._streamed;
  }

  /**
   * Where a browser finds dask's dashboard of the cluster; null where there is none to show.
   */
  get dashboardUrl(): string | null {
    return hasDashboard(this.document)
      ? this._client.dashboardUrl(this.id)
      : null;
  }

  /**
   * How many entries are wanted: what was last asked for, else what the spec says.
   */
  get entries(): number {
    return this._wanted ?? specEntries(this.document);
  }

  /**
   * Whether a number of entries was asked for that the server has not taken yet.
   */
  get isScaling(): boolean {
    return this._wanted !== null;
  }

  /**
   * Whether the cluster was asked to stop and has not answered yet.
   */
  get isStopping(): boolean {
    return this._isStopping;
  }

  /**
   * Why the last number of entries was refused.
   */
  get scaleError(): ApiError | null {
    return this._scaleError;
  }

  /**
   * A number of entries that would leave data nowhere to go: whether it is
   * meant has to be answered first.
   */
  get question(): { entries: number; plan: Plan } | null {
    return this._question;
  }

  /**
   * Emitted after each change of what can be read here.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Whether the cluster has gone.
   */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Ask for a number of entries. Quick changes are sent as one, the last.
   */
  setEntries(entries: number): void {
    if (this._isDisposed) {
      return;
    }
    this._wanted = entries;
    this._scaleError = null;
    this._question = null;
    this._meant = null;
    this._changed.emit();
    // A debounced call that is superseded is rejected, which is its purpose.
    this._wish.invoke().catch(() => undefined);
  }

  /**
   * Answer the question: ask for that number of entries all the same, or leave it.
   */
  answer(isMeant: boolean): void {
    const question = this._question;
    this._question = null;
    if (question && isMeant) {
      this.setEntries(question.entries);
      this._meant = question.entries;
    } else {
      this._changed.emit();
    }
  }

  /**
   * Set the size in exactly one unit, now.
   */
  async scale(scale: Scale): Promise<Cluster> {
    return this._take(await this._client.scaleCluster(this.id, scale));
  }

  /**
   * Replace the desired state, made from `generation`.
   */
  async replaceSpec(spec: ClusterSpec, generation: number): Promise<Cluster> {
    return this._take(
      await this._client.replaceSpec(this.id, spec, generation)
    );
  }

  /**
   * Ask what a change would do; nothing is changed.
   */
  plan(request: PlanRequest): Promise<Plan> {
    return this._client.planCluster(this.id, request);
  }

  /**
   * The worker classes that its spec may name.
   */
  classes(): Promise<WorkerClass[]> {
    return this._client.listClasses(this.id);
  }

  /**
   * What was wanted before, newest first.
   */
  generations(): Promise<Generation[]> {
    return this._client.listGenerations(this.id);
  }

  /**
   * The end of a log, or what comes after a cursor: of a worker, of the workers of an entry,
   * or of its own process.
   */
  log(query: LogQuery): Promise<Log> {
    return this._client.readLog(this.id, query);
  }

  /**
   * Have adaptive scaling keep to a range; null ends it.
   */
  async adapt(range: Adapt | null): Promise<Cluster> {
    return this._take(
      await (range
        ? this._client.adaptCluster(this.id, range)
        : this._client.endAdaptive(this.id))
    );
  }

  /**
   * Try an entry again now, whatever its backoff says.
   */
  async retry(entry: string): Promise<Cluster> {
    return this._take(await this._client.retryEntry(this.id, entry));
  }

  /**
   * Make an entry anew although its spec says the same; what it holds moves first.
   */
  async restartEntry(entry: string): Promise<Cluster> {
    return this._take(await this._client.restartEntry(this.id, entry));
  }

  /**
   * Start the cluster again as it is wanted.
   */
  async restart(): Promise<Cluster> {
    return this._take(await this._client.restartCluster(this.id));
  }

  /**
   * Get the cluster anew from the server.
   */
  async refresh(): Promise<Cluster> {
    return this._take(await this._client.getCluster(this.id));
  }

  /**
   * Stop the cluster. It goes when the server says that it has gone.
   */
  async stop(): Promise<Cluster> {
    this._setStopping(true);
    try {
      return await this._client.stopCluster(this.id);
    } finally {
      this._setStopping(false);
    }
  }

  /**
   * Take over what the server's stream says; called by the manager.
   */
  update(document: Cluster): void {
    // What was refused in one phase may be taken in another.
    if (document.phase !== this._streamed.phase) {
      this._scaleError = null;
    }
    // What a number would do to what is wanted now nobody has been told.
    if (
      document.generation !== this._streamed.generation ||
      !canScale(document)
    ) {
      this._question = null;
    }
    this._streamed = document;
    this._changed.emit();
  }

  /**
   * End; called by the manager when the cluster has gone.
   */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._wish.dispose();
    this._changed.emit();
    Signal.clearData(this);
  }

  private _take(answer: Cluster): Cluster {
    this._answered = answer;
    this._changed.emit();
    return answer;
  }

  private _setStopping(value: boolean): void {
    this._isStopping = value;
    this._changed.emit();
  }

  private async _sendWish(): Promise<void> {
    if (this._isSending) {
      return;
    }
    this._isSending = true;
    try {
      while (this._wanted !== null && !this._isDisposed) {
        const entries = this._wanted;
        const plan = await this._planOf(entries);
        if (this._wanted !== entries) {
          continue;
        }
        if (plan?.stuck && plan.at_stake.keys > 0) {
          this._wanted = null;
          this._question = { entries, plan };
          continue;
        }
        const failure = await this.scale({ entries }).then(
          () => null,
          (error: ApiError) => error
        );
        if (this._wanted === entries) {
          this._wanted = null;
          this._scaleError = failure;
        }
      }
    } finally {
      this._isSending = false;
      this._changed.emit();
    }
  }

  /** What fewer entries would do; null where it does not matter or cannot be told. */
  private async _planOf(entries: number): Promise<Plan | null> {
    const isFewer = entries < specEntries(this.document);
    if (!isFewer || this._meant === entries) {
      return null;
    }
    return this.plan({ scale: { entries } }).catch(() => null);
  }

  private readonly _client: ApiClient;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _wish: Debouncer;
  private _streamed: Cluster;
  private _answered: Cluster | null = null;
  private _wanted: number | null = null;
  private _scaleError: ApiError | null = null;
  private _question: { entries: number; plan: Plan } | null = null;
  private _meant: number | null = null;
  private _isSending = false;
  private _isStopping = false;
  private _isDisposed = false;
}

/**
 * Statics of `ClusterModel`.
 */
export namespace ClusterModel {
  /**
   * How long the stepper must be left alone before its number is sent, in milliseconds.
   */
  export const QUIET = 400;
}

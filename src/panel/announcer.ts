import type { TranslationBundle } from '@jupyterlab/translation';
import { Debouncer } from '@lumino/polling';
import { Widget } from '@lumino/widgets';
import { isReconciling } from '../model/facts';
import { describePlan } from '../model/stake';
import type { ICluster, IClusterManager } from '../tokens';
import { phaseWord } from './phase';

type Question = NonNullable<ICluster['question']>;

/** How long changes are gathered before they are said, in milliseconds. */
const QUIET = 1_000;

/**
 * Tells those who do not see the panel what has changed: a phase, an end of
 * waiting, a question, a cluster that has gone; never a number that only moves.
 */
export class Announcer extends Widget {
  /**
   * @param manager - The clusters.
   * @param trans - The translations.
   */
  constructor(manager: IClusterManager, trans: TranslationBundle) {
    super();
    this._manager = manager;
    this._trans = trans;
    this.addClass('jp-SpecCluster-hidden');
    this.node.setAttribute('role', 'status');
    this.node.setAttribute('aria-live', 'polite');
    this._speech = new Debouncer(() => this._speak(), QUIET);
    manager.changed.connect(this._onList, this);
    manager.connectionChanged.connect(this._onChange, this);
    this._onList();
  }

  /**
   * Say no more.
   */
  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._manager.changed.disconnect(this._onList, this);
    this._manager.connectionChanged.disconnect(this._onChange, this);
    for (const cluster of this._seen.keys()) {
      cluster.changed.disconnect(this._onCluster, this);
    }
    this._speech.dispose();
    super.dispose();
  }

  private _onList(): void {
    const seen = new Map<ICluster, string>();
    for (const cluster of this._manager.clusters) {
      if (!this._seen.has(cluster)) {
        cluster.changed.connect(this._onCluster, this);
      }
      seen.set(cluster, newsOf(cluster));
    }
    this._seen = seen;
    this._onChange();
  }

  /** Numbers that move all the time are no reason to wait for quiet. */
  private _onCluster(cluster: ICluster): void {
    const news = newsOf(cluster);
    if (this._seen.get(cluster) !== news) {
      this._seen.set(cluster, news);
      this._onChange();
    }
  }

  private _focusedCard(): string | undefined {
    const card = document.activeElement?.closest('[data-cluster-id]');
    return card instanceof HTMLElement ? card.dataset.clusterId : undefined;
  }

  private _onChange(): void {
    this._speech.invoke().catch(() => undefined);
  }

  private _speak(): void {
    const trans = this._trans;
    const said: string[] = [];
    const states = new Map<ICluster, string>();
    for (const cluster of this._manager.clusters) {
      const { phase, display_name, counts } = cluster.document;
      const state = stateOf(cluster);
      states.set(cluster, state);
      if (this._states.get(cluster) !== state) {
        said.push(
          trans._n(
            '%2: %3, %4 of %1 worker.',
            '%2: %3, %4 of %1 workers.',
            counts.expected,
            display_name,
            phaseWord(phase, trans),
            counts.registered
          )
        );
      }
    }
    const questions = new Set<Question>();
    const focused = this._focusedCard();
    for (const { document, question } of this._manager.clusters) {
      if (question) {
        questions.add(question);
      }
      // Where the card has the focus, the question has it, and is read by that.
      const isRead = document.id === focused;
      if (question && !isRead && !this._questions.has(question)) {
        const { lines } = describePlan(question.plan, trans);
        const words = [trans.__('Scale down?'), ...lines].join(' ');
        said.push(trans.__('%1: %2', document.display_name, words));
      }
    }
    for (const cluster of this._states.keys()) {
      if (!states.has(cluster)) {
        said.push(trans.__('%1 has gone.', cluster.document.display_name));
      }
    }
    const isLost = this._manager.connection === 'stale';
    if (isLost !== this._isLost) {
      said.push(
        isLost
          ? trans.__('The connection to the server is lost.')
          : trans.__('The connection to the server is back.')
      );
    }
    // What is there when JupyterLab opens is no news.
    const isNews = this._hasSpoken && said.length > 0;
    if (isNews) {
      this.node.textContent = said.join(' ');
    }
    this._hasSpoken ||= this._manager.connection === 'live';
    this._states = states;
    this._questions = questions;
    this._isLost = isLost;
  }

  private readonly _manager: IClusterManager;
  private readonly _trans: TranslationBundle;
  private readonly _speech: Debouncer;
  /** How the clusters were when they last changed, and how they were when that was last said. */
  private _seen = new Map<ICluster, string>();
  private _states: ReadonlyMap<ICluster, string> = new Map();
  private _questions: ReadonlySet<Question> = new Set();
  private _hasSpoken = false;
  private _isLost = false;
}

/** What is said of a cluster when it is another. */
function stateOf({ document }: ICluster): string {
  return `${document.phase} ${isReconciling(document)}`;
}

/** What there is to be said something of when it is another. */
function newsOf(cluster: ICluster): string {
  return `${stateOf(cluster)} ${cluster.question !== null}`;
}

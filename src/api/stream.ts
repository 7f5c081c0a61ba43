import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import { JSONExt } from '@lumino/coreutils';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { API_PREFIX } from './client';
import { applyPatch } from './patch';
import type {
  Cluster,
  PatchEvent,
  SnapshotEvent,
  SnapshotRequest
} from './types';

/**
 * Whether what the stream shows is what is: not known yet, yes, or not now.
 */
export type StreamState = 'connecting' | 'live' | 'stale';

/**
 * The clusters as the server tells of them on its websocket.
 *
 * It comes back by itself when the connection is lost, and asks for everything
 * anew when it has missed something.
 */
export class EventStream implements IDisposable {
  /**
   * @param settings - The server to talk to.
   */
  constructor(settings: ServerConnection.ISettings) {
    this._settings = settings;
  }

  /**
   * The clusters by id.
   */
  get clusters(): ReadonlyMap<string, Cluster> {
    return this._clusters;
  }

  /**
   * Whether `clusters` is what is.
   */
  get state(): StreamState {
    return this._state;
  }

  /**
   * Emitted with the ids of the clusters that have changed, are new or have gone.
   */
  get changed(): ISignal<this, EventStream.IChange> {
    return this._changed;
  }

  /**
   * Emitted when `state` has changed.
   */
  get stateChanged(): ISignal<this, StreamState> {
    return this._stateChanged;
  }

  /**
   * Whether the stream has ended for good.
   */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Connect, now: also when the next try would only be due later.
   */
  open(): void {
    if (this._isDisposed || this._socket) {
      return;
    }
    clearTimeout(this._retry);
    const url = URLExt.join(this._settings.wsUrl, API_PREFIX, 'events');
    const { token, appendToken } = this._settings;
    const socket = new this._settings.WebSocket(
      appendToken && token ? `${url}?token=${encodeURIComponent(token)}` : url
    );
    this._socket = socket;
    this._awaitSnapshot();
    socket.onmessage = event => this._receive(event.data);
    socket.onclose = () => this._lost();
    socket.onerror = () => this._lost();
  }

  /**
   * End the stream for good.
   */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._drop();
    clearTimeout(this._retry);
    Signal.clearData(this);
  }

  private _receive(data: unknown): void {
    this._watchSilence();
    const event = readEvent(data);
    if (event === null) {
      this._requestSnapshot();
    } else if ('snapshot' in event) {
      this._takeSnapshot(event);
    } else if (!this._awaiting && event.seq > this._seq) {
      this._takePatch(event);
    }
  }

  private _takeSnapshot(event: SnapshotEvent): void {
    clearTimeout(this._deadline);
    this._awaiting = false;
    this._attempts = 0;
    this._seq = event.seq;
    const before = this._clusters;
    const after = new Map<string, Cluster>();
    for (const cluster of event.snapshot) {
      const known = before.get(cluster.id);
      after.set(cluster.id, known && isSame(known, cluster) ? known : cluster);
    }
    this._clusters = after;
    const ids = new Set([...before.keys(), ...after.keys()]);
    this._setState('live');
    this._changed.emit({
      ids: [...ids].filter(id => before.get(id) !== after.get(id)),
      isSnapshot: true
    });
  }

  private _takePatch(event: PatchEvent): void {
    if (event.seq !== this._seq + 1) {
      this._requestSnapshot();
      return;
    }
    const id = event.cluster;
    let cluster: Cluster | undefined;
    try {
      cluster = applyPatch(this._clusters.get(id), event.patch);
    } catch {
      console.warn(`Patch ${event.seq} does not fit; asking for a snapshot`);
      this._requestSnapshot();
      return;
    }
    this._seq = event.seq;
    if (cluster) {
      this._clusters.set(id, cluster);
    } else {
      this._clusters.delete(id);
    }
    this._changed.emit({ ids: [id], isSnapshot: false });
  }

  private _requestSnapshot(): void {
    if (this._awaiting || !this._socket) {
      return;
    }
    const request: SnapshotRequest = { request: 'snapshot' };
    this._socket.send(JSON.stringify(request));
    this._awaitSnapshot();
  }

  private _awaitSnapshot(): void {
    this._awaiting = true;
    clearTimeout(this._deadline);
    this._deadline = setTimeout(() => this._lost(), ANSWER_TIMEOUT);
  }

  /**
   * A connection can die without a word, as when a laptop sleeps.
   */
  private _watchSilence(): void {
    this._heard = performance.now();
    this._silence ??= setTimeout(() => this._onSilence(), SILENCE);
  }

  /** A timer for each message would cost more than what most of them change. */
  private _onSilence(): void {
    const left = this._heard + SILENCE - performance.now();
    this._silence =
      left > 0 ? setTimeout(() => this._onSilence(), left) : undefined;
    if (left <= 0) {
      this._requestSnapshot();
    }
  }

  private _lost(): void {
    this._drop();
    const delay =
      Math.min(RETRY_MAX, RETRY_MIN * 2 ** this._attempts) *
      (0.5 + Math.random() / 2);
    this._attempts += 1;
    this._retry = setTimeout(() => this.open(), delay);
    this._setState('stale');
  }

  private _drop(): void {
    clearTimeout(this._deadline);
    clearTimeout(this._silence);
    this._silence = undefined;
    clearTimeout(this._retry);
    const socket = this._socket;
    this._socket = null;
    if (socket) {
      socket.onmessage = null;
      socket.onclose = null;
      socket.onerror = null;
      socket.close();
    }
  }

  private _setState(state: StreamState): void {
    if (this._state !== state) {
      this._state = state;
      this._stateChanged.emit(state);
    }
  }

  private readonly _settings: ServerConnection.ISettings;
  private readonly _changed = new Signal<this, EventStream.IChange>(this);
  private readonly _stateChanged = new Signal<this, StreamState>(this);
  private _clusters = new Map<string, Cluster>();
  private _state: StreamState = 'connecting';
  private _socket: WebSocket | null = null;
  private _isDisposed = false;
  private _awaiting = false;
  private _attempts = 0;
  private _seq = -1;
  /** When the server has said something last, in milliseconds. */
  private _heard = 0;
  private _deadline: ReturnType<typeof setTimeout> | undefined;
  private _silence: ReturnType<typeof setTimeout> | undefined;
  private _retry: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Types of `EventStream`.
 */
export namespace EventStream {
  /**
   * What a message has changed.
   */
  export interface IChange {
    /**
     * The clusters that have changed, are new or have gone.
     */
    readonly ids: readonly string[];

    /**
     * Whether the message told of everything there is.
     */
    readonly isSnapshot: boolean;
  }
}

/** The first and the longest wait before another try, in milliseconds. */
const RETRY_MIN = 1_000;
const RETRY_MAX = 30_000;

/** How long a snapshot may take, connecting included. */
const ANSWER_TIMEOUT = 15_000;

/** How long the server may say nothing before it is asked. */
const SILENCE = 45_000;

function readEvent(data: unknown): SnapshotEvent | PatchEvent | null {
  let event: Partial<SnapshotEvent & PatchEvent> | null;
  try {
    event = JSON.parse(String(data));
  } catch {
    return null;
  }
  const isEvent =
    typeof event?.seq === 'number' &&
    (Array.isArray(event.snapshot) ||
      (typeof event.cluster === 'string' && Array.isArray(event.patch)));
  return isEvent ? (event as SnapshotEvent | PatchEvent) : null;
}

function isSame(one: Cluster, other: Cluster): boolean {
  return JSONExt.deepEqual(
    one as unknown as ReadonlyPartialJSONValue,
    other as unknown as ReadonlyPartialJSONValue
  );
}

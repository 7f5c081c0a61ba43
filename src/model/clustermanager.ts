import type { IDisposable } from '@lumino/disposable';
import { PromiseDelegate } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ApiClient } from '../api/client';
import type { ApiError } from '../api/errors';
import type { EventStream, StreamState } from '../api/stream';
import type {
  Cluster,
  CreateCluster,
  NewTemplate,
  Template,
  WorkerClass
} from '../api/types';
import { ClusterModel } from './clustermodel';

/**
 * All clusters and templates of a server.
 */
export class ClusterManager implements IDisposable {
  /**
   * @param options - The ways to the server; the manager owns the stream.
   */
  constructor(options: ClusterManager.IOptions) {
    this._client = options.client;
    this._stream = options.stream;
    this._stream.changed.connect(this._onStream, this);
    this._stream.stateChanged.connect(this._onState, this);
  }

  /**
   * Resolved when the server has said for the first time which clusters there are.
   */
  get ready(): Promise<void> {
    return this._ready.promise;
  }

  /**
   * The clusters, oldest first.
   */
  get clusters(): readonly ClusterModel[] {
    return this._clusters;
  }

  /**
   * The templates that clusters can be made from.
   */
  get templates(): readonly Template[] {
    return this._templates;
  }

  /**
   * Why the templates could not be read.
   */
  get templatesError(): ApiError | null {
    return this._templatesError;
  }

  /**
   * Whether what is shown is what is.
   */
  get connection(): StreamState {
    return this._stream.state;
  }

  /**
   * Whether the server lets this person look at clusters, and change nothing.
   */
  get isReadOnly(): boolean {
    return this._isReadOnly;
  }

  /**
   * Whether the server lets this person say which code runs: make a cluster, or edit a spec.
   */
  get mayExecute(): boolean {
    return this._mayExecute;
  }

  /**
   * Emitted when `isReadOnly` or `mayExecute` has changed.
   */
  get accessChanged(): ISignal<this, void> {
    return this._accessChanged;
  }

  /**
   * Emitted when a cluster is new or has gone.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Emitted when `connection` has changed.
   */
  get connectionChanged(): ISignal<this, void> {
    return this._connectionChanged;
  }

  /**
   * Emitted when the templates have been read, or could not be.
   */
  get templatesChanged(): ISignal<this, void> {
    return this._templatesChanged;
  }

  /**
   * Whether the manager has ended.
   */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Connect to the server, or try again now when the connection is lost.
   */
  connect(): void {
    this._stream.open();
  }

  /**
   * The cluster of this id, if there is one.
   */
  get(id: string): ClusterModel | undefined {
    return this._byId.get(id);
  }

  /**
   * Make a cluster; it is in `clusters` when the promise resolves.
   */
  async create(request: CreateCluster): Promise<ClusterModel> {
    const document = await this._client.createCluster(request);
    const known = this._byId.get(document.id);
    if (known?.document.created === document.created) {
      return known;
    }
    if (known) {
      // It has gone, and nobody could be told.
      this._remove(known);
    }
    const model = this._add(document);
    this._unconfirmed.add(document.id);
    this._emitChanged();
    return model;
  }

  /**
   * Read the templates anew.
   */
  async refreshTemplates(): Promise<void> {
    try {
      this._templates = await this._client.listTemplates();
      this._templatesError = null;
    } catch (error) {
      this._templatesError = error as ApiError;
    }
    this._templatesChanged.emit();
  }

  /**
   * Write a template of the user's own; it is in `templates` when the promise resolves.
   */
  async saveTemplate(
    template: NewTemplate,
    isReplaced: boolean,
    like: string | null
  ): Promise<Template> {
    const saved = await this._client.saveTemplate(template, isReplaced, like);
    await this.refreshTemplates();
    return saved;
  }

  /**
   * Delete a template of the user's own.
   */
  async deleteTemplate(name: string): Promise<Template> {
    const deleted = await this._client.deleteTemplate(name);
    await this.refreshTemplates();
    return deleted;
  }

  /**
   * The worker classes that the spec of a new cluster may name.
   */
  classes(): Promise<WorkerClass[]> {
    return this._client.listClasses();
  }

  /**
   * End, and leave the clusters alone.
   */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._stream.dispose();
    this._byId.forEach(model => model.dispose());
    this._byId.clear();
    this._clusters = [];
    Signal.clearData(this);
  }

  private _onStream(stream: EventStream, change: EventStream.IChange): void {
    let isListChanged = false;
    for (const id of change.ids) {
      const document = stream.clusters.get(id);
      let model = this._byId.get(id);
      this._unconfirmed.delete(id);
      if (
        change.isSnapshot &&
        document &&
        model &&
        document.created !== model.document.created
      ) {
        // It went while nobody could be told, and another one has its id now.
        this._remove(model);
        model = undefined;
      }
      if (document && model) {
        model.update(document);
      } else if (document) {
        this._add(document);
        isListChanged = true;
      } else if (model) {
        this._remove(model);
        isListChanged = true;
      }
    }
    if (change.isSnapshot) {
      // What was made and is not there any more has gone unseen.
      for (const id of this._unconfirmed) {
        this._remove(this._byId.get(id)!);
        isListChanged = true;
      }
      this._unconfirmed.clear();
      this._ready.resolve();
    }
    if (isListChanged) {
      this._emitChanged();
    }
  }

  private _onState(stream: EventStream, state: StreamState): void {
    this._connectionChanged.emit();
    if (state === 'live') {
      void this.refreshTemplates();
      void this._refreshAccess();
    }
  }

  private async _refreshAccess(): Promise<void> {
    // Who cannot be told is let try: the server decides in any case.
    const permissions = await this._client
      .getPermissions()
      .catch(() => ['write', 'execute']);
    const isReadOnly = !permissions.includes('write');
    const mayExecute = !isReadOnly && permissions.includes('execute');
    const isNews =
      isReadOnly !== this._isReadOnly || mayExecute !== this._mayExecute;
    if (isNews && !this._isDisposed) {
      this._isReadOnly = isReadOnly;
      this._mayExecute = mayExecute;
      this._accessChanged.emit();
    }
  }

  private _add(document: Cluster): ClusterModel {
    const model = new ClusterModel(this._client, document);
    this._byId.set(document.id, model);
    return model;
  }

  private _remove(model: ClusterModel): void {
    this._byId.delete(model.id);
    model.dispose();
  }

  private _emitChanged(): void {
    this._clusters = [...this._byId.values()].sort(
      (one, other) =>
        Date.parse(one.document.created) - Date.parse(other.document.created) ||
        one.id.localeCompare(other.id)
    );
    this._changed.emit();
  }

  private readonly _client: ApiClient;
  private readonly _stream: EventStream;
  private readonly _ready = new PromiseDelegate<void>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _connectionChanged = new Signal<this, void>(this);
  private readonly _templatesChanged = new Signal<this, void>(this);
  private readonly _accessChanged = new Signal<this, void>(this);
  private readonly _byId = new Map<string, ClusterModel>();
  /** Clusters that `create` has answered and the stream has not told of yet. */
  private readonly _unconfirmed = new Set<string>();
  private _clusters: readonly ClusterModel[] = [];
  private _templates: readonly Template[] = [];
  private _templatesError: ApiError | null = null;
  private _isReadOnly = false;
  private _mayExecute = true;
  private _isDisposed = false;
}

/**
 * Types of `ClusterManager`.
 */
export namespace ClusterManager {
  /**
   * The ways to the server.
   */
  export interface IOptions {
    client: ApiClient;
    stream: EventStream;
  }
}

import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { ApiError } from './api/errors';
import type { StreamState } from './api/stream';
import type {
  Adapt,
  Cluster,
  ClusterSpec,
  CreateCluster,
  Generation,
  Log,
  LogQuery,
  NewTemplate,
  Plan,
  PlanRequest,
  Scale,
  Template,
  TemplateField,
  WorkerClass
} from './api/types';

export type {
  Adapt,
  Cluster,
  ClusterSpec,
  CreateCluster,
  Generation,
  Log,
  LogQuery,
  NewTemplate,
  Plan,
  PlanRequest,
  Scale,
  StreamState,
  Template,
  TemplateField,
  WorkerClass
};

/**
 * The ids of our commands.
 */
export namespace CommandIDs {
  export const createCluster = 'speccluster-lab:create-cluster';
  export const scaleCluster = 'speccluster-lab:scale-cluster';
  export const stopCluster = 'speccluster-lab:stop-cluster';
  export const adaptCluster = 'speccluster-lab:adapt-cluster';
  export const restartCluster = 'speccluster-lab:restart-cluster';
  export const retryEntry = 'speccluster-lab:retry-entry';
  export const restartEntry = 'speccluster-lab:restart-entry';
  export const openDashboard = 'speccluster-lab:open-dashboard';
  export const editSpec = 'speccluster-lab:edit-spec';
  export const applySpec = 'speccluster-lab:apply-spec';
  export const revertSpec = 'speccluster-lab:revert-spec';
  export const keepChanges = 'speccluster-lab:keep-changes';
  export const compareChanges = 'speccluster-lab:compare-changes';
  export const goBack = 'speccluster-lab:go-back';
  export const copySpecCode = 'speccluster-lab:copy-spec-code';
  export const showView = 'speccluster-lab:show-spec-view';
  export const writeSpecAs = 'speccluster-lab:write-spec-as';
  export const chooseEntry = 'speccluster-lab:choose-entry';
  export const addEntry = 'speccluster-lab:add-entry';
  export const duplicateEntry = 'speccluster-lab:duplicate-entry';
  export const removeEntry = 'speccluster-lab:remove-entry';
  export const renameEntry = 'speccluster-lab:rename-entry';
  export const changeAlike = 'speccluster-lab:change-alike';
  export const showOption = 'speccluster-lab:show-option';
  export const openLogs = 'speccluster-lab:open-logs';
  export const followLog = 'speccluster-lab:follow-log';
  export const copyLog = 'speccluster-lab:copy-log';
  export const filterLog = 'speccluster-lab:filter-log';
  export const saveTemplate = 'speccluster-lab:save-template';
  export const deleteTemplate = 'speccluster-lab:delete-template';
  export const insertClientCode = 'speccluster-lab:insert-client-code';
  export const copyClientCode = 'speccluster-lab:copy-client-code';
  export const insertEntryCode = 'speccluster-lab:insert-entry-code';
  export const insertTemplateCode = 'speccluster-lab:insert-template-code';
  export const beginAutoConnect = 'speccluster-lab:connect-automatically';
  export const endAutoConnect = 'speccluster-lab:disconnect-automatically';
  export const showPanel = 'speccluster-lab:show-panel';
  export const showWorkers = 'speccluster-lab:show-workers';
  export const filterClusters = 'speccluster-lab:filter-clusters';
  export const orderClusters = 'speccluster-lab:order-clusters';
  export const groupClusters = 'speccluster-lab:group-clusters';
}

/**
 * The id of the panel's widget.
 */
export const PANEL_ID = 'speccluster-lab-panel';

/**
 * The domain of our translations.
 */
export const DOMAIN = 'speccluster_lab';

/**
 * One cluster: what is known of it, and what may be asked of it. Calls that
 * fail reject with an `ApiError`.
 */
export interface ICluster extends IDisposable {
  /**
   * The cluster's id.
   */
  readonly id: string;

  /**
   * The cluster as it is known: an immutable document, another one after each change.
   */
  readonly document: Cluster;

  /**
   * Where a browser finds dask's dashboard of the cluster; null where there is none to show.
   */
  readonly dashboardUrl: string | null;

  /**
   * How many entries are wanted: what was last asked for, else what the spec says.
   */
  readonly entries: number;

  /**
   * Whether a number of entries was asked for that the server has not taken yet.
   */
  readonly isScaling: boolean;

  /**
   * Whether the cluster was asked to stop and has not answered yet.
   */
  readonly isStopping: boolean;

  /**
   * Why the last number of entries was refused.
   */
  readonly scaleError: ApiError | null;

  /**
   * A number of entries that would leave data nowhere to go: whether it is
   * meant has to be answered first.
   */
  readonly question: { entries: number; plan: Plan } | null;

  /**
   * Emitted after each change of what can be read here.
   */
  readonly changed: ISignal<ICluster, void>;

  /**
   * Ask for a number of entries. Quick changes are sent as one, the last.
   */
  setEntries(entries: number): void;

  /**
   * Answer the question: ask for that number of entries all the same, or leave it.
   */
  answer(isMeant: boolean): void;

  /**
   * Set the size in exactly one unit, now.
   */
  scale(scale: Scale): Promise<Cluster>;

  /**
   * Replace the desired state, made from `generation`.
   */
  replaceSpec(spec: ClusterSpec, generation: number): Promise<Cluster>;

  /**
   * Ask what a change would do; nothing is changed.
   */
  plan(request: PlanRequest): Promise<Plan>;

  /**
   * The worker classes that its spec may name.
   */
  classes(): Promise<WorkerClass[]>;

  /**
   * What was wanted before, newest first.
   */
  generations(): Promise<Generation[]>;

  /**
   * The end of a log, or what comes after a cursor: of a worker, of the workers of an entry,
   * or of its own process.
   */
  log(query: LogQuery): Promise<Log>;

  /**
   * Have adaptive scaling keep to a range; null ends it.
   */
  adapt(range: Adapt | null): Promise<Cluster>;

  /**
   * Try an entry again now, whatever its backoff says.
   */
  retry(entry: string): Promise<Cluster>;

  /**
   * Make an entry anew although its spec says the same; what it holds moves first.
   */
  restartEntry(entry: string): Promise<Cluster>;

  /**
   * Start the cluster again as it is wanted.
   */
  restart(): Promise<Cluster>;

  /**
   * Get the cluster anew from the server.
   */
  refresh(): Promise<Cluster>;

  /**
   * Stop the cluster. It goes when the server says that it has gone.
   */
  stop(): Promise<Cluster>;
}

/**
 * All clusters and templates of a server.
 */
export interface IClusterManager {
  /**
   * Resolved when the server has said for the first time which clusters there are.
   */
  readonly ready: Promise<void>;

  /**
   * The clusters, oldest first.
   */
  readonly clusters: readonly ICluster[];

  /**
   * The templates that clusters can be made from.
   */
  readonly templates: readonly Template[];

  /**
   * Why the templates could not be read.
   */
  readonly templatesError: ApiError | null;

  /**
   * Whether what is shown is what is.
   */
  readonly connection: StreamState;

  /**
   * Whether the server lets this person look at clusters, and change nothing.
   */
  readonly isReadOnly: boolean;

  /**
   * Whether the server lets this person say which code runs: make a cluster, or edit a spec.
   */
  readonly mayExecute: boolean;

  /**
   * Emitted when `isReadOnly` or `mayExecute` has changed.
   */
  readonly accessChanged: ISignal<IClusterManager, void>;

  /**
   * Emitted when a cluster is new or has gone.
   */
  readonly changed: ISignal<IClusterManager, void>;

  /**
   * Emitted when `connection` has changed.
   */
  readonly connectionChanged: ISignal<IClusterManager, void>;

  /**
   * Emitted when the templates have been read, or could not be.
   */
  readonly templatesChanged: ISignal<IClusterManager, void>;

  /**
   * The cluster of this id, if there is one.
   */
  get(id: string): ICluster | undefined;

  /**
   * Make a cluster; it is in `clusters` when the promise resolves.
   */
  create(request: CreateCluster): Promise<ICluster>;

  /**
   * Read the templates anew.
   */
  refreshTemplates(): Promise<void>;

  /**
   * Write a template of the user's own; it is in `templates` when the promise resolves.
   *
   * @param template - What it says.
   * @param isReplaced - Whether one of this name may go.
   * @param like - A template: what only templates may say may be repeated of it.
   */
  saveTemplate(
    template: NewTemplate,
    isReplaced: boolean,
    like: string | null
  ): Promise<Template>;

  /**
   * Delete a template of the user's own.
   */
  deleteTemplate(name: string): Promise<Template>;

  /**
   * The worker classes that the spec of a new cluster may name.
   */
  classes(): Promise<WorkerClass[]>;
}

/**
 * All clusters and templates of a server.
 */
export const IClusterManager = new Token<IClusterManager>(
  'speccluster-lab:IClusterManager',
  'The clusters and templates of a server, and what may be asked of them.'
);

/**
 * What code connects to: a cluster by its id, the members of one of its
 * entries, or a cluster that it makes from a template.
 */
export type ClientOf =
  | string
  | { readonly id: string; readonly members: readonly string[] }
  | { readonly template: string };

/**
 * The way from a cluster to a notebook.
 */
export interface IClientCode {
  /**
   * The code that connects to a cluster.
   */
  code(of: ClientOf): string;

  /**
   * Start to drag the code, as a cell and as text.
   *
   * @param of - What it connects to.
   * @param label - What the drag image says.
   * @param event - The movement that made it a drag.
   */
  drag(of: ClientOf, label: string, event: PointerEvent): void;

  /**
   * Put the code into the notebook that is in use, as a cell, or where the
   * cursor of the console or the text editor is that is.
   *
   * @returns Where it was put; null when none of them is in use.
   */
  insert(of: ClientOf): IClientCode.IPlace | null;
}

/**
 * Types of `IClientCode`.
 */
export namespace IClientCode {
  /**
   * Where code was put.
   */
  export interface IPlace {
    /**
     * The file or the session.
     */
    readonly path: string;

    /**
     * Which cell it is; null where there are none.
     */
    readonly index: number | null;
  }
}

/**
 * The way from a cluster to a notebook.
 */
export const IClientCode = new Token<IClientCode>(
  'speccluster-lab:IClientCode',
  'The code that connects to a cluster, and the drag that brings it into a notebook.'
);

/**
 * Notebooks whose new kernels connect to a cluster by themselves.
 */
export interface IAutoConnect {
  /**
   * The id of the cluster that new kernels of the notebook in use connect to;
   * null when they connect to none.
   */
  readonly current: string | null;

  /**
   * Emitted when `current` may have changed.
   */
  readonly changed: ISignal<IAutoConnect, void>;

  /**
   * Have the kernel of the notebook in use, and each that it gets from now on,
   * connect to a cluster.
   *
   * @returns The notebook; null when none is in use.
   */
  begin(id: string): Promise<IAutoConnect.IPlace | null>;

  /**
   * Have new kernels of the notebook in use connect to nothing.
   *
   * @returns The notebook; null when none is in use.
   */
  end(): Promise<IAutoConnect.IPlace | null>;
}

/**
 * Types of `IAutoConnect`.
 */
export namespace IAutoConnect {
  /**
   * A notebook.
   */
  export interface IPlace {
    readonly path: string;
  }
}

/**
 * Notebooks whose new kernels connect to a cluster by themselves.
 */
export const IAutoConnect = new Token<IAutoConnect>(
  'speccluster-lab:IAutoConnect',
  'Has new kernels of notebooks connect to clusters.'
);

/**
 * The editors of clusters' specs.
 */
export interface ISpecEditors {
  /**
   * Show the editor of a cluster's spec, one for each cluster.
   *
   * @returns The id of the editor's widget.
   */
  open(cluster: ICluster): Promise<string>;

  /**
   * Let a person say what they want of a new cluster, and make it.
   *
   * @param template - What is chosen at first.
   *
   * @returns The cluster; null when the person wants none after all.
   */
  create(template: string | null): Promise<ICluster | null>;

  /**
   * Let a person keep a cluster's spec as a template of their own.
   *
   * @returns The template; null when the person wants none after all.
   */
  saveTemplate(cluster: ICluster): Promise<Template | null>;
}

/**
 * The editors of clusters' specs.
 */
export const ISpecEditors = new Token<ISpecEditors>(
  'speccluster-lab:ISpecEditors',
  "The editors of clusters' specs, one for each cluster."
);

/**
 * The logs that are shown.
 */
export interface ILogViewers {
  /**
   * Show a log of a cluster, one tab for each source.
   *
   * @param cluster - Whose log it is.
   * @param member - The worker's name, or the entry's; the cluster's own process if not given.
   *
   * @returns The id of the tab's widget.
   */
  open(cluster: ICluster, member?: string | null): Promise<string>;
}

/**
 * The logs that are shown.
 */
export const ILogViewers = new Token<ILogViewers>(
  'speccluster-lab:ILogViewers',
  'The logs of clusters and their workers, one tab for each source.'
);

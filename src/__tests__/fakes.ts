import { ServerConnection } from '@jupyterlab/services';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import type { ApiError } from '../api/errors';
import type {
  Adapt,
  Cluster,
  Entry,
  EntryPhase,
  Generation,
  Log,
  LogQuery,
  Member,
  NewTemplate,
  PatchOperation,
  Plan,
  PlanRequest,
  Scale,
  Template,
  WorkerClass
} from '../api/types';
import type { ICluster, IClusterManager, StreamState } from '../tokens';

export const NOW = '2026-11-24T03:00:00Z';
export const GIB = 2 ** 30;

/**
 * A member that the scheduler has.
 */
export function member(name: string, more: Partial<Member> = {}): Member {
  return {
    name,
    address: 'tls://127.0.0.1:40001',
    status: 'running',
    nthreads: 1,
    memory_limit: GIB,
    memory_used: GIB / 16,
    cpu: 0.02,
    tasks: 0,
    last_seen: NOW,
    ...more
  };
}

/**
 * A member that is expected and not there.
 */
export function absent(name: string): Member {
  return {
    name,
    address: null,
    status: null,
    nthreads: null,
    memory_limit: null,
    memory_used: null,
    cpu: null,
    tasks: null,
    last_seen: null
  };
}

/**
 * An entry as it stands.
 */
export function entry(
  name: string,
  members: Member[],
  phase: EntryPhase = 'running',
  more: Partial<Entry> = {}
): Entry {
  return {
    name,
    phase,
    reason: null,
    message: null,
    cls: 'speccluster_lab.MultiWorker',
    generation: 1,
    attempts: 0,
    next_retry: null,
    engine: null,
    members,
    ...more
  };
}

/**
 * A cluster of one entry with three members.
 */
export function cluster(id: string, more: Partial<Cluster> = {}): Cluster {
  const workers = more.workers ?? [
    entry(
      '0',
      ['0-0', '0-1', '0-2'].map(name => member(name))
    )
  ];
  const members = workers.flatMap(one => one.members);
  const there = members.filter(one => one.address !== null);
  const sum = (key: 'nthreads' | 'memory_limit' | 'memory_used') =>
    there.reduce((total, one) => total + (one[key] ?? 0), 0);
  const form = {
    cls: 'speccluster_lab.MultiWorker',
    options: { processes: 3 },
    group: ['-0', '-1', '-2']
  };
  return {
    id,
    display_name: id,
    template: 'grouped',
    owner: { kind: 'server', detail: null },
    phase: 'running',
    conditions: [],
    generation: 1,
    observed_generation: 1,
    created: NOW,
    adaptive: null,
    environment: null,
    lifetimes: {
      orphan_timeout: null,
      idle_timeout: null,
      max_lifetime: null
    },
    scheduler: { address: 'tls://x', dashboard: true, status: 'running' },
    counts: {
      entries: workers.length,
      expected: members.length,
      registered: there.length,
      nthreads: sum('nthreads'),
      memory_limit: sum('memory_limit'),
      memory_used: sum('memory_used')
    },
    spec: {
      scheduler: { cls: 'distributed.Scheduler', options: {} },
      worker: form,
      workers: Object.fromEntries(workers.map(({ name }) => [name, form]))
    },
    workers,
    unexpected: [],
    ...more
  };
}

/** As usual. */
const POLICY: Template['policy'] = {
  max_unavailable: null,
  max_surge: null,
  scheduler_timeout: null,
  start_timeout: null,
  arrival_timeout: null,
  lost_timeout: null,
  retire_timeout: null,
  close_timeout: null,
  restart_scheduler: null
};

export const TEMPLATES: Template[] = [
  {
    name: 'grouped',
    title: 'Grouped workers',
    description: 'Three at a time.',
    initial: 1,
    fields: {},
    spec: {},
    start_method: 'forkserver',
    preimport: [],
    kernel: null,
    python: null,
    bind: null,
    idle_timeout: null,
    max_lifetime: null,
    orphan_timeout: null,
    policy: POLICY,
    own: false,
    unusable: null
  },
  {
    name: 'local',
    title: 'Local processes',
    description: 'One at a time.',
    initial: 1,
    fields: {},
    spec: {},
    start_method: 'forkserver',
    preimport: [],
    kernel: null,
    python: null,
    bind: null,
    idle_timeout: null,
    max_lifetime: null,
    orphan_timeout: null,
    policy: POLICY,
    own: false,
    unusable: null
  }
];

/**
 * A websocket that the test is the other end of.
 */
export class FakeSocket {
  static all: FakeSocket[] = [];

  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1];
  }

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: unknown[] = [];
  isClosed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
  }

  /** The server sends something. */
  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  snapshot(seq: number, ...snapshot: Cluster[]): void {
    this.say({ seq, snapshot });
  }

  patch(seq: number, id: string, ...patch: PatchOperation[]): void {
    this.say({ seq, cluster: id, patch });
  }

  /** The connection is lost. */
  drop(): void {
    this.onclose?.();
  }
}

/**
 * A request as the server saw it.
 */
export interface ISeen {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

/**
 * A server that answers what the test says, and remembers what it was asked.
 */
export class FakeServer {
  constructor(readonly settings = {}) {
    this.connection = ServerConnection.makeSettings({
      baseUrl: 'http://localhost/base/',
      wsUrl: 'ws://localhost/base/',
      token: 'secret',
      WebSocket: FakeSocket as unknown as typeof WebSocket,
      fetch: request => this._fetch(request as Request),
      ...settings
    });
  }

  readonly connection: ServerConnection.ISettings;
  readonly seen: ISeen[] = [];

  /** Answers a request; a rejection is a network that is down. */
  answer: (seen: ISeen) => Promise<Response> | Response = () =>
    new Response('{}');

  private async _fetch(request: Request): Promise<Response> {
    const text = await request.text();
    const seen: ISeen = {
      method: request.method,
      path: new URL(request.url).pathname,
      headers: request.headers,
      body: text ? JSON.parse(text) : undefined
    };
    this.seen.push(seen);
    return this.answer(seen);
  }
}

/**
 * An answer with a JSON body.
 */
export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

/**
 * A promise that the test resolves.
 */
export function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A plan of nothing. */
export const NO_CHANGE: Plan = {
  start: [],
  replace: [],
  retire: [],
  at_stake: { keys: 0, nbytes: 0 },
  stuck: false
};

/** What the server says of two classes. */
export const CLASSES: WorkerClass[] = [
  {
    cls: 'distributed.Nanny',
    description: 'A process to manage worker processes',
    count: null,
    error: null,
    options: {
      type: 'object',
      properties: {
        nthreads: {
          description: 'How many threads it has.',
          anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }]
        },
        memory_limit: {
          default: 'auto',
          anyOf: [
            { type: 'string', const: 'auto' },
            { type: 'integer', minimum: 0 },
            { type: 'string', pattern: '^\\d+ ?([kKmMgG]i?)?B?$' },
            { type: 'null' }
          ]
        },
        silent: { type: 'boolean', default: false },
        preload: { readOnly: true },
        resources: {
          anyOf: [
            { type: 'object', additionalProperties: { type: 'number' } },
            { type: 'null' }
          ]
        }
      },
      additionalProperties: false
    }
  },
  {
    cls: 'speccluster_lab.MultiWorker',
    description: 'A worker class whose entries are several workers',
    count: 'processes',
    error: null,
    options: {
      type: 'object',
      properties: {
        processes: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
        nthreads: { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] }
      },
      additionalProperties: false
    }
  }
];

/**
 * A cluster for views: what it is asked is recorded.
 */
export class FakeCluster implements ICluster {
  constructor(public document: Cluster) {
    this.entries = Object.keys(document.spec.workers ?? {}).length;
  }

  readonly changed = new Signal<this, void>(this);
  dashboardUrl: string | null = '/dashboard';
  entries: number;
  isScaling = false;
  isStopping = false;
  isDisposed = false;
  scaleError: ApiError | null = null;
  question: { entries: number; plan: Plan } | null = null;

  answer = jest.fn();

  setEntries = jest.fn((entries: number) => {
    this.set({ entries, isScaling: true });
  });
  scale = jest.fn(async (scale: Scale) => this.document);
  replaceSpec = jest.fn(async () => this.document);
  plan = jest.fn(async (request: PlanRequest): Promise<Plan> => NO_CHANGE);
  classes = jest.fn(async (): Promise<WorkerClass[]> => CLASSES);
  generations = jest.fn(async (): Promise<Generation[]> => []);
  log = jest.fn(async (query: LogQuery): Promise<Log> => ({
    source: 'host',
    lines: [],
    complete: true,
    cursor: '',
    continues: false,
    unfinished: false
  }));
  adapt = jest.fn(async (range: Adapt | null) => this.document);
  retry = jest.fn(async (entry: string) => this.document);
  restartEntry = jest.fn(async (entry: string) => this.document);
  restart = jest.fn(async () => this.document);
  refresh = jest.fn(async () => this.document);
  stop = jest.fn(async () => this.document);

  get id(): string {
    return this.document.id;
  }

  set(values: Partial<FakeCluster>): void {
    Object.assign(this, values);
    this.changed.emit();
  }

  dispose(): void {
    this.set({ isDisposed: true });
  }
}

/**
 * A manager for views.
 */
export class FakeManager implements IClusterManager {
  constructor(...clusters: FakeCluster[]) {
    this.clusters = clusters;
  }

  readonly changed = new Signal<this, void>(this);
  readonly connectionChanged = new Signal<this, void>(this);
  readonly accessChanged = new Signal<this, void>(this);
  readonly templatesChanged = new Signal<this, void>(this);
  readonly ready = Promise.resolve();
  clusters: readonly FakeCluster[];
  templates: readonly Template[] = TEMPLATES;
  templatesError: ApiError | null = null;
  connection: StreamState = 'live';
  isReadOnly = false;
  mayExecute = true;

  create = jest.fn(async () => this.clusters[0]);
  refreshTemplates = jest.fn(async () => undefined);
  saveTemplate = jest.fn(async (template: NewTemplate): Promise<Template> => ({
    ...TEMPLATES[0],
    ...template,
    own: true,
    unusable: null
  }));
  deleteTemplate = jest.fn(async () => TEMPLATES[0]);
  classes = jest.fn(async (): Promise<WorkerClass[]> => CLASSES);

  get(id: string): FakeCluster | undefined {
    return this.clusters.find(one => one.id === id);
  }

  setClusters(...clusters: FakeCluster[]): void {
    this.clusters = clusters;
    this.changed.emit();
  }

  setReadOnly(isReadOnly: boolean): void {
    this.isReadOnly = isReadOnly;
    this.mayExecute = !isReadOnly;
    this.accessChanged.emit();
  }

  setConnection(state: StreamState): void {
    this.connection = state;
    this.connectionChanged.emit();
  }
}

/**
 * A cluster as plain JSON, to be compared.
 */
export function plain(value: unknown): ReadonlyPartialJSONValue {
  return JSON.parse(JSON.stringify(value));
}

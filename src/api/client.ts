import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { ApiError } from './errors';
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
  WorkerClass
} from './types';

/**
 * Where the API is, below the server's base URL.
 */
export const API_PREFIX = 'speccluster-lab/api/v1';

/** What an authorizer knows our calls by. */
const RESOURCE = 'speccluster';

/**
 * The calls of the REST API; every failure is an `ApiError`.
 */
export class ApiClient {
  /**
   * @param settings - The server to talk to.
   * @param timeout - How long an answer may take, in milliseconds.
   */
  constructor(settings: ServerConnection.ISettings, timeout = 30_000) {
    this._settings = settings;
    this._timeout = timeout;
  }

  /**
   * List the templates.
   */
  listTemplates(): Promise<Template[]> {
    return this._request('GET', ['templates']);
  }

  /**
   * Write a template of the user's own.
   *
   * @param template - What it says.
   * @param isReplaced - Whether one of this name may go.
   * @param like - A template: what only templates may say may be repeated of it.
   */
  saveTemplate(
    template: NewTemplate,
    isReplaced: boolean,
    like: string | null
  ): Promise<Template> {
    return this._request('PUT', ['templates', template.name], {
      body: template,
      query: {
        ...(isReplaced && { replace: 'true' }),
        ...(like !== null && { like })
      }
    });
  }

  /**
   * Delete a template of the user's own.
   */
  deleteTemplate(name: string): Promise<Template> {
    return this._request('DELETE', ['templates', name]);
  }

  /**
   * List the worker classes that specs may name, as the Python of a cluster has
   * them; the server's own, if none is given.
   */
  listClasses(cluster?: string): Promise<WorkerClass[]> {
    return this._request('GET', ['classes'], {
      query: { ...(cluster !== undefined && { cluster }) }
    });
  }

  /**
   * Get one cluster: spec and status.
   */
  getCluster(id: string): Promise<Cluster> {
    return this._request('GET', ['clusters', id]);
  }

  /**
   * Make a cluster; it is there at once, in phase `starting`.
   */
  createCluster(request: CreateCluster): Promise<Cluster> {
    return this._request('POST', ['clusters'], { body: request });
  }

  /**
   * Set the size of a cluster, in exactly one unit.
   */
  scaleCluster(id: string, scale: Scale): Promise<Cluster> {
    return this._request('POST', ['clusters', id, 'scale'], { body: scale });
  }

  /**
   * Replace the desired state.
   *
   * @param id - The cluster.
   * @param spec - What is wanted from now on, as JSON that may still be wrong.
   * @param generation - The generation that the change was made from.
   */
  replaceSpec(
    id: string,
    spec: ClusterSpec,
    generation: number
  ): Promise<Cluster> {
    return this._request('PUT', ['clusters', id, 'spec'], {
      body: spec,
      headers: { 'If-Match': `"${generation}"` }
    });
  }

  /**
   * Say what a change would do, and change nothing.
   */
  planCluster(id: string, request: PlanRequest): Promise<Plan> {
    return this._request('POST', ['clusters', id, 'plan'], { body: request });
  }

  /**
   * List what was wanted of a cluster before, newest first.
   */
  listGenerations(id: string): Promise<Generation[]> {
    return this._request('GET', ['clusters', id, 'generations']);
  }

  /**
   * Read the end of a log, or what has been written after a cursor.
   */
  readLog(id: string, { member, tail, after }: LogQuery): Promise<Log> {
    return this._request('GET', ['clusters', id, 'logs'], {
      query: {
        ...(member !== null && { member }),
        tail: String(tail),
        ...(after !== null && { after })
      }
    });
  }

  /**
   * Have adaptive scaling keep to a range.
   */
  adaptCluster(id: string, range: Adapt): Promise<Cluster> {
    return this._request('PUT', ['clusters', id, 'adaptive'], { body: range });
  }

  /**
   * End adaptive scaling; the cluster keeps the size that it has.
   */
  endAdaptive(id: string): Promise<Cluster> {
    return this._request('DELETE', ['clusters', id, 'adaptive']);
  }

  /**
   * Try an entry again now, whatever its backoff says.
   */
  retryEntry(id: string, entry: string): Promise<Cluster> {
    return this._request('POST', ['clusters', id, 'entries', entry, 'retry']);
  }

  /**
   * Make an entry anew although its spec says the same.
   */
  restartEntry(id: string, entry: string): Promise<Cluster> {
    return this._request('POST', ['clusters', id, 'entries', entry, 'restart']);
  }

  /**
   * Start a cluster again as it is wanted; one that has failed, too.
   */
  restartCluster(id: string): Promise<Cluster> {
    return this._request('POST', ['clusters', id, 'restart']);
  }

  /**
   * What the server lets this person do with clusters: `read`, `write`, `execute`.
   */
  async getPermissions(): Promise<string[]> {
    const asked = { [RESOURCE]: ['read', 'write', 'execute'] };
    const url = URLExt.join(this._settings.baseUrl, 'api/me');
    const query = URLExt.objectToQueryString({
      permissions: JSON.stringify(asked)
    });
    const answer = await this._send<{
      permissions: Partial<Record<string, string[]>>;
    }>(url + query, { headers: { Accept: 'application/json' } });
    return answer.permissions[RESOURCE] ?? [];
  }

  /**
   * Stop a cluster.
   */
  stopCluster(id: string): Promise<Cluster> {
    return this._request('DELETE', ['clusters', id]);
  }

  /**
   * Where a browser finds dask's dashboard of a cluster; its login is the server's.
   */
  dashboardUrl(id: string): string {
    return this._url(['clusters', id, 'dashboard', 'status']);
  }

  private _url(path: string[]): string {
    return URLExt.join(
      this._settings.baseUrl,
      API_PREFIX,
      ...path.map(part => encodeURIComponent(part))
    );
  }

  private async _request<T>(
    method: string,
    path: string[],
    options: {
      body?: unknown;
      headers?: Record<string, string>;
      query?: Record<string, string>;
    } = {}
  ): Promise<T> {
    const init: RequestInit = {
      method,
      headers: { Accept: 'application/json', ...options.headers }
    };
    if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      init.headers = { ...init.headers, 'Content-Type': 'application/json' };
    }
    const query = URLExt.objectToQueryString(options.query ?? {});
    return this._send(this._url(path) + query, init);
  }

  private _send<T>(url: string, init: RequestInit): Promise<T> {
    return this._bounded(async () => {
      const response = await ServerConnection.makeRequest(
        url,
        init,
        this._settings
      );
      if (!response.ok) {
        throw await ApiError.fromResponse(response);
      }
      return (await response.json()) as T;
    });
  }

  private async _bounded<T>(work: () => Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer in ${this._timeout} ms`)),
        this._timeout
      );
    });
    try {
      return await Promise.race([work(), timeout]);
    } catch (error) {
      if (error instanceof ApiError) {
        throw error;
      }
      throw new ApiError({
        code: ApiError.NO_ANSWER,
        message: error instanceof Error ? error.message : String(error)
      });
    } finally {
      clearTimeout(timer);
    }
  }

  private readonly _settings: ServerConnection.ISettings;
  private readonly _timeout: number;
}

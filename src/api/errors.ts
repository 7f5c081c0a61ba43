/**
 * What the API refused or failed to do.
 */
export class ApiError extends Error {
  /**
   * @param options - What is known of the failure.
   */
  constructor(options: ApiError.IOptions) {
    super(options.message);
    this.name = 'ApiError';
    this.code = options.code;
    this.status = options.status ?? 0;
    this.field = options.field || null;
  }

  /**
   * The public code, such as `stale_generation`.
   */
  readonly code: string;

  /**
   * The HTTP status; 0 when there was no answer.
   */
  readonly status: number;

  /**
   * The input that is wrong, as a dotted path from the root of the request.
   */
  readonly field: string | null;

  /**
   * Read an answer that is not a success. What is not of our API, such as the
   * page of a proxy, gives the code `http_error`.
   */
  static async fromResponse(response: Response): Promise<ApiError> {
    let body: unknown;
    try {
      body = JSON.parse(await response.text());
    } catch {
      body = null;
    }
    const said = (body ?? {}) as Record<string, unknown>;
    const text = (key: string): string | null =>
      typeof said[key] === 'string' && said[key] !== '' ? said[key] : null;
    return new ApiError({
      code: text('code') ?? ApiError.HTTP_ERROR,
      message:
        text('message') ?? `${response.status} ${response.statusText}`.trim(),
      status: response.status,
      field: text('field')
    });
  }
}

/**
 * Statics of `ApiError`.
 */
export namespace ApiError {
  /**
   * What is known of a failure.
   */
  export interface IOptions {
    code: string;
    message: string;
    status?: number;
    field?: string | null;
  }

  /**
   * An answer that does not come from our API.
   */
  export const HTTP_ERROR = 'http_error';

  /**
   * The server could not be reached, or did not answer in time.
   */
  export const NO_ANSWER = 'no_answer';

  /**
   * The spec has changed since the generation that the caller had seen.
   */
  export const STALE_GENERATION = 'stale_generation';

  /**
   * No cluster has this id.
   */
  export const CLUSTER_NOT_FOUND = 'cluster_not_found';
}

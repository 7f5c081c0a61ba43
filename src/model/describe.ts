import type { TranslationBundle } from '@jupyterlab/translation';
import { ApiError } from '../api/errors';

/**
 * What to tell a person of a failure.
 */
export function describeError(
  error: unknown,
  trans: TranslationBundle
): string {
  if (error instanceof ApiError && error.code === ApiError.NO_ANSWER) {
    return trans.__('The Jupyter server does not answer.');
  }
  return error instanceof Error ? error.message : String(error);
}

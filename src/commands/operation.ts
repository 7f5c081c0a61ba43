import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { describeError } from '../model/describe';

/**
 * How long a notification is in view, in milliseconds. JupyterLab only counts
 * it at the bell unless it is told.
 */
export const SHOWN = { autoClose: 8_000 };

/**
 * What a person is told of something that takes a while.
 */
export interface IWords<T> {
  /**
   * While it is under way.
   */
  pending: string;

  /**
   * When it is done.
   */
  success: (result: T) => string;

  /**
   * Why it was not done.
   */
  error: (reason: string) => string;
}

/**
 * Tell a person of something that takes a while, in one notification that is
 * brought up to date. The panel shows what goes well: only what does not comes
 * into view.
 *
 * @param work - What is under way.
 * @param words - What is said of it.
 * @param trans - The translations.
 */
export function notify<T>(
  work: Promise<T>,
  words: IWords<T>,
  trans: TranslationBundle
): void {
  const id = Notification.emit(words.pending, 'in-progress', {});
  work.then(
    result => {
      const message = words.success(result);
      Notification.update({ id, message, type: 'success', autoClose: 0 });
    },
    (error: unknown) => {
      const message = words.error(describeError(error, trans));
      Notification.update({ id, message, type: 'error', ...SHOWN });
    }
  );
}

/**
 * Do something of which a person is told.
 *
 * @returns What came of it; null when it failed, which the person knows then.
 */
export async function operation<T>(
  work: Promise<T>,
  words: IWords<T>,
  trans: TranslationBundle
): Promise<T | null> {
  notify(work, words, trans);
  return work.catch(() => null);
}

import type { TranslationBundle } from '@jupyterlab/translation';

/**
 * Names for a person: the first ones, and how many more there are.
 *
 * @param names - All of them.
 * @param most - How many are said.
 * @param trans - The translations.
 */
export function someNames(
  names: readonly string[],
  most: number,
  trans: TranslationBundle
): string {
  const shown = names.slice(0, most).join(', ');
  const rest = names.length - most;
  return rest > 0 ? trans.__('%1 and %2 more', shown, rest) : shown;
}

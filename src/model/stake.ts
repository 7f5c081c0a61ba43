import type { TranslationBundle } from '@jupyterlab/translation';
import { formatBytes } from './facts';
import type { Plan } from '../api/types';
import { someNames } from './somenames';

/** How many names are said before they are only counted. */
const NAMES_SHOWN = 3;

/**
 * What a change would do, in words.
 */
export interface IPlanWords {
  /**
   * What would become of the entries, and of what they hold.
   */
  readonly lines: readonly string[];

  /**
   * Whether there is something to be considered first.
   */
  readonly isWarning: boolean;
}

/**
 * Say what a change would do.
 */
export function describePlan(plan: Plan, trans: TranslationBundle): IPlanWords {
  const { start, replace, retire, at_stake, stuck } = plan;
  const lines: string[] = [];
  if (start.length > 0) {
    lines.push(trans._n('%1 entry starts.', '%1 entries start.', start.length));
  }
  if (replace.length > 0) {
    lines.push(
      trans._n(
        '%1 entry is replaced: %2',
        '%1 entries are replaced: %2',
        replace.length,
        someNames(replace, NAMES_SHOWN, trans)
      )
    );
  }
  if (retire.length > 0) {
    lines.push(
      trans._n(
        '%1 entry goes: %2',
        '%1 entries go: %2',
        retire.length,
        someNames(retire, NAMES_SHOWN, trans)
      )
    );
  }
  const stake = describeStake(plan, trans);
  if (stake !== null) {
    lines.push(stake);
  }
  return {
    lines: lines.length > 0 ? lines : [trans.__('Nothing changes.')],
    isWarning: stuck && retire.length > 0 && at_stake.keys > 0
  };
}

/**
 * Say what would become of the data; null when there is none to speak of.
 */
export function describeStake(
  { at_stake, retire, stuck }: Plan,
  trans: TranslationBundle
): string | null {
  if (at_stake.keys === 0) {
    return null;
  }
  const size = formatBytes(at_stake.nbytes);
  if (stuck && retire.length === 0) {
    // Of what is only replaced, a stand-in holds it meanwhile.
    return trans._n(
      'A stand-in holds %1 result (%2) meanwhile; nothing is lost.',
      'A stand-in holds %1 results (%2) meanwhile; nothing is lost.',
      at_stake.keys,
      size
    );
  }
  return stuck
    ? trans._n(
        'No worker is left that could take %1 result (%2). What goes keeps it, and waits.',
        'No worker is left that could take %1 results (%2). What goes keeps them, and waits.',
        at_stake.keys,
        size
      )
    : trans._n(
        '%1 result (%2) moves to other workers first.',
        '%1 results (%2) move to other workers first.',
        at_stake.keys,
        size
      );
}

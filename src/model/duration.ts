import type { TranslationBundle } from '@jupyterlab/translation';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A length of time for a person, in its largest unit: `12 s`, `5 min`, `3 h`, `2 d`.
 *
 * @param seconds - The length; below zero it is none.
 * @param trans - The translations.
 */
export function formatDuration(
  seconds: number,
  trans: TranslationBundle
): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) {
    return trans.__('%1 s', whole);
  }
  if (whole < HOUR) {
    return trans.__('%1 min', Math.floor(whole / MINUTE));
  }
  if (whole < DAY) {
    return trans.__('%1 h', Math.floor(whole / HOUR));
  }
  return trans.__('%1 d', Math.floor(whole / DAY));
}

/**
 * How serious what a line tells is.
 */
export type Level = 'debug' | 'info' | 'warning' | 'error';

/**
 * The levels, the least serious first.
 */
export const LEVELS: readonly Level[] = ['debug', 'info', 'warning', 'error'];

/**
 * A line of a log.
 */
export interface ILine {
  /**
   * Tells it from all other lines of the log that are shown.
   */
  readonly seq: number;

  /**
   * What it says; anybody may have written it.
   */
  readonly text: string;

  /**
   * Its own level, or that of the record which it goes on with.
   */
  readonly level: Level;
}

/** Where a record says its level: behind the time and the name of who tells it. */
const SAID =
  /(?:^|[\s:-])(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)(?=[\s:-]|$)/;
const HEAD = 200;

const AS: Record<string, Level> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warning',
  WARNING: 'warning',
  ERROR: 'error',
  CRITICAL: 'error',
  FATAL: 'error'
};

/** A worker's name may stand before the time, where several have written. */
const BEGINS = /^(?:\S+: )?\d{4}-\d\d-\d\d[ T]\d\d:\d\d/;

/**
 * The level of a line.
 *
 * @param text - The line.
 * @param before - The level of the line before, which one without a level of its own goes on with.
 */
export function levelOf(text: string, before: Level): Level {
  if (text.includes('Traceback (most recent call last):')) {
    return 'error';
  }
  const said = SAID.exec(text.slice(0, HEAD));
  return said ? AS[said[1]] : BEGINS.test(text) ? 'info' : before;
}

/**
 * Cut a line at what is looked for in it: each second part is that.
 */
export function partsOf(text: string, wanted: string): string[] {
  const low = wanted.toLowerCase();
  const where = text.toLowerCase();
  if (low === '' || where.length !== text.length) {
    // Few letters are of another length in lower case; nothing is marked then.
    return [text];
  }
  const parts: string[] = [];
  let from = 0;
  for (
    let at = where.indexOf(low);
    at >= 0;
    at = where.indexOf(low, at + low.length)
  ) {
    parts.push(text.slice(from, at), text.slice(at, at + low.length));
    from = at + low.length;
  }
  return [...parts, text.slice(from)];
}

import type { Node } from 'yaml';
import { isMap, isScalar, isSeq, parseDocument, stringify } from 'yaml';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { ClusterSpec } from '../api/types';

/**
 * How a spec is written as text.
 */
export type Format = 'yaml' | 'json';

/**
 * The ways to write a spec.
 */
export const FORMATS: readonly Format[] = ['yaml', 'json'];

/**
 * Where something stands in a text, as offsets.
 */
export interface IRange {
  from: number;
  to: number;
}

/**
 * What is wrong with a text.
 */
export interface IProblem extends IRange {
  message: string;
}

/**
 * A text that was read: the spec, or why it is none.
 */
export type Read =
  { spec: ClusterSpec; problem: null } | { spec: null; problem: IProblem };

/**
 * The type of a text, by which the editor knows how to colour it.
 */
export const MIME_TYPES: Record<Format, string> = {
  json: 'application/json',
  yaml: 'text/x-yaml'
};

/**
 * Write a spec as text.
 */
export function writeSpec(spec: ClusterSpec, format: Format): string {
  return format === 'json'
    ? `${JSON.stringify(spec, null, 2)}\n`
    : stringify(spec, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/**
 * The lines in which a text is to be another, as a range of what it was, and what comes in
 * their place.
 */
export function changedLines(
  before: string,
  after: string
): IRange & { lines: string } {
  const shorter = Math.min(before.length, after.length);
  let same = 0;
  while (same < shorter && before[same] === after[same]) {
    same++;
  }
  // Whole lines: a character may be two of those that are counted here.
  const from = same === 0 ? 0 : before.lastIndexOf('\n', same - 1) + 1;
  let rest = 0;
  while (
    rest < shorter - from &&
    before[before.length - 1 - rest] === after[after.length - 1 - rest]
  ) {
    rest++;
  }
  const tail = before.slice(before.length - rest);
  const kept = rest - (tail.indexOf('\n') + 1 || rest);
  return {
    from,
    to: before.length - kept,
    lines: after.slice(from, after.length - kept)
  };
}

/**
 * Read a spec from text. What it says may still be wrong.
 */
export function readSpec(
  text: string,
  format: Format,
  trans: TranslationBundle
): Read {
  const all = { from: 0, to: text.length };
  const refuse = (message: string, { from, to }: IRange = all): Read => ({
    spec: null,
    problem: { message, from, to }
  });
  if (format === 'json') {
    try {
      JSON.parse(text);
    } catch (error) {
      const reason = (error as SyntaxError).message;
      const place = parseText(text).errors[0]?.pos;
      return refuse(
        trans.__('Not JSON: %1', reason),
        place && { from: place[0], to: place[1] }
      );
    }
  }
  // JSON is read as YAML too: of a key that is there twice JSON.parse says nothing.
  const document = parseText(text);
  const [wrong] = document.errors;
  if (wrong) {
    const [from, to] = wrong.pos;
    const reason = wrong.message.split('\n')[0];
    return refuse(
      format === 'json'
        ? trans.__('Not JSON: %1', reason)
        : trans.__('Not YAML: %1', reason),
      { from, to }
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return refuse(trans.__('Not YAML: %1', (error as Error).message));
  }
  if (typeof value !== 'object' || !value || Array.isArray(value)) {
    return refuse(
      format === 'json'
        ? trans.__('A spec is a JSON object.')
        : trans.__('A spec is a YAML mapping.')
    );
  }
  const odd = notJson(value, []);
  if (odd) {
    return refuse(
      trans.__('%1 is nothing that JSON can carry.', odd.join('.')),
      rangeOf(text, odd) ?? all
    );
  }
  return { spec: value as ClusterSpec, problem: null };
}

/**
 * Where the value at a path stands in a text; where its nearest part that is
 * there stands, if it is missing itself.
 *
 * @param isName - Whether the name is meant, and not the value.
 *
 * @returns Null when the text is not even a mapping.
 */
export function rangeOf(
  text: string,
  path: readonly string[],
  isName = false
): IRange | null {
  let node: unknown = parseText(text).contents;
  let found: IRange | null = null;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === part
      );
      if (!pair) {
        break;
      }
      found = span(pair.key) ?? found;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      found = span(node) ?? found;
    } else {
      break;
    }
  }
  // Of a value that is one word, the word; of one that is long, its name.
  return isScalar(node) && !isName ? (span(node) ?? found) : found;
}

/**
 * What a text says as far as it can be read, while it is being written.
 */
export function looseValue(text: string): ReadonlyJSONValue | undefined {
  try {
    return parseText(text).toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return undefined;
  }
}

/**
 * Parse a text of either format, whatever is wrong with it.
 */
function parseText(text: string): ReturnType<typeof parseDocument> {
  return parseDocument(text, { prettyErrors: false });
}

/** How much a text may grow by what it refers to more than once. */
const MAX_ALIASES = 100;

function span(node: unknown): IRange | null {
  const range = (node as Node | null)?.range;
  return range ? { from: range[0], to: range[1] } : null;
}

/** The path of a value that JSON would carry as another, or not at all. */
function notJson(value: unknown, path: string[]): string[] | null {
  if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      const found = notJson(item, [...path, key]);
      if (found) {
        return found;
      }
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || Array.isArray(value) ? null : path;
  }
  const isPlain =
    value === null ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && Number.isFinite(value));
  return isPlain ? null : path;
}

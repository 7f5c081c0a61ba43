import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { ClusterSpec } from '../api/types';
import { hiddenClass } from './validate';

/** How wide a line may be. */
const WIDTH = 88;

/**
 * The Python code that makes the same `SpecCluster` in a notebook. Whatever
 * names and options say, they are literals there.
 */
export function pythonCode(spec: ClusterSpec, name: string): string {
  const parts = [
    `name=${literal(name, 1)}`,
    ...(['scheduler', 'worker', 'workers'] as const)
      .filter(key => spec[key] !== undefined && spec[key] !== null)
      .map(key => `${key}=${literal(spec[key] as ReadonlyJSONValue, 1)}`)
  ];
  return [
    'from speccluster_lab import SpecCluster',
    '',
    'cluster = SpecCluster(',
    ...parts.map(part => `    ${part},`),
    ')',
    'cluster',
    ''
  ].join('\n');
}

/** A value as Python writes it, on one line if there is room. */
function literal(value: ReadonlyJSONValue, depth: number): string {
  const flat = onOneLine(value);
  if (flat !== null && flat.length + 4 * depth <= WIDTH) {
    return flat;
  }
  const indent = '    '.repeat(depth + 1);
  const end = '    '.repeat(depth);
  if (Array.isArray(value)) {
    const items = (value as ReadonlyJSONValue[]).map(
      item => `${indent}${withComment('', item, depth)}\n`
    );
    return `[\n${items.join('')}${end}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const items = Object.entries(value).map(
      ([key, item]) =>
        `${indent}${withComment(`${text(key)}: `, item, depth)}\n`
    );
    return `{\n${items.join('')}${end}}`;
  }
  return onOneLine(value)!;
}

/** A value that follows `before`; of one that cannot be written, a comment says what it is. */
function withComment(
  before: string,
  value: ReadonlyJSONValue,
  depth: number
): string {
  const what = hiddenClass(value);
  return what === null
    ? `${before}${literal(value, depth + 1)},`
    : `${before}...,  # an object of ${text(what)}, which is not shown here`;
}

/** A value on one line; null where a comment has to be beside it. */
function onOneLine(value: ReadonlyJSONValue): string | null {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'number':
      return String(value);
    case 'boolean':
      return value ? 'True' : 'False';
  }
  if (value === null) {
    return 'None';
  }
  if (hiddenClass(value) !== null) {
    return null;
  }
  const items = Array.isArray(value)
    ? (value as ReadonlyJSONValue[]).map(onOneLine)
    : Object.entries(value).map(([key, item]) => {
        const flat = onOneLine(item);
        return flat === null ? null : `${text(key)}: ${flat}`;
      });
  if (items.includes(null)) {
    return null;
  }
  const inner = items.join(', ');
  return Array.isArray(value) ? `[${inner}]` : `{${inner}}`;
}

/** A text as Python writes it: one line, and nothing in it that is not seen. */
function text(value: string): string {
  const inner = [...value]
    .map(character => {
      if (character === '"' || character === '\\') {
        return `\\${character}`;
      }
      return /^[ \p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)
        ? character
        : escaped(character);
    })
    .join('');
  return `"${inner}"`;
}

function escaped(character: string): string {
  const hex = character.codePointAt(0)!.toString(16);
  return hex.length > 4
    ? `\\U${hex.padStart(8, '0')}`
    : `\\u${hex.padStart(4, '0')}`;
}

import type { ReadonlyJSONValue } from '@lumino/coreutils';

/**
 * The path that a dotted field means: names may have dots themselves.
 *
 * @param field - As the server names it.
 * @param value - The spec that it is about.
 */
export function pathOf(
  field: string,
  value: ReadonlyJSONValue | undefined
): string[] {
  // What is planned is sent as a part of the request.
  let rest = field.replace(/^spec(\.|$)/, '');
  let part = value;
  const path: string[] = [];
  while (rest !== '') {
    const keys =
      typeof part === 'object' && part !== null ? Object.keys(part) : [];
    const key =
      keys
        .filter(one => rest === one || rest.startsWith(`${one}.`))
        .sort((one, other) => other.length - one.length)[0] ??
      rest.split('.')[0];
    path.push(key);
    part = keys.includes(key)
      ? (part as Record<string, ReadonlyJSONValue>)[key]
      : undefined;
    rest = rest.slice(key.length + 1);
  }
  return path;
}

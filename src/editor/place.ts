import type { Format } from './spectext';

/**
 * Where in a spec the cursor of its text is.
 */
export interface IPlace {
  /**
   * The path of what is being written: of the mapping, when a key is; else of the value.
   */
  readonly path: readonly string[];

  readonly isKey: boolean;

  /**
   * Where what is being written begins.
   */
  readonly from: number;
}

/**
 * Find out what is being written at an offset, while the text need not be right yet.
 *
 * @returns Null where nothing can be completed, such as in a comment.
 */
export function placeAt(
  text: string,
  offset: number,
  format: Format
): IPlace | null {
  // JSON may be written where YAML is expected.
  return format === 'json' || /^\s*\{/.test(text)
    ? placeInJson(text, offset)
    : placeInYaml(text, offset);
}

function placeInYaml(text: string, offset: number): IPlace | null {
  const lines = text.slice(0, offset).split('\n');
  const line = lines.pop()!;
  const found = /^( *)(?:("?[^"#:]*"?): +)?(\S*)$/.exec(line);
  if (!found || line.trimStart().startsWith('#')) {
    return null;
  }
  const [, indent, key, word] = found;
  const path: string[] = [];
  let depth = indent.length;
  for (const above of lines.reverse()) {
    const outer = /^( *)("(?:[^"\\]|\\.)*"|[^\s#-][^#:]*):/.exec(above);
    if (outer && outer[1].length < depth) {
      path.unshift(plainKey(outer[2]));
      depth = outer[1].length;
    }
  }
  const from = offset - word.length;
  return key === undefined
    ? { path, isKey: true, from }
    : { path: [...path, plainKey(key)], isKey: false, from };
}

function placeInJson(text: string, offset: number): IPlace | null {
  const path: string[] = [];
  let key = '';
  let isKey = true;
  let from = offset;
  for (let at = 0; at < offset; at++) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (end >= offset) {
        return place(at);
      }
      if (isKey) {
        key = plainKey(text.slice(at, end + 1));
      }
      at = end;
      from = offset;
    } else if (character === '{' || character === '[') {
      path.push(key);
      isKey = character === '{';
      key = isKey ? '' : '0';
      from = offset;
    } else if (character === '}' || character === ']') {
      key = path.pop() ?? '';
      isKey = false;
      from = offset;
    } else if (character === ':') {
      isKey = false;
      from = offset;
    } else if (character === ',') {
      isKey = key !== '0';
      from = offset;
    } else if (!/\s/.test(character) && from === offset) {
      from = at;
    }
  }
  return place(from);

  function place(start: number): IPlace | null {
    // The first of them is the whole.
    const outer = path.slice(1);
    if (path.length === 0) {
      return null;
    }
    return isKey
      ? { path: outer, isKey, from: start }
      : { path: [...outer, key], isKey, from: start };
  }
}

/** Where a string ends that begins at `at`: behind the text, if it does not. */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\\') {
      end += 1;
    } else if (text[end] === '"' || text[end] === '\n') {
      return text[end] === '"' ? end : text.length;
    }
  }
  return text.length;
}

function plainKey(key: string): string {
  const text = key.trim();
  try {
    return text.startsWith('"') ? String(JSON.parse(text)) : text;
  } catch {
    return text;
  }
}

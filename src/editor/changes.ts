import type { ReadonlyJSONObject, ReadonlyJSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

/**
 * A value that is another: undefined where there is none.
 */
export interface IChange {
  /**
   * Where it is, from the root.
   */
  readonly path: readonly string[];

  readonly before: ReadonlyJSONValue | undefined;
  readonly after: ReadonlyJSONValue | undefined;
}

/**
 * What has been changed by two people who began with the same.
 */
export interface ITwoChanges {
  readonly path: readonly string[];
  readonly base: ReadonlyJSONValue | undefined;
  readonly mine: ReadonlyJSONValue | undefined;
  readonly theirs: ReadonlyJSONValue | undefined;

  /**
   * Whether both have changed it, and not to the same.
   */
  readonly isDisputed: boolean;
}

/**
 * Say what differs between two values, as deep as both are objects. Lists are
 * one value.
 */
export function changesBetween(
  before: ReadonlyJSONValue | undefined,
  after: ReadonlyJSONValue | undefined,
  path: readonly string[] = []
): IChange[] {
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap(key =>
      changesBetween(own(before, key), own(after, key), [...path, key])
    );
  }
  return isSame(before, after) ? [] : [{ path, before, after }];
}

/**
 * Make the changes that lead from `base` to `mine` to what others have made of it.
 */
export function onTop(
  base: ReadonlyJSONObject,
  mine: ReadonlyJSONObject,
  theirs: ReadonlyJSONObject
): ReadonlyJSONObject {
  return changesBetween(base, mine).reduce(
    (result, { path, after }) =>
      withValue(result, path, after, mine) as ReadonlyJSONObject,
    theirs
  );
}

/**
 * Say what two people have changed who began with the same, in the order of the spec.
 */
export function compare(
  base: ReadonlyJSONObject,
  mine: ReadonlyJSONObject,
  theirs: ReadonlyJSONObject
): ITwoChanges[] {
  const own = changesBetween(base, mine).map(({ path }) => path);
  const others = changesBetween(base, theirs).map(({ path }) => path);
  const paths = [...own, ...others].filter(
    (path, index, all) =>
      !all.some(
        (other, place) =>
          isWithin(path, other) && (path.length > other.length || place < index)
      )
  );
  return paths.map(path => ({
    path,
    base: valueAt(base, path),
    mine: valueAt(mine, path),
    theirs: valueAt(theirs, path),
    isDisputed:
      meets(path, own) &&
      meets(path, others) &&
      !isSame(valueAt(mine, path), valueAt(theirs, path))
  }));
}

/**
 * The value at a path; undefined where there is none.
 */
export function valueAt(
  value: ReadonlyJSONValue | undefined,
  path: readonly string[]
): ReadonlyJSONValue | undefined {
  return path.reduce<ReadonlyJSONValue | undefined>(
    (part, key) =>
      isObject(part)
        ? own(part, key)
        : Array.isArray(part)
          ? part[Number(key)]
          : undefined,
    value
  );
}

/**
 * Whether two values are the same, in whatever order their keys are.
 */
export function isSame(
  one: ReadonlyJSONValue | undefined,
  other: ReadonlyJSONValue | undefined
): boolean {
  if (one === undefined || other === undefined) {
    return one === other;
  }
  return JSONExt.deepEqual(one, other);
}

function isObject(
  value: ReadonlyJSONValue | undefined
): value is ReadonlyJSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What an object has itself: entries may be called as what all objects have. */
function own(
  value: ReadonlyJSONObject,
  key: string
): ReadonlyJSONValue | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Whether a path is another, or below it. */
function isWithin(path: readonly string[], other: readonly string[]): boolean {
  return other.every((part, index) => path[index] === part);
}

function meets(
  path: readonly string[],
  others: readonly (readonly string[])[]
): boolean {
  return others.some(other => isWithin(path, other) || isWithin(other, path));
}

/** A value with another one at a path. A part that is missing comes whole from `source`. */
function withValue(
  value: ReadonlyJSONValue | undefined,
  path: readonly string[],
  part: ReadonlyJSONValue | undefined,
  source: ReadonlyJSONValue | undefined
): ReadonlyJSONValue | undefined {
  const [key, ...rest] = path;
  if (key === undefined) {
    return part;
  }
  if (!isObject(value)) {
    return part === undefined ? value : source;
  }
  const below = withValue(
    own(value, key),
    rest,
    part,
    isObject(source) ? own(source, key) : undefined
  );
  const others = Object.entries(value).filter(([name]) => name !== key);
  if (below === undefined) {
    return Object.fromEntries(others);
  }
  return Object.hasOwn(value, key)
    ? Object.fromEntries(
        Object.entries(value).map(([name, item]) => [
          name,
          name === key ? below : item
        ])
      )
    : Object.fromEntries([...others, [key, below]]);
}

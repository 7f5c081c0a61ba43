import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { ClusterSpec, WorkerSpec } from '../api/types';
import { isSame } from './changes';

/**
 * A part of a spec that a form shows: an entry, or the form of those that
 * scaling adds, which has no name.
 */
export type Part = { readonly name: string | null };

/**
 * The entry of a part.
 */
export function partOf(
  spec: ClusterSpec,
  { name }: Part
): WorkerSpec | null | undefined {
  if (name === null) {
    return spec.worker;
  }
  const workers = spec.workers ?? {};
  return Object.hasOwn(workers, name) ? workers[name] : undefined;
}

/**
 * Whether what stands for an entry is written as one.
 */
export function isEntry(entry: unknown): entry is WorkerSpec {
  const { cls, options, group } = (entry ?? {}) as Partial<WorkerSpec>;
  const isObject =
    typeof options === 'object' && options && !Array.isArray(options);
  const isGroup =
    Array.isArray(group) && group.every(one => typeof one === 'string');
  return (
    typeof cls === 'string' &&
    (options === undefined || Boolean(isObject)) &&
    (group === undefined || group === null || isGroup)
  );
}

/**
 * A spec with another entry in place of a part; null leaves it out.
 */
export function withPart(
  spec: ClusterSpec,
  { name }: Part,
  entry: WorkerSpec | null
): ClusterSpec {
  if (name === null) {
    return { ...spec, worker: entry };
  }
  const before = Object.entries(spec.workers ?? {});
  const isThere = before.some(([other]) => other === name);
  const after =
    entry === null
      ? before.filter(([other]) => other !== name)
      : isThere
        ? before.map(([other, one]) => [other, other === name ? entry : one])
        : [...before, [name, entry]];
  return { ...spec, workers: Object.fromEntries(after) };
}

/**
 * A spec with the same entry in place of several parts.
 */
export function withParts(
  spec: ClusterSpec,
  parts: readonly Part[],
  entry: WorkerSpec
): ClusterSpec {
  return parts.reduce((before, part) => withPart(before, part, entry), spec);
}

/**
 * The other parts that are the same as one.
 *
 * @param among - Those of which they are; null for all.
 */
export function alike(
  spec: ClusterSpec,
  part: Part,
  among: readonly Part[] | null
): readonly Part[] {
  const names = [...Object.keys(spec.workers ?? {}), null];
  const parts = among ?? names.map(name => ({ name }));
  const entry = partOf(spec, part);
  return parts.filter(
    one =>
      one.name !== part.name && isSame(json(partOf(spec, one)), json(entry))
  );
}

/**
 * A spec in which an entry has another name; null where one has it already, or it is blank.
 */
export function renamed(
  spec: ClusterSpec,
  from: string,
  to: string
): ClusterSpec | null {
  if (!isFree(spec, to)) {
    return null;
  }
  const before = Object.entries(spec.workers ?? {});
  const after = before.map(([name, one]) => [name === from ? to : name, one]);
  return { ...spec, workers: Object.fromEntries(after) };
}

/**
 * Whether a new entry can be called by a name: it is not blank, and no entry has it.
 */
export function isFree(spec: ClusterSpec, name: string): boolean {
  return name.trim() !== '' && partOf(spec, { name }) === undefined;
}

/**
 * A spec without the entries that there were before and are not any more.
 */
export function withoutGone(
  spec: ClusterSpec,
  before: ClusterSpec,
  now: ClusterSpec
): ClusterSpec {
  const isGone = (name: string) =>
    partOf(before, { name }) !== undefined &&
    partOf(now, { name }) === undefined;
  const entries = Object.entries(spec.workers ?? {});
  return entries.some(([name]) => isGone(name))
    ? {
        ...spec,
        workers: Object.fromEntries(entries.filter(([name]) => !isGone(name)))
      }
    : spec;
}

/**
 * The first number that no entry is called by.
 */
export function freeName(spec: ClusterSpec): string {
  const taken = new Set(Object.keys(spec.workers ?? {}));
  let number = 0;
  while (taken.has(String(number))) {
    number += 1;
  }
  return String(number);
}

/** An entry as plain JSON, which its type does not say. */
function json(entry: WorkerSpec | null | undefined): ReadonlyJSONValue {
  return (entry ?? null) as unknown as ReadonlyJSONValue;
}

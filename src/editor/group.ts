/**
 * A group as a count and a pattern: `-{i}` three times is `-0`, `-1`, `-2`.
 */
export interface IGroupPattern {
  readonly count: number;
  readonly pattern: string;
}

/** What stands for the number of a member. */
const NUMBER = '{i}';

/**
 * What groups are made by, unless somebody wants another.
 */
export const USUAL_PATTERN = `-${NUMBER}`;

/**
 * The group of a pattern; null where the pattern says nothing of the number,
 * so that its suffixes would be the same.
 */
export function groupOf({ count, pattern }: IGroupPattern): string[] | null {
  if (!pattern.includes(NUMBER) && count > 1) {
    return null;
  }
  return Array.from({ length: count }, (_, number) =>
    pattern.split(NUMBER).join(String(number))
  );
}

/**
 * The pattern of a group; null where it has none.
 */
export function patternOf(group: readonly string[]): IGroupPattern | null {
  const [first = ''] = group;
  const places = [...first.matchAll(/0/g)].map(({ index }) => index);
  const patterns = places.map(
    at => `${first.slice(0, at)}${NUMBER}${first.slice(at + 1)}`
  );
  // A single one need not have a number.
  const all = group.length === 1 ? [...patterns, first] : patterns;
  const pattern = all.find(one =>
    groupOf({ count: group.length, pattern: one })?.every(
      (suffix, index) => suffix === group[index]
    )
  );
  return pattern === undefined ? null : { count: group.length, pattern };
}

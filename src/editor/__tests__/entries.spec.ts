import type { ClusterSpec } from '../../api/types';
import { freeName, partOf, renamed, withPart } from '../entries';
import { groupOf, patternOf } from '../group';

const nanny = { cls: 'distributed.Nanny', options: {} } as never;
const spec = {
  worker: nanny,
  workers: { '0': nanny, '2': nanny, a: nanny }
} as unknown as ClusterSpec;

describe('a group', () => {
  it.each([
    [['-0', '-1', '-2'], '-{i}'],
    [['0', '1'], '{i}'],
    [['0-a0', '0-a1'], '0-a{i}'],
    [['-w'], '-w'],
    [['-0'], '-{i}'],
    [Array.from({ length: 12 }, (_, i) => `.${i}`), '.{i}']
  ])('%j is %s', (group, pattern) => {
    expect(patternOf(group)).toEqual({ count: group.length, pattern });
    expect(groupOf({ count: group.length, pattern })).toEqual(group);
  });

  it.each([[['-1', '-2']], [['-0', '-2']], [['a', 'b']], [['-0', '-0']]])(
    '%j has no pattern',
    group => {
      expect(patternOf(group)).toBeNull();
    }
  );

  it('needs the number of its members in their names', () => {
    expect(groupOf({ count: 3, pattern: '-' })).toBeNull();
    expect(groupOf({ count: 1, pattern: '-' })).toEqual(['-']);
  });
});

describe('entries', () => {
  it('are added, replaced and removed, and the others stay', () => {
    const other = { cls: 'a.B' } as never;
    const more = withPart(spec, { name: '1' }, other);
    expect(Object.keys(more.workers!)).toEqual(['0', '1', '2', 'a']);
    expect(withPart(more, { name: '1' }, null)).toEqual(spec);
    expect(withPart(spec, { name: 'a' }, other).workers!.a).toBe(other);
    expect(withPart(spec, { name: null }, null).worker).toBeNull();
    expect(Object.keys(spec.workers!)).toEqual(['0', '2', 'a']);
  });

  it('are found by names that all objects have only if they are there', () => {
    expect(partOf(spec, { name: 'constructor' })).toBeUndefined();
    const odd = withPart(spec, { name: '__proto__' }, nanny);
    expect(partOf(odd, { name: '__proto__' })).toBe(nanny);
    expect(JSON.stringify(odd)).toContain('"__proto__":');
  });

  it('get a name that none has', () => {
    expect(freeName(spec)).toBe('1');
    expect(renamed(spec, 'a', 'b')!.workers).toHaveProperty('b');
    expect(renamed(spec, 'a', '0')).toBeNull();
    expect(renamed(spec, 'a', ' ')).toBeNull();
  });
});

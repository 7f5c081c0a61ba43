import { cluster } from '../../__tests__/fakes';
import { applyPatch } from '../patch';

describe('applyPatch', () => {
  const before = cluster('otter');

  it('replaces what it names and leaves everything else the same object', () => {
    const after = applyPatch(before, [
      { op: 'replace', path: '/workers/0/members/1/tasks', value: 5 },
      { op: 'replace', path: '/generation', value: 2 }
    ])!;
    expect(after.workers[0].members[1].tasks).toBe(5);
    expect(after.generation).toBe(2);
    expect(after.workers[0].members[0]).toBe(before.workers[0].members[0]);
    expect(after.spec).toBe(before.spec);
    expect(before.workers[0].members[1].tasks).toBe(0);
    expect(before.generation).toBe(1);
  });

  it('makes a cluster of an add at the root, and nothing of a remove', () => {
    const made = applyPatch(undefined, [
      { op: 'add', path: '', value: before }
    ]);
    expect(made).toBe(before);
    expect(applyPatch(before, [{ op: 'remove', path: '' }])).toBeUndefined();
  });

  it('reads the escapes of a pointer', () => {
    const after = applyPatch(before, [
      { op: 'add', path: '/spec/workers/a~1b~0c', value: { cls: 'x.Y' } }
    ])!;
    expect(Object.keys(after.spec.workers!)).toEqual(['0', 'a/b~c']);
  });

  it.each([
    ['a place that is not there', '/workers/7/phase'],
    ['a prototype', '/spec/workers/__proto__']
  ])('refuses %s', (_, path) => {
    expect(() =>
      applyPatch(before, [{ op: 'replace', path, value: {} }])
    ).toThrow();
    expect(({} as Record<string, unknown>).cls).toBeUndefined();
  });

  it.each(['replace', 'remove', 'test', 'move', 'copy'] as const)(
    'refuses to %s what is not there',
    op => {
      const from = op === 'move' || op === 'copy' ? '/nothing' : null;
      const path = from ? '/template' : '/nothing';
      expect(() =>
        applyPatch(before, [{ op, path, from, value: 1 }])
      ).toThrow();
    }
  );

  it('refuses to change a cluster that is not there', () => {
    expect(() =>
      applyPatch(undefined, [{ op: 'replace', path: '/phase', value: 'x' }])
    ).toThrow();
  });
});

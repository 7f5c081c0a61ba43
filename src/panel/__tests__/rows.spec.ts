import { absent, entry, member } from '../../__tests__/fakes';
import { RowList, neighbour } from '../rows';

describe('RowList', () => {
  const entries = [
    entry('0', [member('0-0'), member('0-1')]),
    entry('1', [member('1')]),
    entry('2', [absent('2-0')])
  ];
  const keys = (...toggled: string[]) =>
    new RowList().list(entries, new Set(toggled)).map(({ key }) => key);

  it('lists entries and the members of those that are open', () => {
    expect(keys()).toEqual(['0', '0\n0-0', '0\n0-1', '1', '2', '2\n2-0']);
    expect(keys('0', '1')).toEqual(['0', '1', '2', '2\n2-0']);
  });

  it('says what is open, and where that is which a row shows', () => {
    const rows = new RowList().list(entries, new Set(['0\n0-1', '1', '2']));
    expect(
      rows.map(({ isOpen, entry, member }) => [isOpen, entry, member])
    ).toEqual([
      [true, 0, null],
      [false, 0, 0],
      [true, 0, 1],
      [true, 1, null],
      [false, 2, null]
    ]);
  });

  it('is another list only when there are other rows', () => {
    const list = new RowList();
    const toggled = new Set<string>();
    const rows = list.list(entries, toggled);
    const busy = entry('0', [member('0-0', { tasks: 3 }), absent('0-1')]);
    expect(list.list([busy, ...entries.slice(1)], toggled)).toBe(rows);
    const renamed = entry('0', [member('0-0'), member('0-2')]);
    const others = list.list([renamed, ...entries.slice(1)], toggled);
    expect(others.map(({ key }) => key)).toContain('0\n0-2');
    expect(list.list(entries.slice(1), toggled)).toHaveLength(3);
    expect(list.list(entries.slice(1), new Set(['2']))).toHaveLength(2);
  });

  it.each([
    ['ArrowDown', 0, 1],
    ['ArrowDown', 5, 5],
    ['ArrowUp', 0, 0],
    ['PageDown', 0, 5],
    ['PageUp', 4, 0],
    ['End', 1, 5],
    ['Home', 4, 0],
    ['ArrowRight', 0, 1],
    ['ArrowRight', 1, -1],
    ['ArrowLeft', 2, 0],
    ['ArrowLeft', 0, -1],
    ['x', 0, -1]
  ])('%s leads from %d to %d', (key, from, to) => {
    const rows = new RowList().list(entries, new Set());
    expect(neighbour(rows, from, key)).toBe(to);
  });
});

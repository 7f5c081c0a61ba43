import { absent, entry, member } from '../../__tests__/fakes';
import { listRows, neighbour } from '../rows';

describe('listRows', () => {
  const entries = [
    entry('0', [member('0-0'), member('0-1')]),
    entry('1', [member('1')]),
    entry('2', [absent('2-0')])
  ];
  const keys = (...toggled: string[]) =>
    listRows(entries, new Set(toggled)).map(({ key }) => key);

  it('lists entries and the members of those that are open', () => {
    expect(keys()).toEqual(['0', '0\n0-0', '0\n0-1', '1', '2', '2\n2-0']);
    expect(keys('0', '1')).toEqual(['0', '1', '2', '2\n2-0']);
  });

  it('says what is open, and where a row is among those beside it', () => {
    const rows = listRows(entries, new Set(['0\n0-1', '1', '2']));
    expect(
      rows.map(({ isOpen, position, size }) => [isOpen, position, size])
    ).toEqual([
      [true, 1, 3],
      [false, 1, 2],
      [true, 2, 2],
      [true, 2, 3],
      [false, 3, 3]
    ]);
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
    expect(neighbour(listRows(entries, new Set()), from, key)).toBe(to);
  });
});

import { absent, cluster, entry, member } from '../../__tests__/fakes';
import type { Cluster } from '../../api/types';
import type { IArrangement, PhaseWord } from '../arrangement';
import { arrange, foundEntries, foundUnexpected } from '../arrangement';

const ALL: IArrangement = { filter: '', order: 'age', isGrouped: false };

/** The words of somebody who reads German. */
const wordOf: PhaseWord = phase =>
  (({ failed: 'gescheitert', backoff: 'pausiert' }) as Record<string, string>)[
    phase
  ] ?? phase;

const one = (id: string, more: Partial<Cluster> = {}) => ({
  id,
  document: cluster(id, { created: `2026-11-0${id.length}T00:00:00Z`, ...more })
});
const shown = (
  clusters: ReturnType<typeof one>[],
  how: Partial<IArrangement>
) =>
  arrange(clusters, { ...ALL, ...how }, wordOf).map(({ phase, clusters }) => [
    phase,
    clusters.map(({ id }) => id).join(' ')
  ]);

describe('arrange', () => {
  const big = one('otter-10', {
    workers: [entry('0', [member('0-0'), member('0-1')])]
  });
  const failing = one('otter-9', {
    phase: 'failed',
    owner: { kind: 'notebook', detail: 'explore.ipynb' },
    workers: [entry('gpu', [absent('gpu')], 'backoff')],
    unexpected: [member('stranger')]
  });
  const busy = one('badger', {
    phase: 'starting',
    workers: [entry('0', [member('0', { address: 'tls://10.0.0.7:40001' })])]
  });
  const all = [big, failing, busy];

  it('keeps all of them, as they are, when nothing else is wanted', () => {
    expect(shown(all, {})).toEqual([[null, 'otter-10 otter-9 badger']]);
    expect(shown([], {})).toEqual([]);
  });

  it.each([
    ['name', 'badger otter-9 otter-10'],
    ['phase', 'otter-9 badger otter-10'],
    ['workers', 'otter-10 badger otter-9'],
    ['memory', 'otter-10 badger otter-9']
  ] as const)('puts them in order by %s', (order, ids) => {
    expect(shown(all, { order })).toEqual([[null, ids]]);
    expect(all.map(({ id }) => id)).toEqual(['otter-10', 'otter-9', 'badger']);
  });

  it('shows those of one phase together, the troubled ones first', () => {
    expect(
      shown([...all, one('a')], { isGrouped: true, order: 'name' })
    ).toEqual([
      ['failed', 'otter-9'],
      ['starting', 'badger'],
      ['running', 'a otter-10']
    ]);
  });

  it.each([
    ['OTTER', 'otter-10 otter-9'],
    [' explore ', 'otter-9'],
    ['starting', 'badger'],
    // A phase by its word, and as the API names it.
    ['Gescheitert', 'otter-9'],
    ['failed', 'otter-9'],
    ['pausiert', 'otter-9'],
    ['backoff', 'otter-9'],
    ['10.0.0.7', 'badger'],
    ['gpu', 'otter-9'],
    ['stranger', 'otter-9'],
    ['0-1', 'otter-10']
  ])('finds %p', (filter, ids) => {
    expect(shown(all, { filter })).toEqual([[null, ids]]);
  });

  it('finds nothing that is not there', () => {
    expect(shown(all, { filter: 'weasel' })).toEqual([]);
  });

  it('leaves out the workers that are not looked for', () => {
    const names = (filter: string) =>
      foundEntries(big.document, filter, wordOf).map(({ name, members }) => [
        name,
        members.map(({ name }) => name).join(' ')
      ]);
    expect(names('0-1')).toEqual([['0', '0-1']]);
    expect(names('otter')).toEqual([['0', '0-0 0-1']]);
    expect(names('none')).toEqual([]);
    expect(foundUnexpected(failing.document, 'strange', wordOf)).toHaveLength(
      1
    );
    expect(foundUnexpected(failing.document, 'gpu', wordOf)).toEqual([]);
  });

  it('leaves entries as they are when all of them are shown', () => {
    expect(foundEntries(big.document, '', wordOf)).toBe(big.document.workers);
  });

  it('looks through the members of an entry again only when it is another', () => {
    let looked = 0;
    const watched = (name: string) =>
      Object.defineProperty(entry(name, []), 'members', {
        enumerable: true,
        get: () => {
          looked += 1;
          return [member(`${name}-0`), member(`${name}-1`)];
        }
      });
    const workers = ['0', '1', '2'].map(watched);
    const before = cluster('seal', { workers: [] });
    const found = foundEntries({ ...before, workers }, '-1', wordOf);
    expect(found.map(({ name }) => name)).toEqual(['0', '1', '2']);
    looked = 0;
    const changed = { ...before, workers: [watched('0'), ...workers.slice(1)] };
    const again = foundEntries(changed, '-1', wordOf);
    // Once to look through them, once to copy what is around them.
    expect(looked).toBe(2);
    expect(again[0]).not.toBe(found[0]);
    expect(again.slice(1)).toEqual([found[1], found[2]]);
    expect(again[1]).toBe(found[1]);
    expect(foundEntries(changed, '-1', wordOf)).toBe(again);
    expect(looked).toBe(2);
  });

  it('looks again once the words are others', () => {
    const names = (wordOf: PhaseWord) =>
      foundEntries(mixed, 'pausiert', wordOf).map(({ name }) => name);
    const mixed = cluster('seal', {
      workers: [entry('0', [absent('0')], 'backoff'), entry('1', [])]
    });
    expect(names(wordOf)).toEqual(['0']);
    expect(names(String)).toEqual([]);
  });
});

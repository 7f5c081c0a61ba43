import { changesBetween, compare, onTop, valueAt } from '../changes';

const entry = (options: object, group?: string[]) => ({
  cls: 'distributed.Nanny',
  options: { ...options },
  ...(group && { group })
});

const base = {
  worker: entry({ nthreads: 1 }),
  workers: { '0': entry({ nthreads: 1 }), '1': entry({ nthreads: 1 }) }
};

describe('changesBetween', () => {
  it('names what is another, as deep as both are objects', () => {
    const after = {
      worker: entry({ nthreads: 1 }),
      workers: {
        '0': entry({ nthreads: 2, memory_limit: '1 GiB' }, ['-0']),
        new: entry({})
      }
    };
    expect(changesBetween(base, after)).toEqual([
      { path: ['workers', '0', 'options', 'nthreads'], before: 1, after: 2 },
      {
        path: ['workers', '0', 'options', 'memory_limit'],
        before: undefined,
        after: '1 GiB'
      },
      { path: ['workers', '0', 'group'], before: undefined, after: ['-0'] },
      {
        path: ['workers', '1'],
        before: base.workers['1'],
        after: undefined
      },
      { path: ['workers', 'new'], before: undefined, after: entry({}) }
    ]);
  });

  it('is nothing for the same in another order', () => {
    expect(changesBetween({ a: 1, b: [1] }, { b: [1], a: 1 })).toEqual([]);
  });

  it('takes names that all objects have for what they are', () => {
    const odd = JSON.parse('{"constructor": 1, "__proto__": {"x": 1}}');
    expect(changesBetween({}, odd).map(({ path }) => path)).toEqual([
      ['constructor'],
      ['__proto__']
    ]);
    expect(valueAt({}, ['toString', 'length'])).toBeUndefined();
  });
});

describe('onTop', () => {
  it('keeps what both have done to different fields', () => {
    const mine = { ...base, worker: entry({ nthreads: 4 }) };
    const theirs = { ...base, workers: { '0': entry({ nthreads: 8 }) } };
    expect(onTop(base, mine, theirs)).toEqual({
      worker: entry({ nthreads: 4 }),
      workers: { '0': entry({ nthreads: 8 }) }
    });
  });

  it('keeps mine where both have changed the same', () => {
    const mine = { ...base, worker: entry({ nthreads: 4 }) };
    const theirs = { ...base, worker: entry({ nthreads: 8, host: 'a' }) };
    expect(onTop(base, mine, theirs)).toEqual({
      ...base,
      worker: entry({ nthreads: 4, host: 'a' })
    });
  });

  it('brings back whole what they have removed and I have changed', () => {
    const changed = entry({ nthreads: 2, host: 'a' });
    const mine = { ...base, workers: { ...base.workers, '1': changed } };
    const theirs = { ...base, workers: { '0': base.workers['0'] } };
    expect(onTop(base, mine, theirs)).toEqual(mine);
  });

  it('removes what I have removed, be it gone already or not', () => {
    const mine = { ...base, workers: { '0': base.workers['0'] } };
    expect(onTop(base, mine, base)).toEqual(mine);
    expect(onTop(base, mine, mine)).toEqual(mine);
  });

  it('leaves what it is given alone', () => {
    const before = JSON.stringify(base);
    onTop(base, { workers: {} }, base);
    expect(JSON.stringify(base)).toBe(before);
  });
});

describe('compare', () => {
  it('shows what each has done, and what both have', () => {
    const mine = {
      worker: entry({ nthreads: 4 }),
      workers: { ...base.workers, '1': entry({ nthreads: 2 }) }
    };
    const theirs = {
      worker: entry({ nthreads: 8 }),
      workers: { '0': entry({ nthreads: 1, host: 'a' }) }
    };
    expect(compare(base, mine, theirs)).toEqual([
      {
        path: ['worker', 'options', 'nthreads'],
        base: 1,
        mine: 4,
        theirs: 8,
        isDisputed: true
      },
      {
        path: ['workers', '0', 'options', 'host'],
        base: undefined,
        mine: undefined,
        theirs: 'a',
        isDisputed: false
      },
      {
        path: ['workers', '1'],
        base: base.workers['1'],
        mine: entry({ nthreads: 2 }),
        theirs: undefined,
        isDisputed: true
      }
    ]);
  });

  it('does not dispute about what both have made the same', () => {
    const both = { ...base, worker: entry({ nthreads: 4 }) };
    expect(compare(base, both, both)[0].isDisputed).toBe(false);
  });
});

import { levelOf, partsOf } from '../lines';

describe('levelOf', () => {
  it.each([
    ['2026-11-28 08:00:00,123 - distributed.worker - INFO - Start', 'info'],
    ['2026-11-28 06:05:46 WARNING guard: that was once too often', 'warning'],
    ['0-1: 2026-11-28 08:00:00,1 - distributed.nanny - CRITICAL - x', 'error'],
    ['DEBUG: x', 'debug'],
    ['Traceback (most recent call last):', 'error'],
    ['2026-11-28 08:00:00 x: Traceback (most recent call last):', 'error'],
    // No level of its own, and the beginning of another record.
    ['2026-11-28 08:00:00,123 said without a level', 'info'],
    ['0-1: 2026-11-28 08:00:00,123 said without a level', 'info'],
    // It goes on with the record before.
    ["KeyError: 'x'", 'warning'],
    ['    TERRORS, MISINFORMATION and WARNINGS', 'warning'],
    [`${'x'.repeat(300)} ERROR`, 'warning']
  ])('%s: %s', (text, level) => {
    expect(levelOf(text, 'warning')).toBe(level);
  });
});

describe('partsOf', () => {
  it('cuts a line at what is looked for', () => {
    expect(partsOf('An error, ERROR', 'Error')).toEqual([
      'An ',
      'error',
      ', ',
      'ERROR',
      ''
    ]);
    expect(partsOf('<b>', '')).toEqual(['<b>']);
    expect(partsOf('abc', 'x')).toEqual(['abc']);
    // Another length in lower case: places would be wrong.
    expect(partsOf('İstanbul', 'stan')).toEqual(['İstanbul']);
  });
});

import { nullTranslator } from '@jupyterlab/translation';
import { formatDuration } from '../duration';

describe('formatDuration', () => {
  it.each([
    [-3, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3599, '59 min'],
    [7200, '2 h'],
    [47 * 3600, '1 d']
  ])('%d seconds are %s', (seconds, text) => {
    const trans = nullTranslator.load('speccluster_lab');
    expect(formatDuration(seconds, trans)).toBe(text);
  });
});

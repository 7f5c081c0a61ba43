import { formatMoment, formatNumber } from '../locale';

describe('locale', () => {
  afterEach(() => {
    document.documentElement.lang = '';
  });

  it.each([
    ['', '7.1', '1023', /^Nov 24, 2026, \d{1,2}:00:00\s(AM|PM)$/],
    ['de-DE', '7,1', '1023', /^24\.11\.2026, \d\d:00:00$/]
  ])(
    'says numbers and moments as JupyterLab speaks: %p',
    (language, number, large, moment) => {
      document.documentElement.lang = language;
      expect(formatNumber(7.12)).toBe(number);
      expect(formatNumber(1023)).toBe(large);
      expect(formatMoment('2026-11-24T12:00:00Z')).toMatch(moment);
    }
  );

  it('makes what it needs for a language once', () => {
    const made = jest.spyOn(Intl, 'NumberFormat');
    document.documentElement.lang = 'fr';
    expect(formatNumber(0.5)).toBe('0,5');
    expect(formatNumber(1.5)).toBe('1,5');
    expect(made).toHaveBeenCalledTimes(1);
    made.mockRestore();
  });
});

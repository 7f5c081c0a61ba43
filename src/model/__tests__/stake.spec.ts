import { nullTranslator } from '@jupyterlab/translation';
import { NO_CHANGE } from '../../__tests__/fakes';
import type { Plan } from '../../api/types';
import { describePlan } from '../stake';

describe('describePlan', () => {
  const words = (plan: Partial<Plan>) =>
    describePlan(
      { ...NO_CHANGE, ...plan },
      nullTranslator.load('speccluster_lab')
    );
  const at_stake = { keys: 214, nbytes: 2 ** 30 };

  it('says that nothing changes', () => {
    expect(words({})).toEqual({
      lines: ['Nothing changes.'],
      isWarning: false
    });
  });

  it('says what starts, is replaced and goes', () => {
    expect(
      words({ start: ['3'], replace: ['0'], retire: ['a', 'b', 'c', 'd'] })
        .lines
    ).toEqual([
      '1 entry starts.',
      '1 entry is replaced: 0',
      '4 entries go: a, b, c and 1 more'
    ]);
  });

  it('says that data moves', () => {
    expect(words({ retire: ['1'], at_stake })).toEqual({
      lines: [
        '1 entry goes: 1',
        '214 results (1 GiB) move to other workers first.'
      ],
      isWarning: false
    });
  });

  it('says who holds what an entry has that is only replaced', () => {
    expect(words({ replace: ['0'], at_stake, stuck: true })).toEqual({
      lines: [
        '1 entry is replaced: 0',
        'A stand-in holds 214 results (1 GiB) meanwhile; nothing is lost.'
      ],
      isWarning: false
    });
  });

  it('warns where data has nowhere to go', () => {
    const { lines, isWarning } = words({
      retire: ['1'],
      at_stake,
      stuck: true
    });
    expect(isWarning).toBe(true);
    expect(lines[1]).toBe(
      'No worker is left that could take 214 results (1 GiB). What goes keeps them, and waits.'
    );
    expect(words({ stuck: true }).isWarning).toBe(false);
  });
});

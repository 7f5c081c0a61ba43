import { FakeCluster, cluster } from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import { LogModel } from '../logmodel';

describe('LogModel', () => {
  let one: FakeCluster;
  let model: LogModel;
  let written: string[];
  let begun: string;
  let unfinished: boolean;

  const texts = () => model.shown.map(({ text }) => text);
  const changed = jest.fn();

  beforeEach(() => {
    written = ['first', 'second'];
    one = new FakeCluster(cluster('otter'));
    begun = '';
    unfinished = false;
    one.log.mockImplementation(async ({ tail, after }) => {
      const [whose, from] = (after ?? '').split(':');
      const continues = after !== null && whose === begun;
      return {
        source: 'worker',
        lines: continues ? written.slice(Number(from)) : written.slice(-tail),
        complete: !continues && written.length <= tail,
        cursor: `${begun}:${written.length - (unfinished ? 1 : 0)}`,
        continues,
        unfinished
      };
    });
    model = new LogModel(one, '0-1');
    changed.mockReset();
    model.changed.connect(changed);
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('reads all there is, and then what is new', async () => {
    expect([model.isRead, model.source]).toEqual([false, null]);
    await model.refresh();
    const asked = { member: '0-1', tail: 10_000 };
    expect(one.log).toHaveBeenLastCalledWith({ ...asked, after: null });
    expect(texts()).toEqual(['first', 'second']);
    expect([model.isRead, model.source]).toEqual([true, 'worker']);
    const [first, second] = model.lines;
    written.push('third');
    await model.refresh();
    expect(one.log).toHaveBeenLastCalledWith({ ...asked, after: ':2' });
    expect(texts()).toEqual(['first', 'second', 'third']);
    // The same as before: what is in the page stays there.
    expect(model.lines.slice(0, 2)).toEqual([first, second]);
    expect(model.lines[0]).toBe(first);
    expect(model.isComplete).toBe(true);
  });

  it('shows nothing twice when it is read twice at once', async () => {
    await model.refresh();
    written.push('third');
    await Promise.all([model.refresh(), model.refresh()]);
    expect(texts()).toEqual(['first', 'second', 'third']);
  });

  it('keeps its list when nothing is new', async () => {
    await model.refresh();
    const { lines, shown } = model;
    await model.refresh();
    expect(model.lines).toBe(lines);
    expect(model.shown).toBe(shown);
  });

  it('counts lines that say the same, empty ones as well', async () => {
    written = ['same', 'same'];
    await model.refresh();
    written.push('same');
    await model.refresh();
    written.push('');
    await model.refresh();
    await model.refresh();
    expect(texts()).toEqual(['same', 'same', 'same', '']);
  });

  it('goes on with a line that was not at its end', async () => {
    written = ['first', 'seco'];
    unfinished = true;
    await model.refresh();
    expect(texts()).toEqual(['first', 'seco']);
    const { lines } = model;
    await model.refresh();
    expect(model.lines).toBe(lines);
    written = ['first', 'second', 'thi'];
    await model.refresh();
    expect(texts()).toEqual(written);
    written = ['first', 'second', 'third'];
    unfinished = false;
    await model.refresh();
    await model.refresh();
    expect(texts()).toEqual(written);
  });

  it('begins anew with another log', async () => {
    await model.refresh();
    written = ['other'];
    begun = 'other';
    await model.refresh();
    expect(texts()).toEqual(['other']);
    // The last that a cluster does is to take its log away.
    written = [];
    begun = 'none';
    await model.refresh();
    expect(texts()).toEqual(['other']);
  });

  it('is bounded by lines and by characters', async () => {
    await model.refresh();
    for (let round = 0; round < 30; round++) {
      for (let index = 0; index < 400; index++) {
        written.push(`line ${round} ${index}`);
      }
      await model.refresh();
    }
    expect(model.lines).toHaveLength(LogModel.LIMIT);
    expect(model.lines[LogModel.LIMIT - 1].text).toBe('line 29 399');
    expect(model.isComplete).toBe(false);
    written = Array.from({ length: 2000 }, () => 'x'.repeat(4096));
    begun = 'other';
    await model.refresh();
    expect(model.lines).toHaveLength(LogModel.CHARACTERS / 4096);
  });

  it('finds lines by text and by level', async () => {
    written = [
      '2026-11-28 08:00:00 - a - INFO - Started <b>',
      '2026-11-28 08:00:01 - a - WARNING - slow',
      '2026-11-28 08:00:02 - a - ERROR - failed',
      '  File "<b>"',
      '2026-11-28 08:00:03 - a - INFO - going on'
    ];
    await model.refresh();
    model.setLevel('error');
    expect(texts()).toEqual(written.slice(2, 4));
    model.setText('<B>');
    expect(texts()).toEqual([written[3]]);
    model.setLevel('debug');
    expect(texts()).toEqual([written[0], written[3]]);
    written.push('and <b>');
    await model.refresh();
    expect(texts()).toHaveLength(3);
    model.setText('nothing');
    expect(texts()).toEqual([]);
  });

  it('keeps what it has when the log cannot be read', async () => {
    await model.refresh();
    const error = new ApiError({ code: 'x', message: 'no', status: 504 });
    one.log.mockRejectedValueOnce(error);
    await expect(model.refresh()).rejects.toBe(error);
    expect(model.error).toBe(error);
    expect(texts()).toEqual(['first', 'second']);
    await model.refresh();
    expect(model.error).toBeNull();
  });

  it('looks from time to time, as long as it is seen and the cluster is there', async () => {
    jest.useFakeTimers();
    const passes = () => jest.advanceTimersByTimeAsync(3_200);
    await passes();
    expect(one.log).toHaveBeenCalledTimes(0);
    model.start();
    await passes();
    const { length } = one.log.mock.calls;
    expect(length).toBeGreaterThanOrEqual(2);
    model.stop();
    await passes();
    expect(one.log).toHaveBeenCalledTimes(length);
    model.start();
    await passes();
    expect(one.log.mock.calls.length).toBeGreaterThan(length);
    one.dispose();
    await passes();
    const last = one.log.mock.calls.length;
    await passes();
    expect(one.log).toHaveBeenCalledTimes(last);
    expect(model.isGone).toBe(true);
    model.start();
    await passes();
    expect(one.log).toHaveBeenCalledTimes(last);
  });

  it('tells when the cluster is in another phase, and not of other changes', async () => {
    one.set({});
    changed.mockReset();
    one.set({});
    expect(changed).not.toHaveBeenCalled();
    one.set({ document: cluster('otter', { phase: 'failed' }) });
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it('says nothing more when it is disposed, whatever is still answered', async () => {
    const reading = model.refresh();
    model.dispose();
    await reading;
    expect(changed).not.toHaveBeenCalled();
    expect(model.lines).toEqual([]);
  });
});

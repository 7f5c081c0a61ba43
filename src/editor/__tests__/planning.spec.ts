import { nullTranslator } from '@jupyterlab/translation';
import { NO_CHANGE, deferred } from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import type { ClusterSpec, Plan } from '../../api/types';
import { Planning } from '../planning';

const trans = nullTranslator.load('speccluster_lab');
const ONE = { workers: {} } as unknown as ClusterSpec;
const OTHER = { workers: {}, worker: null } as unknown as ClusterSpec;
const HELD: Plan = { ...NO_CHANGE, at_stake: { keys: 3, nbytes: 300 } };

describe('Planning', () => {
  let written: ClusterSpec | null;
  let planning: Planning;
  const ask = jest.fn<Promise<Plan>, [ClusterSpec]>();
  const before = jest.fn();
  const told = jest.fn();

  const write = (spec: ClusterSpec | null) => {
    written = spec;
    planning.soon();
  };
  const wait = (time: number) => jest.advanceTimersByTimeAsync(time);
  const state = () => [
    planning.plan,
    planning.refusal?.message,
    planning.isAsking
  ];

  beforeEach(() => {
    jest.useFakeTimers();
    ask.mockReset().mockResolvedValue(NO_CHANGE);
    before.mockReset();
    told.mockReset();
    const spec = () => written;
    planning = new Planning({ spec, before, ask, told, trans });
  });

  afterEach(() => {
    planning.dispose();
    jest.useRealTimers();
  });

  it('asks once nobody writes, and once only', async () => {
    write(ONE);
    await wait(Planning.QUIET / 2);
    write(OTHER);
    await wait(Planning.QUIET / 2);
    expect(state()).toEqual([null, undefined, true]);
    expect([ask, before, told].map(({ mock }) => mock.calls)).toEqual([
      [],
      [],
      []
    ]);
    await wait(Planning.QUIET / 2);
    expect(ask.mock.calls).toEqual([[OTHER]]);
    expect(told).toHaveBeenCalledTimes(1);
    expect(state()).toEqual([NO_CHANGE, undefined, false]);
  });

  it('forgets what was answered to what is not written any more', async () => {
    for (const late of ['resolve', 'reject'] as const) {
      const answer = deferred<Plan>();
      ask.mockReturnValueOnce(answer.promise);
      write(ONE);
      await wait(Planning.QUIET);
      write(OTHER);
      answer[late](HELD);
      await wait(0);
      expect(state()).toEqual([null, undefined, true]);
      await wait(Planning.QUIET);
      expect(state()).toEqual([NO_CHANGE, undefined, false]);
    }
  });

  it('asks nothing where nothing is to be planned', async () => {
    write(null);
    expect(planning.isAsking).toBe(false);
    await wait(Planning.QUIET);
    write(ONE);
    // As when somebody else was faster meanwhile.
    written = null;
    await wait(Planning.QUIET);
    expect(state()).toEqual([null, undefined, false]);
    expect(told).toHaveBeenCalledTimes(1);
    expect(ask).not.toHaveBeenCalled();
  });

  it('asks what it has become before it is asked', async () => {
    before.mockImplementationOnce(() => write(OTHER));
    write(ONE);
    await wait(Planning.QUIET);
    expect(ask).not.toHaveBeenCalled();
    expect(planning.isAsking).toBe(true);
    await wait(Planning.QUIET);
    expect(ask.mock.calls).toEqual([[OTHER]]);
  });

  it('asks again what is known, now and then', async () => {
    planning.again();
    await wait(2 * Planning.PACE);
    expect(ask).not.toHaveBeenCalled();
    write(ONE);
    await wait(Planning.QUIET);
    ask.mockResolvedValue(HELD);
    planning.again();
    planning.again();
    await wait(0);
    expect(ask).toHaveBeenCalledTimes(1);
    // What is known stands until then.
    expect(state()).toEqual([NO_CHANGE, undefined, false]);
    await wait(Planning.PACE);
    expect(ask).toHaveBeenCalledTimes(2);
    expect(planning.plan).toBe(HELD);
    await wait(2 * Planning.PACE);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it('says what the server has against it, until something else is written', async () => {
    const field = 'workers.0.options.nthreads';
    write(ONE);
    await wait(Planning.QUIET);
    ask.mockRejectedValueOnce(
      new ApiError({ code: 'invalid_input', message: 'no', field })
    );
    planning.again();
    await wait(Planning.PACE);
    expect(planning.refusal).toEqual({ field, message: 'no', isAloud: false });
    expect([planning.plan, planning.isAsking]).toEqual([null, false]);
    write(OTHER);
    expect(planning.refusal).toBeNull();
  });

  it('tells nobody any more when it has ended', async () => {
    const answer = deferred<Plan>();
    ask.mockReturnValueOnce(answer.promise);
    write(ONE);
    await wait(Planning.QUIET);
    planning.dispose();
    answer.resolve(HELD);
    await wait(0);
    expect(told).not.toHaveBeenCalled();
  });
});

import { nullTranslator } from '@jupyterlab/translation';
import {
  act,
  cleanup,
  fireEvent,
  render,
  screen
} from '@testing-library/react';
import * as React from 'react';
import { ApiError } from '../api/errors';
import { SizeFields } from '../commands/scaledialog';
import type { Plan } from '../tokens';
import { FakeCluster, NO_CHANGE, cluster, deferred } from './fakes';

describe('SizeFields', () => {
  let one: FakeCluster;
  const chosen = jest.fn();
  const show = (kind: 'size' | 'adaptive' = 'size', more = {}) => {
    one = new FakeCluster(cluster('otter', more));
    render(
      <SizeFields
        cluster={one}
        kind={kind}
        trans={nullTranslator.load('speccluster_lab')}
        onChange={chosen}
      />
    );
  };
  const number = (name: string) =>
    screen.getByRole<HTMLInputElement>('spinbutton', { name });
  const type = (name: string, value: string) =>
    fireEvent.change(number(name), { target: { value } });
  const last = () => chosen.mock.lastCall![0];
  const quiet = () => act(() => jest.advanceTimersByTimeAsync(400));

  beforeEach(() => {
    jest.useFakeTimers();
    chosen.mockClear();
  });
  afterEach(() => {
    cleanup();
    jest.useRealTimers();
  });

  it('begins with what there is', () => {
    show();
    expect(number('Size').value).toBe('1');
    expect(last()).toEqual({ kind: 'size', scale: { entries: 1 } });
  });

  it.each([
    ['workers', '3', { workers: 3 }],
    ['cores', '3', { cores: 3 }],
    ['memory', '3', { memory: 3 * 2 ** 30 }]
  ])('takes a size in %s', (unit, value, scale) => {
    show();
    fireEvent.change(screen.getByRole('combobox', { name: 'Unit' }), {
      target: { value: unit }
    });
    expect(number('Size').value).toBe(value);
    expect(last()).toEqual({ kind: 'size', scale });
  });

  it('begins with the memory that there is, to the byte', () => {
    const memory = 400 * 2 ** 20;
    const { counts } = cluster('otter');
    show('size', { counts: { ...counts, memory_limit: memory } });
    fireEvent.change(screen.getByRole('combobox', { name: 'Unit' }), {
      target: { value: 'memory' }
    });
    expect(last()).toEqual({ kind: 'size', scale: { memory } });
  });

  it.each([
    ['cores', 4, '16'],
    ['memory', 4, '8'],
    // Rather one more than one less.
    ['cores', 3, '22'],
    ['cores', 0, ''],
    ['memory', 0, '']
  ])(
    'begins with all %s while %s of 8 workers are there',
    (unit, registered, value) => {
      const { counts } = cluster('otter');
      const there = { nthreads: 8, memory_limit: 4 * 2 ** 30 };
      show('size', {
        counts: { ...counts, expected: 8, registered, ...there }
      });
      fireEvent.change(screen.getByRole('combobox', { name: 'Unit' }), {
        target: { value: unit }
      });
      expect(number('Size').value).toBe(value);
      expect(number('Size').validity.valid).toBe(value !== '');
    }
  );

  it('asks what a size would do, once it is left alone', async () => {
    show();
    await quiet();
    one.plan.mockClear();
    one.plan.mockResolvedValue({ ...NO_CHANGE, start: ['1', '2'] });
    type('Size', '2');
    type('Size', '3');
    await quiet();
    expect(one.plan.mock.calls).toEqual([[{ scale: { entries: 3 } }]]);
    expect(screen.getByRole('status').textContent).toBe('2 entries start.');
    one.plan.mockRejectedValue(
      new ApiError({ code: 'x', message: 'too many' })
    );
    type('Size', '99');
    await quiet();
    expect(screen.getByRole('status').textContent).toBe('too many');
  });

  it('lets nothing be confirmed before it has said what that would do', async () => {
    const { promise, resolve } = deferred<Plan>();
    const isHeld = () => document.querySelector('.jp-mod-error') !== null;
    const text = () => screen.getByRole('status').textContent;
    show();
    await quiet();
    expect(isHeld()).toBe(false);
    one.plan.mockReturnValue(promise);
    type('Size', '0');
    expect(isHeld()).toBe(true);
    expect(text()).toBe('Finding out what this would do…');
    await quiet();
    expect(isHeld()).toBe(true);
    // A cluster that does not answer can be scaled as well.
    await act(() => jest.advanceTimersByTimeAsync(3_000));
    expect(isHeld()).toBe(false);
    expect(text()).toBe('What this would do is not known yet.');
    await act(async () => resolve({ ...NO_CHANGE, retire: ['0'] }));
    expect(text()).toBe('1 entry goes: 0');
    one.plan.mockRejectedValue(
      new ApiError({ code: 'x', message: 'no answer' })
    );
    type('Size', '7');
    expect(isHeld()).toBe(true);
    await quiet();
    expect(isHeld()).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('says of a range only what is true of every cluster', () => {
    show('adaptive');
    expect(screen.getByText(/where none can take it/)).toBeTruthy();
    expect(document.querySelector('.jp-mod-error')).toBeNull();
  });

  it('is not valid without a number, and asks nothing then', async () => {
    show();
    await quiet();
    one.plan.mockClear();
    type('Size', '');
    expect(number('Size').validity.valid).toBe(false);
    await quiet();
    expect(one.plan).not.toHaveBeenCalled();
    type('Size', '-1');
    expect(number('Size').validity.valid).toBe(false);
  });

  it('takes a range', () => {
    show('adaptive');
    type('Minimum', '2');
    type('Maximum', '1');
    expect(number('Maximum').validity.valid).toBe(false);
    type('Maximum', '8');
    expect(last()).toEqual({
      kind: 'adaptive',
      range: { minimum: 2, maximum: 8 }
    });
    type('Maximum', '');
    expect(number('Maximum').validity.valid).toBe(true);
    expect(last().range).toEqual({ minimum: 2, maximum: null });
  });

  it('goes from a range to a size', () => {
    show('adaptive', { adaptive: { minimum: 1, maximum: 4 } });
    expect(number('Minimum').value).toBe('1');
    expect(number('Maximum').value).toBe('4');
    fireEvent.click(screen.getByRole('radio', { name: 'Fixed size' }));
    expect(last()).toEqual({ kind: 'size', scale: { entries: 1 } });
  });
});

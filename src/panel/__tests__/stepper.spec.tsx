import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import {
  act,
  cleanup,
  fireEvent,
  render,
  screen
} from '@testing-library/react';
import * as React from 'react';
import {
  FakeCluster,
  FakeManager,
  FakeServer,
  cluster,
  json
} from '../../__tests__/fakes';
import { ApiClient } from '../../api/client';
import { ApiError } from '../../api/errors';
import { ClusterModel } from '../../model/clustermodel';
import type { ICluster } from '../../tokens';
import { PanelContext } from '../context';
import { Refusal, Stepper } from '../stepper';
import { PanelView } from '../view';

const context = {
  commands: new CommandRegistry(),
  clientCode: { code: String, drag: () => undefined, insert: () => null },
  manager: new FakeManager(),
  view: new PanelView(),
  trans: nullTranslator.load('speccluster_lab'),
  wordOf: String
};

function show(one: ICluster): void {
  render(
    <PanelContext.Provider value={context}>
      <Stepper cluster={one} refusalId="refusal" />
      <Refusal cluster={one} id="refusal" />
    </PanelContext.Provider>
  );
}

const fewer = () => screen.getByRole('button', { name: 'Fewer entries' });
const more = () => screen.getByRole('button', { name: 'More entries' });
const number = () =>
  screen.getByRole<HTMLInputElement>('spinbutton', { name: 'Entries' });

describe('Stepper', () => {
  afterEach(cleanup);

  it('sends quick clicks as one call with the last number', async () => {
    jest.useFakeTimers();
    const server = new FakeServer();
    server.answer = () => json(cluster('otter', { generation: 2 }), 202);
    const model = new ClusterModel(
      new ApiClient(server.connection),
      cluster('otter')
    );
    show(model);
    fireEvent.click(more());
    fireEvent.click(more());
    fireEvent.click(more());
    fireEvent.click(fewer());
    expect(number().value).toBe('3');
    await act(() => jest.advanceTimersByTimeAsync(1_000));
    expect(server.seen.map(({ body }) => body)).toEqual([{ entries: 3 }]);
    model.dispose();
    jest.useRealTimers();
  });

  it('does not go below nothing', () => {
    const one = new FakeCluster(cluster('otter', { workers: [] }));
    show(one);
    expect(number().value).toBe('0');
    fewer().focus();
    expect(fewer().getAttribute('aria-disabled')).toBe('true');
    fireEvent.click(fewer());
    expect(document.activeElement).toBe(fewer());
    fireEvent.keyDown(number(), { key: 'ArrowDown' });
    expect(one.setEntries).not.toHaveBeenCalled();
  });

  it('takes a number that is typed, when it is done', () => {
    const one = new FakeCluster(cluster('otter'));
    show(one);
    fireEvent.change(number(), { target: { value: '12' } });
    expect(one.setEntries).not.toHaveBeenCalled();
    fireEvent.keyDown(number(), { key: 'Enter' });
    fireEvent.blur(number());
    expect(one.setEntries.mock.calls).toEqual([[12]]);
    expect(number().value).toBe('12');
  });

  it.each(['', '-1', '1.5', 'many', '1e9'])('ignores %p', text => {
    const one = new FakeCluster(cluster('otter'));
    show(one);
    fireEvent.change(number(), { target: { value: text } });
    fireEvent.blur(number());
    expect(one.setEntries).not.toHaveBeenCalled();
    expect(number().value).toBe('1');
  });

  it('forgets what was typed on Escape', () => {
    const one = new FakeCluster(cluster('otter'));
    show(one);
    fireEvent.change(number(), { target: { value: '12' } });
    fireEvent.keyDown(number(), { key: 'Escape' });
    expect(number().value).toBe('1');
    fireEvent.blur(number());
    expect(one.setEntries).not.toHaveBeenCalled();
  });

  it('steps with the arrow keys', () => {
    const one = new FakeCluster(cluster('otter'));
    show(one);
    fireEvent.keyDown(number(), { key: 'ArrowUp' });
    fireEvent.keyDown(number(), { key: 'ArrowUp' });
    fireEvent.keyDown(number(), { key: 'ArrowDown' });
    expect(one.setEntries.mock.calls).toEqual([[2], [3], [2]]);
  });

  it('says why a number was refused', () => {
    const one = new FakeCluster(cluster('otter'));
    show(one);
    act(() =>
      one.set({
        scaleError: new ApiError({
          code: 'invalid_input',
          message: '99 workers are more than the 64 that a cluster may have',
          field: 'entries'
        })
      })
    );
    expect(screen.getByRole('alert').textContent).toContain('more than the 64');
    expect(number().getAttribute('aria-invalid')).toBe('true');
    expect(number().getAttribute('aria-describedby')).toBe(
      screen.getByRole('alert').id
    );
  });

  it('cannot be used where there is no form of the workers', () => {
    const document = cluster('otter');
    document.spec.worker = null;
    const one = new FakeCluster(document);
    show(one);
    for (const part of [fewer(), number(), more()]) {
      expect(part.getAttribute('aria-disabled')).toBe('true');
      expect(part.tabIndex).toBe(-1);
      fireEvent.click(part);
    }
    expect(number().readOnly).toBe(true);
    fireEvent.keyDown(number(), { key: 'ArrowUp' });
    expect(one.setEntries).not.toHaveBeenCalled();
  });
});

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, WidgetTracker } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen, waitFor } from '@testing-library/react';
import {
  FakeCluster,
  FakeManager,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import { LogViewers } from '../logviewers';
import type { LogTab } from '../tab';

const HOSTILE = '<img src=x onerror="alert(1)">';

describe('LogViewers', () => {
  let tracker: WidgetTracker<LogTab>;
  let viewers: LogViewers;
  let manager: FakeManager;
  let one: FakeCluster;
  const shell = {
    add: jest.fn((tab: Widget) => Widget.attach(tab, document.body)),
    activateById: jest.fn()
  };

  const open = async (name: string | null = null) => {
    const id = await act(() => viewers.open(one, name));
    const tab = tracker.find(tab => tab.id === id)!;
    await read(tab);
    return tab;
  };
  // The log is read when its poll's timer has run, and drawn after that.
  const read = async ({ content }: LogTab) => {
    await waitFor(() => expect(content.model.isRead).toBe(true));
    await drawn();
  };
  const drawn = () => act(async () => MessageLoop.flush());
  const says = (lines: string[], more = {}) =>
    one.log.mockResolvedValue({
      source: 'worker',
      lines,
      complete: true,
      cursor: '',
      continues: false,
      unfinished: false,
      ...more
    });
  const shown = () => screen.getByRole('log').textContent;

  beforeEach(() => {
    jest.clearAllMocks();
    tracker = new WidgetTracker({ namespace: 'logs' });
    one = new FakeCluster(
      cluster('otter', {
        display_name: 'Otter',
        workers: [
          entry('0', [member('0-0'), member('0-1')]),
          entry('1', [member('1')])
        ]
      })
    );
    manager = new FakeManager(one);
    viewers = new LogViewers({
      manager,
      shell: shell as unknown as JupyterFrontEnd.IShell,
      tracker,
      trans: nullTranslator.load('speccluster_lab')
    });
  });

  afterEach(async () => {
    await act(async () => tracker.forEach(tab => tab.dispose()));
    tracker.dispose();
    document.body.replaceChildren();
  });

  it('opens one tab for a log, and shows it again', async () => {
    const first = await open('0-1');
    expect(await open('0-1')).toBe(first);
    expect(shell.add.mock.calls).toHaveLength(1);
    expect(first.title.label).toBe('Otter: 0-1');
    const own = await open();
    expect([tracker.size, own.title.caption]).toEqual([2, 'Log of Otter']);
    expect(shell.activateById.mock.calls.map(([id]) => id)).toEqual([
      first.id,
      first.id,
      own.id
    ]);
  });

  it('shows another log in the same tab, or the tab that has it', async () => {
    const tab = await open();
    const whose = screen.getByRole('combobox', { name: 'Whose log' });
    const names = [...whose.querySelectorAll('option')].map(
      ({ textContent }) => textContent
    );
    expect(names).toEqual([
      "The cluster's own process",
      'All of 0',
      '0-0',
      '0-1',
      '1'
    ]);
    await act(async () =>
      fireEvent.change(whose, { target: { value: '0-1' } })
    );
    await read(tab);
    expect(tab.content.model.member).toBe('0-1');
    expect(tab.title.label).toBe('Otter: 0-1');
    expect(one.log).toHaveBeenLastCalledWith({
      member: '0-1',
      tail: 10_000,
      after: null
    });
    const other = await open('1');
    await act(async () => other.content.hide());
    shell.activateById.mockClear();
    const again = screen.getAllByRole('combobox', { name: 'Whose log' })[0];
    await act(async () => fireEvent.change(again, { target: { value: '1' } }));
    expect(shell.activateById.mock.calls).toEqual([[other.id]]);
    expect(tab.content.model.member).toBe('0-1');
  });

  it('is restored when its cluster is there', async () => {
    const id = await act(() => viewers.restore('otter', '0-1', 1));
    const tab = tracker.find(tab => tab.id === id)!;
    expect([tab.content.model.member, tab.place]).toEqual(['0-1', 1]);
    const places = [await open('1'), await open()].map(({ place }) => place);
    expect(places).toEqual([0, 2]);
    await expect(viewers.restore('seal', null)).rejects.toThrow('seal');
  });

  it('is not taken for that of a cluster that had the id before', async () => {
    const old = await open();
    await act(async () => one.dispose());
    one = new FakeCluster(cluster('otter'));
    const tab = await open();
    expect(tab).not.toBe(old);
    expect(tab.id).not.toBe(old.id);
  });

  it('shows what anybody may have written as text', async () => {
    says([HOSTILE, '\u001b[31mred']);
    await open('1');
    expect(shown()).toBe(`${HOSTILE}\u001b[31mred`);
    fireEvent.change(screen.getByRole('searchbox'), {
      target: { value: 'IMG' }
    });
    await drawn();
    expect(shown()).toBe(HOSTILE);
    expect(document.querySelector('mark')?.textContent).toBe('img');
    expect(document.querySelector('img')).toBeNull();
    expect(screen.getByText('1 of 2 lines')).toBeTruthy();
  });

  it('copies the lines that are shown', async () => {
    const copy = jest
      .spyOn(Clipboard, 'copyToSystem')
      .mockImplementation(() => undefined);
    says(['one INFO a', 'two ERROR b', 'c']);
    await open('1');
    fireEvent.change(screen.getByRole('combobox', { name: 'Level' }), {
      target: { value: 'error' }
    });
    await drawn();
    await act(async () => fireEvent.click(screen.getByText('Copy')));
    expect(copy).toHaveBeenCalledWith('two ERROR b\nc');
    expect(screen.getByRole('status').textContent).toBe('2 lines were copied');
  });

  it('is followed or not', async () => {
    says(['a']);
    const { content } = await open('1');
    const follow = screen.getByRole('button', { name: 'Follow' });
    expect(follow.getAttribute('aria-pressed')).toBe('true');
    await act(async () => fireEvent.click(follow));
    expect(content.model.isFollowing).toBe(false);
    expect(follow.getAttribute('aria-pressed')).toBe('false');
  });

  it('says that there is nothing, or nothing like that', async () => {
    says([]);
    const { content } = await open('1');
    expect(screen.getByText('Nothing has been written yet.')).toBeTruthy();
    says(['a']);
    await act(() => content.model.refresh());
    await act(async () => content.model.setText('b'));
    expect(screen.getByText('No line is like that.')).toBeTruthy();
    const all = screen.getByText('Show all lines');
    all.focus();
    await act(async () => fireEvent.click(all));
    expect(shown()).toBe('a');
    expect(document.activeElement).toBe(screen.getByRole('searchbox'));
  });

  it('says what is to be known before one believes it', async () => {
    const notice = () =>
      document.querySelector('.jp-SpecCluster-logNotice')?.textContent;
    says(['a'], { complete: false });
    const { content } = await open();
    const again = () => act(() => content.model.refresh().catch(() => null));
    expect(notice()).toBe('Earlier lines are not shown.');
    says(['b'], { source: 'failure' });
    await again();
    expect(notice()).toMatch(/^No worker of .* is there; this is why\.$/);
    says(['c'], { source: 'host' });
    await again();
    expect(notice()).toBeUndefined();
    await act(async () =>
      one.set({ document: cluster('otter', { phase: 'failed' }) })
    );
    expect(notice()).toMatch(/process has ended/);
    one.log.mockRejectedValue(
      new ApiError({ code: 'x', message: 'no worker', status: 404 })
    );
    await again();
    expect(screen.getByRole('alert').textContent).toMatch(/no worker$/);
    expect(shown()).toBe('c');
    await act(async () => one.dispose());
    expect(screen.getByRole('alert').textContent).toMatch(/has gone/);
    expect(shown()).toBe('c');
  });
});

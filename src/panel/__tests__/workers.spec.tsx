import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen, within } from '@testing-library/react';
import {
  FakeCluster,
  NOW,
  absent,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import { CommandIDs } from '../../tokens';
import { PanelPage, button, card, change, open } from './panelpage';

describe('The workers of a card', () => {
  let page: PanelPage;

  beforeEach(() => {
    page = new PanelPage();
  });

  afterEach(() => page.close());

  it('lists entries, members and ghosts by name', async () => {
    const workers = [
      entry('0', [member('0-0'), member('0-1')]),
      entry('1', [member('1-0', { tasks: 3 }), absent('1-1')], 'degraded', {
        message: 'one has gone'
      })
    ];
    await page.show(new FakeCluster(cluster('otter', { workers })));
    expect(screen.queryByRole('tree')).toBeNull();
    open('otter');
    const disclosure = button('Hide workers');
    expect(disclosure.getAttribute('aria-expanded')).toBe('true');
    const tree = screen.getByRole('tree', { name: 'Workers of otter' });
    const names = within(tree)
      .getAllByRole('treeitem')
      .map(item => item.getAttribute('aria-label')!.split(':')[0]);
    expect(names).toEqual(['0', '0-0', '0-1', '1', '1-0', '1-1']);
    const ghost = screen.getByRole('treeitem', { name: /^1-1:/ });
    expect(ghost.textContent).toBe('1-1expected, not registered');
    const troubled = screen.getByRole('treeitem', { name: /^1: degraded/ });
    expect(troubled.textContent).toContain('1 of 2');
    expect(within(troubled).getByText('one has gone')).toBeTruthy();
    const busy = screen.getByRole('treeitem', { name: /^1-0: running/ });
    expect(busy.textContent).toContain('64 MiB');
    expect(busy.textContent).toContain('3 tasks');
    expect(busy.textContent).toContain('2%');
    fireEvent.click(disclosure);
    expect(screen.queryByRole('tree')).toBeNull();
  });

  it('gives the focus to the card when all entries go', async () => {
    const one = new FakeCluster(cluster('otter'));
    await page.show(one);
    open('otter');
    act(() => screen.getAllByRole('treeitem')[1].focus());
    await change(() =>
      one.set({ document: cluster('otter', { workers: [] }) })
    );
    expect(document.activeElement).toBe(card('otter'));
    act(() => card('otter').blur());
    await change(() => one.set({ document: cluster('otter') }));
    // The tree does not want it any more.
    expect(document.activeElement).toBe(document.body);
  });

  it('has nothing to be opened of an entry without members', async () => {
    const workers = [entry('0', [], 'pending')];
    await page.show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    const row = screen.getByRole('treeitem', { name: /^0: pending/ });
    expect(row.getAttribute('aria-expanded')).toBeNull();
    expect(row.querySelector('.jp-SpecCluster-caret svg')).toBeNull();
  });

  it('has the whole of a name, which may have no room, in its tooltip', async () => {
    const workers = [entry('eu-west-1', [member('eu-west-1')])];
    await page.show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    expect(screen.getByText('otter').title).toBe('otter');
    expect(screen.getByText('eu-west-1').title).toBe('eu-west-1');
  });

  it('shows an entry that is one worker as one row', async () => {
    const workers = [entry('0', [member('0')]), entry('1', [absent('1')])];
    await page.show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    const rows = screen.getAllByRole('treeitem');
    expect(rows).toHaveLength(2);
    expect(rows[0].textContent).toContain('64 MiB');
    expect(rows[1].textContent).toContain('expected, not registered');
  });

  it('tells all of a worker when that is asked for', async () => {
    jest.useFakeTimers({ now: Date.parse(NOW) + 3_000 });
    await page.show(
      new FakeCluster(
        cluster('otter', {
          workers: [entry('0', [member('0-0'), absent('0-1')])]
        })
      )
    );
    open('otter');
    const row = () => screen.getByRole('treeitem', { name: /^0-0:/ });
    expect(row().getAttribute('aria-expanded')).toBe('false');
    fireEvent.click(within(row()).getByText('0-0'));
    expect(row().getAttribute('aria-expanded')).toBe('true');
    expect(row().textContent).toContain('Addresstls://127.0.0.1:40001');
    expect(row().textContent).toContain('Memory64 MiB of 1 GiB');
    expect(row().textContent).toContain('Heartbeat3 s ago');
    await change(() => jest.advanceTimersByTime(2_000));
    expect(row().textContent).toContain('Heartbeat5 s ago');
    const ghost = screen.getByRole('treeitem', { name: /^0-1:/ });
    expect(ghost.hasAttribute('aria-expanded')).toBe(false);
    jest.useRealTimers();
  });

  it('counts down to the next try, and tries now when asked', async () => {
    jest.useFakeTimers({ now: Date.parse(NOW) });
    const next_retry = '2026-11-24T03:00:32Z';
    const more = { attempts: 5, next_retry, message: 'no geo' };
    const workers = [entry('3', [absent('3')], 'backoff', more)];
    const otter = new FakeCluster(cluster('otter', { workers }));
    await page.show(otter);
    open('otter');
    const row = screen.getByRole('treeitem', { name: /^3:/ });
    expect(row.textContent).toContain('Tried 5 times');
    expect(row.textContent).toContain('next try in 32 s');
    await change(() => jest.advanceTimersByTime(30_000));
    expect(row.textContent).toContain('next try in 2 s');
    await change(() => button('Retry now').focus());
    fireEvent.click(button('Retry now'));
    expect(page.executed).toEqual([
      [CommandIDs.retryEntry, { id: 'otter', entry: '3' }]
    ]);
    // What is tried has no such button, and the row the focus that it had, wherever it is.
    const focus = jest.spyOn(row, 'focus');
    const tried = [entry('3', [absent('3')], 'starting')];
    await change(() =>
      otter.set({ document: cluster('otter', { workers: tried }) })
    );
    expect(row.textContent).not.toContain('Tried');
    expect(document.activeElement).toBe(row);
    expect(focus.mock.calls).toEqual([[{ preventScroll: true }]]);
    jest.useRealTimers();
  });

  it('has an entry made anew when asked, also with the keyboard', async () => {
    const workers = ['a', 'b'].map(name => entry(name, [member(name)]));
    await page.show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    await change(() => screen.getByRole('treeitem', { name: /^b:/ }).focus());
    expect(button('Restart a').tabIndex).toBe(-1);
    expect(button('Restart b').tabIndex).toBe(0);
    fireEvent.keyDown(button('Restart b'), { key: 'Enter' });
    fireEvent.click(button('Restart b'));
    expect(page.executed).toEqual([
      [CommandIDs.restartEntry, { id: 'otter', entry: 'b' }]
    ]);
    // The row itself is not opened by it.
    const row = screen.getByRole('treeitem', { name: /^b:/ });
    expect(row.getAttribute('aria-expanded')).toBe('false');
  });

  it('shows workers that nobody asked for, apart', async () => {
    const unexpected = [member('stranger')];
    await page.show(new FakeCluster(cluster('otter', { unexpected })));
    open('otter');
    const list = screen.getByRole('list', {
      name: 'Unexpected workers of otter'
    });
    expect(list.textContent).toContain('stranger');
    expect(within(screen.getByRole('tree')).queryByText('stranger')).toBeNull();
  });

  it('remembers what was opened when it is moved', async () => {
    await page.show(new FakeCluster(cluster('otter')));
    open('otter');
    await act(async () => Widget.detach(page.panel));
    await act(async () => Widget.attach(page.panel, document.body));
    expect(screen.getByRole('tree')).toBeTruthy();
  });

  describe('the tree', () => {
    const focused = () =>
      document.activeElement!.getAttribute('aria-label')!.split(':')[0];
    const press = (key: string) =>
      fireEvent.keyDown(document.activeElement!, { key });

    beforeEach(async () => {
      const workers = ['0', '1'].map(name =>
        entry(name, [member(`${name}-0`), member(`${name}-1`)])
      );
      await page.show(new FakeCluster(cluster('otter', { workers })));
      open('otter');
    });

    it('has one row in the tab order', () => {
      const inOrder = () =>
        screen.getAllByRole('treeitem').filter(row => row.tabIndex === 0);
      expect(inOrder()).toHaveLength(1);
      act(() => screen.getByRole('treeitem', { name: /^1-0/ }).focus());
      expect(inOrder()).toEqual([document.activeElement]);
    });

    it('is walked with the arrow keys', () => {
      act(() => screen.getAllByRole('treeitem')[0].focus());
      const seen = [
        'ArrowDown',
        'ArrowDown',
        'End',
        'ArrowUp',
        'ArrowLeft'
      ].map(key => {
        press(key);
        return focused();
      });
      expect(seen).toEqual(['0-0', '0-1', '1-1', '1-0', '1']);
      press('ArrowLeft');
      expect(screen.queryByRole('treeitem', { name: /^1-0/ })).toBeNull();
      press('Enter');
      expect(screen.getByRole('treeitem', { name: /^1-0/ })).toBeTruthy();
      press('ArrowRight');
      expect(focused()).toBe('1-0');
      press('Home');
      expect(focused()).toBe('0');
    });
  });
});

import { fireEvent, screen, within } from '@testing-library/react';
import {
  FakeCluster,
  GIB,
  NO_CHANGE,
  NOW,
  absent,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import { CommandIDs } from '../../tokens';
import { PanelPage, button, card, change, open } from './panelpage';

describe('A card', () => {
  let page: PanelPage;

  beforeEach(() => {
    page = new PanelPage();
  });

  afterEach(() => page.close());

  const isDisabled = (name: string) =>
    button(name).getAttribute('aria-disabled') === 'true';

  it('tells the facts of a cluster', async () => {
    const workers = [
      entry('0', [member('0-0', { memory_used: GIB / 2 }), member('0-1')]),
      entry('1', [member('1-0'), absent('1-1')], 'starting')
    ];
    await page.show(
      new FakeCluster(
        cluster('otter', { display_name: 'Brave otter', workers })
      )
    );
    const text = card('Brave otter').textContent;
    expect(text).toContain('running');
    expect(text).toContain('grouped');
    expect(text).toContain('2 entries');
    expect(text).toContain('3 of 4 workers');
    expect(text).toContain('3 threads');
    expect(text).toContain('0.6 of 3 GiB');
    const progress = screen.getByRole('progressbar');
    expect(progress.getAttribute('aria-valuenow')).toBe('3');
    expect(progress.getAttribute('aria-valuemax')).toBe('4');
  });

  it('shows progress only while there is some to make', async () => {
    const one = new FakeCluster(cluster('otter', { generation: 2 }));
    await page.show(one);
    expect(screen.queryByRole('progressbar')).toBeTruthy();
    await change(() => one.set({ document: cluster('otter') }));
    expect(screen.queryByRole('progressbar')).toBeNull();
  });

  it('says beside the card what is wrong', async () => {
    const since = '';
    await page.show(
      new FakeCluster(
        cluster('otter', {
          phase: 'failed',
          conditions: [
            {
              type: 'InvalidClass',
              status: 'True',
              reason: 'InvalidClass',
              message: 'no such class',
              since
            }
          ]
        })
      )
    );
    expect(within(card('otter')).getByText('no such class')).toBeTruthy();
    expect(within(card('otter')).getByText('failed')).toBeTruthy();
    expect(isDisabled('Stop')).toBe(false);
  });

  it('counts problems beyond the third', async () => {
    const workers = ['a', 'b', 'c', 'd', 'e'].map(name =>
      entry(name, [absent(name)], 'backoff', { message: `no ${name}` })
    );
    await page.show(new FakeCluster(cluster('otter', { workers })));
    expect(screen.getByText('a: no a')).toBeTruthy();
    expect(screen.queryByText('d: no d')).toBeNull();
    expect(screen.getByText('and 2 more')).toBeTruthy();
    open('otter');
    expect(screen.queryByText('a: no a')).toBeNull();
    expect(screen.getByText('no e')).toBeTruthy();
  });

  it('has the lines that a problem goes on with on demand', async () => {
    const said = "a: start failed. The end of the host's log:";
    const conditions = [
      {
        type: 'Degraded',
        status: 'True' as const,
        reason: 'StartsFail',
        message: `${said}\none\n<b>two`,
        since: NOW
      }
    ];
    await page.show(new FakeCluster(cluster('otter', { conditions })));
    expect(screen.getByText(said)).toBeTruthy();
    const summary = screen.getByText('2 lines of it');
    expect(summary.closest('details')!.open).toBe(false);
    expect(summary.nextElementSibling!.textContent).toBe('one\n<b>two');
  });

  it('leads from what is wrong to the log that says more', async () => {
    const why = { message: 'no bad', next_retry: NOW };
    const workers = [entry('bad', [absent('bad')], 'backoff', why)];
    await page.show(new FakeCluster(cluster('otter', { workers })));
    fireEvent.click(button('Logs'));
    open('otter');
    // Said at the entry, and no more above.
    expect(screen.queryByRole('button', { name: 'Logs' })).toBeNull();
    fireEvent.click(button('Log of bad'));
    const args = { id: 'otter', member: 'bad' };
    expect(page.executed).toEqual([
      [CommandIDs.openLogs, args],
      [CommandIDs.openLogs, args]
    ]);
  });

  it.each(['degraded', 'lost'] as const)(
    'leads to the log of an entry that is %s and is not tried again',
    async phase => {
      const bad = entry('bad', [absent('bad')], phase);
      const good = entry('good', [member('good')]);
      const one = new FakeCluster(cluster('otter', { workers: [bad, good] }));
      await page.show(one);
      open('otter');
      expect(screen.queryByRole('button', { name: 'Log of good' })).toBeNull();
      fireEvent.click(button('Log of bad'));
      const args = { id: 'otter', member: 'bad' };
      expect(page.executed).toEqual([[CommandIDs.openLogs, args]]);
    }
  );

  it('says of a notice only that it is one', async () => {
    const conditions = [
      {
        type: 'EndingSoon',
        status: 'True',
        reason: 'x',
        message: 'ends soon',
        since: NOW
      } as const
    ];
    const one = new FakeCluster(
      cluster('otter', { conditions: [...conditions] })
    );
    await page.show(one);
    expect(screen.queryByRole('button', { name: 'Logs' })).toBeNull();
    const failed = [{ ...conditions[0], type: 'HostExited' }];
    await change(() =>
      one.set({ document: cluster('otter', { conditions: failed }) })
    );
    fireEvent.click(button('Logs'));
    expect(page.executed).toEqual([[CommandIDs.openLogs, { id: 'otter' }]]);
  });

  it.each([
    ['Insert client code', CommandIDs.insertClientCode],
    ['Dashboard', CommandIDs.openDashboard],
    ['Edit spec', CommandIDs.editSpec],
    ['Open logs', CommandIDs.openLogs],
    ['Stop', CommandIDs.stopCluster]
  ])('%s is a button for this cluster', async (name, command) => {
    await page.show(
      new FakeCluster(cluster('a')),
      new FakeCluster(cluster('otter'))
    );
    fireEvent.click(within(card('otter')).getByRole('button', { name }));
    expect(page.executed).toEqual([[command, { id: 'otter' }]]);
  });

  it('leads to a dashboard while there is one, and keeps its place', async () => {
    const one = new FakeCluster(cluster('otter'));
    await page.show(one);
    expect(isDisabled('Dashboard')).toBe(false);
    const document = cluster('otter', {
      scheduler: { address: 'tls://x', dashboard: false, status: 'running' }
    });
    await change(() => one.set({ document }));
    expect(isDisabled('Dashboard')).toBe(true);
    expect(button('Dashboard').title).toBe('There is no dashboard now');
  });

  it('asks a cluster that stops for nothing more', async () => {
    const one = new FakeCluster(cluster('otter'));
    await page.show(one);
    button('Stop').focus();
    await change(() => one.set({ isStopping: true }));
    expect(isDisabled('Stop')).toBe(true);
    expect(isDisabled('Edit spec')).toBe(true);
    fireEvent.click(button('Stop'));
    expect(page.executed).toEqual([]);
    expect(document.activeElement).toBe(button('Stop'));
  });

  it('keeps the focus when what has it is not there any more', async () => {
    const one = new FakeCluster(cluster('otter', { phase: 'failed' }));
    await page.show(one);
    button('Restart').focus();
    await change(() => one.set({ document: cluster('otter') }));
    expect(document.activeElement).toBe(card('otter'));
  });

  it.each([
    ['server', null, '', null],
    ['notebook', 'one/a.ipynb', 'a.ipynb', 'notebook one/a.ipynb'],
    ['notebook', null, 'notebook', 'notebook'],
    ['command', null, 'command line', 'command line']
  ] as const)(
    'says whose a cluster is: %s %s',
    async (kind, detail, text, whole) => {
      const owner = { kind, detail };
      await page.show(new FakeCluster(cluster('otter', { owner })));
      const origin = card('otter').querySelector('.jp-SpecCluster-origin')!;
      expect(origin.textContent).toBe(`grouped1 entry${text}`);
      const last = origin.querySelector('.jp-SpecCluster-owner');
      expect(last?.getAttribute('title') ?? null).toBe(whole);
      // One of the server says so to who asks.
      expect(origin.getAttribute('title')).toBe(`Owner: ${whole ?? 'server'}`);
    }
  );

  it('says how old a cluster is, as time passes', async () => {
    jest.useFakeTimers({ now: Date.parse(NOW) + 59 * 60_000 });
    await page.show(new FakeCluster(cluster('otter')));
    const age = card('otter').querySelector('time')!;
    expect(age.textContent).toBe('59 min');
    await change(() => jest.advanceTimersByTime(60_000));
    expect(age.textContent).toBe('1 h');
    jest.useRealTimers();
  });

  it('has a range instead of a number for what scales by itself', async () => {
    const adaptive = { minimum: 0, maximum: 8 };
    await page.show(new FakeCluster(cluster('otter', { adaptive })));
    expect(screen.queryByRole('spinbutton')).toBeNull();
    fireEvent.click(button('Adaptive, 0 to 8'));
    expect(page.executed).toEqual([[CommandIDs.adaptCluster, { id: 'otter' }]]);
  });

  it('says that a cluster scales by itself where nobody can change it', async () => {
    const adaptive = { minimum: 2, maximum: null };
    const one = new FakeCluster(cluster('otter', { adaptive }));
    await page.show(one);
    const origin = card('otter').querySelector('.jp-SpecCluster-origin')!;
    expect(button('Adaptive, from 2')).toBeTruthy();
    expect(origin.textContent).toBe('grouped1 entry');
    await change(() => page.manager.setReadOnly(true));
    expect(origin.textContent).toBe('grouped1 entryAdaptive, from 2');
    await change(() => page.manager.setReadOnly(false));
    const document = cluster('otter', { adaptive, phase: 'failed' });
    await change(() => one.set({ document }));
    expect(origin.textContent).toBe('grouped1 entryAdaptive, from 2');
  });

  it('offers to restart what has failed', async () => {
    await page.show(new FakeCluster(cluster('otter', { phase: 'failed' })));
    expect(screen.queryByRole('spinbutton')).toBeNull();
    fireEvent.click(button('Restart'));
    expect(page.executed).toEqual([
      [CommandIDs.restartCluster, { id: 'otter' }]
    ]);
  });

  it('asks whether fewer entries are meant, and answers', async () => {
    const one = new FakeCluster(cluster('otter'));
    await page.show(one);
    const at_stake = { keys: 3, nbytes: 2048 };
    const plan = { ...NO_CHANGE, retire: ['0'], at_stake, stuck: true };
    await change(() => one.set({ question: { entries: 0, plan } }));
    const question = screen.getByRole('alertdialog', { name: 'Scale down?' });
    expect(question.textContent).toContain('could take 3 results (2 KiB)');
    expect(document.activeElement).toBe(button('Keep them'));
    fireEvent.click(button('Scale down'));
    fireEvent.keyDown(question, { key: 'Escape' });
    expect(one.answer.mock.calls).toEqual([[true], [false]]);
    await change(() => one.set({ question: null }));
    expect(document.activeElement).toBe(card('otter'));
  });

  it.each([
    ['Stop', 'otter', 'Keep them'],
    ['Stop', 'weasel', 'Stop']
  ])(
    'asks without taking the focus from elsewhere: %s of %s',
    async (name, of, focused) => {
      const one = new FakeCluster(cluster('otter'));
      await page.show(one, new FakeCluster(cluster('weasel')));
      within(card(of)).getByRole('button', { name }).focus();
      const at_stake = { keys: 3, nbytes: 2048 };
      const plan = { ...NO_CHANGE, retire: ['0'], at_stake, stuck: true };
      await change(() => one.set({ question: { entries: 0, plan } }));
      expect(document.activeElement).toBe(
        within(card(of)).getByRole('button', { name: focused })
      );
    }
  );

  it('drags from the header after a few pixels, once', async () => {
    await page.show(new FakeCluster(cluster('otter')));
    const pointer = (type: string, x: number, more = {}) => {
      const event = new MouseEvent(type, {
        clientX: x,
        clientY: 10,
        bubbles: true,
        ...more
      });
      return event;
    };
    const header = screen.getByRole('heading', { name: 'otter' });
    fireEvent(header, pointer('pointerdown', 10));
    fireEvent(document, pointer('pointermove', 14));
    expect(page.drag).not.toHaveBeenCalled();
    fireEvent(document, pointer('pointermove', 15));
    fireEvent(document, pointer('pointermove', 30));
    expect(page.drag).toHaveBeenCalledTimes(1);
    expect(page.drag).toHaveBeenCalledWith('otter', 'otter', expect.anything());

    fireEvent(header, pointer('pointerdown', 10));
    fireEvent(document, pointer('pointerup', 10));
    fireEvent(document, pointer('pointermove', 30));
    fireEvent(header, pointer('pointerdown', 10, { button: 2 }));
    fireEvent(document, pointer('pointermove', 30));
    expect(page.drag).toHaveBeenCalledTimes(1);
  });
});

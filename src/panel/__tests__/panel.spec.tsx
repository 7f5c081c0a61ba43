import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen, within } from '@testing-library/react';
import {
  FakeCluster,
  FakeManager,
  GIB,
  NO_CHANGE,
  NOW,
  TEMPLATES,
  absent,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import { ApiError } from '../../api/errors';
import { CommandIDs } from '../../tokens';
import { ClusterPanel } from '../panel';

const trans = nullTranslator.load('speccluster_lab');

describe('ClusterPanel', () => {
  let manager: FakeManager;
  let commands: CommandRegistry;
  let executed: [string, unknown][];
  let panel: ClusterPanel;
  const drag = jest.fn();

  const show = async (...clusters: FakeCluster[]) => {
    manager.clusters = clusters;
    panel = new ClusterPanel({
      manager,
      commands,
      clientCode: { code: String, drag, insert: () => null },
      trans
    });
    await act(async () => Widget.attach(panel, document.body));
  };
  const change = (work: () => void) => act(async () => work());
  const card = (name: string) => screen.getByRole('article', { name });
  const open = (name: string) =>
    fireEvent.click(
      within(card(name)).getByRole('button', { name: 'Show workers' })
    );
  const button = (name: string) => screen.getByRole('button', { name });

  beforeEach(() => {
    drag.mockClear();
    executed = [];
    commands = new CommandRegistry();
    for (const id of Object.values(CommandIDs)) {
      commands.addCommand(id, {
        label: args => `label of ${String(args.template)}`,
        caption: 'caption',
        describedBy: { args: {} },
        execute: args => {
          executed.push([id, args]);
          return null;
        }
      });
    }
    manager = new FakeManager();
  });

  afterEach(async () => {
    await act(async () => panel.dispose());
    document.body.replaceChildren();
  });

  it('is a region of the sidebar', async () => {
    await show();
    expect(screen.getByRole('region', { name: 'Clusters' })).toBe(panel.node);
    expect(panel.id).toBe('speccluster-lab-panel');
    expect(panel.title.caption).toBe('Clusters');
    expect(panel.title.icon).toBeTruthy();
  });

  it('explains itself when there is nothing, and offers the templates', async () => {
    await show();
    expect(screen.getByText('No clusters yet')).toBeTruthy();
    fireEvent.click(button('Local processes'));
    expect(executed).toEqual([
      [CommandIDs.createCluster, { template: 'local' }]
    ]);
  });

  it('starts a template with other values, and deletes one of their own', async () => {
    manager.templates = [{ ...TEMPLATES[0], own: true }, TEMPLATES[1]];
    await show();
    fireEvent.click(button('Start Local processes with other values'));
    fireEvent.click(button('Delete Grouped workers'));
    expect(
      screen.queryByRole('button', { name: 'Delete Local processes' })
    ).toBeNull();
    expect(executed).toEqual([
      [CommandIDs.createCluster, { template: 'local', isAsked: true }],
      [CommandIDs.deleteTemplate, { template: 'grouped' }]
    ]);
  });

  it('says why nothing can be made from a template, which can still be deleted', async () => {
    const unusable = 'worker.cls: secret.Worker may not be used';
    manager.templates = [{ ...TEMPLATES[0], own: true, unusable }];
    await show();
    expect(button('Grouped workers').hasAttribute('disabled')).toBe(true);
    expect(screen.getByText(unusable)).toBeTruthy();
    expect(
      screen.queryByRole('button', { name: /with other values/ })
    ).toBeNull();
    fireEvent.click(button('Delete Grouped workers'));
    expect(executed).toEqual([
      [CommandIDs.deleteTemplate, { template: 'grouped' }]
    ]);
  });

  it('has the templates below the clusters, for who may use them', async () => {
    await show(new FakeCluster(cluster('otter')));
    const summary = screen.getByText('Templates');
    fireEvent.click(summary);
    fireEvent.click(button('Local processes'));
    expect(executed).toEqual([
      [CommandIDs.createCluster, { template: 'local' }]
    ]);
    await change(() => manager.setReadOnly(true));
    expect(screen.queryByText('Templates')).toBeNull();
  });

  it('does not say that there is nothing before it knows', async () => {
    manager.connection = 'connecting';
    await show();
    expect(screen.queryByText('No clusters yet')).toBeNull();
    await change(() => manager.setConnection('live'));
    expect(screen.getByText('No clusters yet')).toBeTruthy();
  });

  it('says why there are no templates', async () => {
    manager.templates = [];
    manager.templatesError = new ApiError({ code: 'x', message: 'broken' });
    await show();
    expect(screen.getByRole('alert').textContent).toBe('broken');
  });

  it('says when what it shows may be out of date', async () => {
    await show(new FakeCluster(cluster('otter')));
    expect(screen.getByText('live')).toBeTruthy();
    await change(() => manager.setConnection('stale'));
    expect(screen.getByText('reconnecting')).toBeTruthy();
    expect(screen.getByText(/may be out of date/)).toBeTruthy();
    expect(card('otter')).toBeTruthy();
    await change(() => manager.setConnection('live'));
    expect(screen.queryByText(/may be out of date/)).toBeNull();
  });

  it('opens a menu of the templates, and gives the focus back', async () => {
    await show();
    const anchor = button('New cluster');
    await change(() => fireEvent.click(anchor));
    expect(anchor.getAttribute('aria-expanded')).toBe('true');
    const items = screen.getAllByRole('menuitem');
    expect(items.map(item => item.getAttribute('aria-label'))).toEqual([
      'label of grouped',
      'label of local',
      'label of undefined'
    ]);
    expect(items[0].textContent).toContain('caption');
    fireEvent.keyDown(items[0], { key: 'Escape', keyCode: 27 });
    expect(screen.queryByRole('menuitem')).toBeNull();
    expect(anchor.getAttribute('aria-expanded')).toBe('false');
    expect(document.activeElement).toBe(anchor);
  });

  it('reads the templates anew when the menu would be empty', async () => {
    manager.templates = [];
    await show();
    await change(() => fireEvent.click(button('New cluster')));
    expect(manager.refreshTemplates).toHaveBeenCalled();
    expect(screen.queryByRole('menuitem')).toBeNull();
  });

  it('tells the facts of a cluster', async () => {
    const workers = [
      entry('0', [member('0-0', { memory_used: GIB / 2 }), member('0-1')]),
      entry('1', [member('1-0'), absent('1-1')], 'starting')
    ];
    await show(
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
    await show(one);
    expect(screen.queryByRole('progressbar')).toBeTruthy();
    await change(() => one.set({ document: cluster('otter') }));
    expect(screen.queryByRole('progressbar')).toBeNull();
  });

  it('says beside the card what is wrong', async () => {
    const since = '';
    await show(
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
    expect(button('Stop')).toHaveProperty('disabled', false);
  });

  it('counts problems beyond the third', async () => {
    const workers = ['a', 'b', 'c', 'd', 'e'].map(name =>
      entry(name, [absent(name)], 'backoff', { message: `no ${name}` })
    );
    await show(new FakeCluster(cluster('otter', { workers })));
    expect(screen.getByText('a: no a')).toBeTruthy();
    expect(screen.queryByText('d: no d')).toBeNull();
    expect(screen.getByText('and 2 more')).toBeTruthy();
    open('otter');
    expect(screen.queryByText('a: no a')).toBeNull();
    expect(screen.getByText('no e')).toBeTruthy();
  });

  it('leads from what is wrong to the log that says more', async () => {
    const why = { message: 'no bad', next_retry: NOW };
    const workers = [entry('bad', [absent('bad')], 'backoff', why)];
    await show(new FakeCluster(cluster('otter', { workers })));
    fireEvent.click(button('Logs'));
    open('otter');
    // Said at the entry, and no more above.
    expect(screen.queryByRole('button', { name: 'Logs' })).toBeNull();
    fireEvent.click(button('Log of bad'));
    const args = { id: 'otter', member: 'bad' };
    expect(executed).toEqual([
      [CommandIDs.openLogs, args],
      [CommandIDs.openLogs, args]
    ]);
  });

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
    await show(one);
    expect(screen.queryByRole('button', { name: 'Logs' })).toBeNull();
    const failed = [{ ...conditions[0], type: 'HostExited' }];
    await change(() =>
      one.set({ document: cluster('otter', { conditions: failed }) })
    );
    fireEvent.click(button('Logs'));
    expect(executed).toEqual([[CommandIDs.openLogs, { id: 'otter' }]]);
  });

  it('lists entries, members and ghosts by name', async () => {
    const workers = [
      entry('0', [member('0-0'), member('0-1')]),
      entry('1', [member('1-0', { tasks: 3 }), absent('1-1')], 'degraded', {
        message: 'one has gone'
      })
    ];
    await show(new FakeCluster(cluster('otter', { workers })));
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

  it('shows an entry that is one worker as one row', async () => {
    const workers = [entry('0', [member('0')]), entry('1', [absent('1')])];
    await show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    const rows = screen.getAllByRole('treeitem');
    expect(rows).toHaveLength(2);
    expect(rows[0].textContent).toContain('64 MiB');
    expect(rows[1].textContent).toContain('expected, not registered');
  });

  it('tells all of a worker when that is asked for', async () => {
    jest.useFakeTimers({ now: Date.parse(NOW) + 3_000 });
    await show(
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
    await show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    const row = screen.getByRole('treeitem', { name: /^3:/ });
    expect(row.textContent).toContain('Tried 5 times');
    expect(row.textContent).toContain('next try in 32 s');
    await change(() => jest.advanceTimersByTime(30_000));
    expect(row.textContent).toContain('next try in 2 s');
    fireEvent.click(button('Retry now'));
    expect(executed).toEqual([
      [CommandIDs.retryEntry, { id: 'otter', entry: '3' }]
    ]);
    jest.useRealTimers();
  });

  it('has an entry made anew when asked, also with the keyboard', async () => {
    const workers = ['a', 'b'].map(name => entry(name, [member(name)]));
    await show(new FakeCluster(cluster('otter', { workers })));
    open('otter');
    await change(() => screen.getByRole('treeitem', { name: /^b:/ }).focus());
    expect(button('Restart a').tabIndex).toBe(-1);
    expect(button('Restart b').tabIndex).toBe(0);
    fireEvent.keyDown(button('Restart b'), { key: 'Enter' });
    fireEvent.click(button('Restart b'));
    expect(executed).toEqual([
      [CommandIDs.restartEntry, { id: 'otter', entry: 'b' }]
    ]);
    // The row itself is not opened by it.
    const row = screen.getByRole('treeitem', { name: /^b:/ });
    expect(row.getAttribute('aria-expanded')).toBe('false');
  });

  it('shows workers that nobody asked for, apart', async () => {
    const unexpected = [member('stranger')];
    await show(new FakeCluster(cluster('otter', { unexpected })));
    open('otter');
    const list = screen.getByRole('list', {
      name: 'Unexpected workers of otter'
    });
    expect(list.textContent).toContain('stranger');
    expect(within(screen.getByRole('tree')).queryByText('stranger')).toBeNull();
  });

  it('remembers what was opened when it is moved', async () => {
    await show(new FakeCluster(cluster('otter')));
    open('otter');
    await act(async () => Widget.detach(panel));
    await act(async () => Widget.attach(panel, document.body));
    expect(screen.getByRole('tree')).toBeTruthy();
  });

  it('takes every name for text', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const workers = [
      entry(evil, [member(`${evil}-0`), absent(`${evil}-1`)], 'backoff', {
        message: evil,
        reason: evil
      })
    ];
    await show(
      new FakeCluster(
        cluster('otter', {
          display_name: evil,
          template: evil,
          owner: { kind: 'notebook', detail: evil },
          workers,
          unexpected: [member(evil, { status: evil })],
          conditions: [
            {
              type: 'X',
              status: 'True',
              reason: evil,
              message: evil,
              since: ''
            }
          ]
        })
      )
    );
    open(evil);
    expect(panel.node.querySelector('img')).toBeNull();
    expect(screen.getAllByText(evil).length).toBeGreaterThan(5);
    expect(screen.getByRole('article', { name: evil })).toBeTruthy();
  });

  it.each([
    ['Insert client code', CommandIDs.insertClientCode],
    ['Dashboard', CommandIDs.openDashboard],
    ['Edit spec', CommandIDs.editSpec],
    ['Stop', CommandIDs.stopCluster]
  ])('%s is a button for this cluster', async (name, command) => {
    await show(
      new FakeCluster(cluster('a')),
      new FakeCluster(cluster('otter'))
    );
    fireEvent.click(within(card('otter')).getByRole('button', { name }));
    expect(executed).toEqual([[command, { id: 'otter' }]]);
  });

  it('leads to a dashboard only while there is one', async () => {
    const one = new FakeCluster(cluster('otter'));
    await show(one);
    expect(button('Dashboard')).toBeTruthy();
    const document = cluster('otter', {
      scheduler: { address: 'tls://x', dashboard: false, status: 'running' }
    });
    await change(() => one.set({ document }));
    expect(screen.queryByRole('button', { name: 'Dashboard' })).toBeNull();
  });

  it('asks a cluster that stops for nothing more', async () => {
    const one = new FakeCluster(cluster('otter'));
    await show(one);
    await change(() => one.set({ isStopping: true }));
    expect(button('Stop')).toHaveProperty('disabled', true);
    expect(button('Edit spec')).toHaveProperty('disabled', true);
  });

  it.each([
    [{ kind: 'server', detail: null }, 'grouped1 entry'],
    [{ kind: 'notebook', detail: 'a.ipynb' }, 'grouped1 entrynotebook a.ipynb'],
    [{ kind: 'notebook', detail: null }, 'grouped1 entrynotebook'],
    [{ kind: 'command', detail: null }, 'grouped1 entrycommand line']
  ] as const)('says whose a cluster is: %p', async (owner, text) => {
    await show(new FakeCluster(cluster('otter', { owner })));
    const origin = card('otter').querySelector('.jp-SpecCluster-origin')!;
    expect(origin.textContent).toBe(text);
  });

  it('says how old a cluster is, as time passes', async () => {
    jest.useFakeTimers({ now: Date.parse(NOW) + 59 * 60_000 });
    await show(new FakeCluster(cluster('otter')));
    const age = card('otter').querySelector('time')!;
    expect(age.textContent).toBe('59 min');
    await change(() => jest.advanceTimersByTime(60_000));
    expect(age.textContent).toBe('1 h');
    jest.useRealTimers();
  });

  it('has a range instead of a number for what scales by itself', async () => {
    const adaptive = { minimum: 0, maximum: 8 };
    await show(new FakeCluster(cluster('otter', { adaptive })));
    expect(screen.queryByRole('spinbutton')).toBeNull();
    fireEvent.click(button('Adaptive, 0 to 8'));
    expect(executed).toEqual([[CommandIDs.adaptCluster, { id: 'otter' }]]);
  });

  it('offers to restart what has failed', async () => {
    await show(new FakeCluster(cluster('otter', { phase: 'failed' })));
    expect(screen.queryByRole('spinbutton')).toBeNull();
    fireEvent.click(button('Restart'));
    expect(executed).toEqual([[CommandIDs.restartCluster, { id: 'otter' }]]);
  });

  it('asks whether fewer entries are meant, and answers', async () => {
    const one = new FakeCluster(cluster('otter'));
    await show(one);
    const at_stake = { keys: 3, nbytes: 2048 };
    const plan = { ...NO_CHANGE, retire: ['0'], at_stake, stuck: true };
    await change(() => one.set({ question: { entries: 0, plan } }));
    const question = screen.getByRole('alertdialog', { name: 'Scale down?' });
    expect(question.textContent).toContain('could take 3 results (2 KiB)');
    expect(document.activeElement).toBe(button('Keep them'));
    fireEvent.click(button('Scale down'));
    fireEvent.keyDown(question, { key: 'Escape' });
    expect(one.answer.mock.calls).toEqual([[true], [false]]);
  });

  it('offers only to look where only looking is allowed', async () => {
    const bad = entry('0', [absent('0')], 'backoff', { next_retry: NOW });
    await show(new FakeCluster(cluster('otter', { workers: [bad] })));
    open('otter');
    await change(() => manager.setReadOnly(true));
    expect(screen.getByText('read only')).toBeTruthy();
    const names = screen
      .getAllByRole('button')
      .map(one => one.getAttribute('aria-label') ?? one.textContent);
    expect(names).toEqual([
      'Order',
      'Insert client code',
      'Dashboard',
      'Hide workers',
      'Log of 0'
    ]);
    await change(() => manager.setClusters());
    expect(screen.getByText('No clusters yet')).toBeTruthy();
    expect(screen.queryByRole('button')).toBeNull();
  });

  describe('of many clusters', () => {
    const names = () =>
      screen
        .getAllByRole('article')
        .map(node => node.getAttribute('aria-label'));
    const search = () =>
      screen.getByRole('searchbox', { name: 'Filter clusters and workers' });
    const look = (text: string) =>
      change(() => fireEvent.change(search(), { target: { value: text } }));
    const failed = new FakeCluster(cluster('badger', { phase: 'failed' }));
    const otter = new FakeCluster(cluster('otter'));

    it('has nothing to look for when there is nothing', async () => {
      await show();
      expect(screen.queryByRole('searchbox')).toBeNull();
    });

    it('shows those that are looked for', async () => {
      await show(otter, failed);
      await look('badg');
      expect(names()).toEqual(['badger']);
      await look('weasel');
      expect(screen.queryByRole('article')).toBeNull();
      expect(screen.queryByText('No clusters yet')).toBeNull();
      fireEvent.click(button('Show all'));
      expect(names()).toEqual(['otter', 'badger']);
      await look('badg');
      fireEvent.keyDown(search(), { key: 'Escape' });
      expect(names()).toEqual(['otter', 'badger']);
    });

    it('shows only the workers that are looked for', async () => {
      await show(new FakeCluster(cluster('otter')));
      open('otter');
      await look('0-1');
      const rows = screen.getAllByRole('treeitem');
      expect(
        rows.map(row => row.getAttribute('aria-label')!.split(':')[0])
      ).toEqual(['0', '0-1']);
    });

    it('groups them by phase, and follows a phase that changes', async () => {
      const other = new FakeCluster(cluster('weasel'));
      await show(otter, failed, other);
      await change(() => panel.view.setGrouped(true));
      expect(names()).toEqual(['badger', 'otter', 'weasel']);
      const titles = () =>
        screen
          .getAllByRole('heading', { level: 3 })
          .map(one => one.textContent);
      expect(titles()).toEqual([
        'failed1',
        'badger',
        'running2',
        'otter',
        'weasel'
      ]);
      await change(() =>
        other.set({ document: cluster('weasel', { phase: 'degraded' }) })
      );
      expect(names()).toEqual(['badger', 'weasel', 'otter']);
    });

    it('offers the orders in a menu', async () => {
      await show(otter, failed);
      await change(() => fireEvent.click(button('Order')));
      const items = screen.getAllByRole('menuitem');
      expect(items).toHaveLength(6);
      fireEvent.keyDown(items[0], { key: 'Escape', keyCode: 27 });
      expect(document.activeElement).toBe(button('Order'));
      await change(() => panel.view.setOrder('phase'));
      expect(names()).toEqual(['badger', 'otter']);
    });
  });

  it('follows clusters that come and go', async () => {
    const one = new FakeCluster(cluster('a'));
    const two = new FakeCluster(cluster('b'));
    await show(one);
    await change(() => manager.setClusters(one, two));
    expect(screen.getAllByRole('article')).toHaveLength(2);
    await change(() => manager.setClusters(two));
    expect(screen.getAllByRole('article')).toEqual([card('b')]);
  });

  it('drags from the header after a few pixels, once', async () => {
    await show(new FakeCluster(cluster('otter')));
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
    expect(drag).not.toHaveBeenCalled();
    fireEvent(document, pointer('pointermove', 15));
    fireEvent(document, pointer('pointermove', 30));
    expect(drag).toHaveBeenCalledTimes(1);
    expect(drag).toHaveBeenCalledWith('otter', 'otter', expect.anything());

    fireEvent(header, pointer('pointerdown', 10));
    fireEvent(document, pointer('pointerup', 10));
    fireEvent(document, pointer('pointermove', 30));
    fireEvent(header, pointer('pointerdown', 10, { button: 2 }));
    fireEvent(document, pointer('pointermove', 30));
    expect(drag).toHaveBeenCalledTimes(1);
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
      await show(new FakeCluster(cluster('otter', { workers })));
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

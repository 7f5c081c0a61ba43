import { screen } from '@testing-library/react';
import {
  FakeCluster,
  NOW,
  absent,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import { CommandIDs } from '../../tokens';
import { PanelPage, card, change, open } from './panelpage';

describe('ClusterPanel', () => {
  let page: PanelPage;

  beforeEach(() => {
    page = new PanelPage();
  });

  afterEach(() => page.close());

  it('is a region of the sidebar', async () => {
    await page.show();
    expect(screen.getByRole('region', { name: 'Clusters' })).toBe(
      page.panel.node
    );
    expect(page.panel.id).toBe('speccluster-lab-panel');
    expect(page.panel.title.caption).toBe('Clusters');
    expect(page.panel.title.icon).toBeTruthy();
  });

  it('does not say that there is nothing before it knows', async () => {
    page.manager.connection = 'connecting';
    await page.show();
    expect(screen.queryByText('No clusters yet')).toBeNull();
    await change(() => page.manager.setConnection('live'));
    expect(screen.getByText('No clusters yet')).toBeTruthy();
  });

  it('says when what it shows may be out of date', async () => {
    await page.show(new FakeCluster(cluster('otter')));
    expect(screen.getByText('live')).toBeTruthy();
    await change(() => page.manager.setConnection('stale'));
    expect(screen.getByText('reconnecting')).toBeTruthy();
    expect(screen.getByText(/may be out of date/)).toBeTruthy();
    expect(card('otter')).toBeTruthy();
    await change(() => page.manager.setConnection('live'));
    expect(screen.queryByText(/may be out of date/)).toBeNull();
  });

  it('takes every name for text', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const workers = [
      entry(evil, [member(`${evil}-0`), absent(`${evil}-1`)], 'backoff', {
        message: evil,
        reason: evil
      })
    ];
    await page.show(
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
    expect(page.panel.node.querySelector('img')).toBeNull();
    expect(screen.getAllByText(evil).length).toBeGreaterThan(5);
    expect(screen.getByRole('article', { name: evil })).toBeTruthy();
  });

  it('offers only to look where only looking is allowed', async () => {
    const bad = entry('0', [absent('0')], 'backoff', { next_retry: NOW });
    await page.show(new FakeCluster(cluster('otter', { workers: [bad] })));
    open('otter');
    await change(() => page.manager.setReadOnly(true));
    expect(screen.getByText('read only')).toBeTruthy();
    const names = screen
      .getAllByRole('button')
      .map(one => one.getAttribute('aria-label') ?? one.textContent);
    expect(names).toEqual([
      'Order',
      'Insert client code',
      'Dashboard',
      'Open logs',
      'Hide workers',
      'Log of 0'
    ]);
    await change(() => page.manager.setClusters());
    expect(screen.getByText('No clusters yet')).toBeTruthy();
    expect(screen.getByText(/does not let you make one/)).toBeTruthy();
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('shows what was just made, whatever is looked for', async () => {
    const shown: string[] = [];
    HTMLElement.prototype.scrollIntoView = function (this: HTMLElement) {
      shown.push(this.dataset.clusterId!);
    };
    const drawn = () =>
      change(() => new Promise<unknown>(requestAnimationFrame));
    const one = new FakeCluster(cluster('a'));
    await page.show(one, new FakeCluster(cluster('b')));
    page.panel.view.setFilter('b');
    await drawn();
    page.panel.reveal('c');
    await drawn();
    // Of one that is not known there is nothing to show.
    expect(page.panel.view.arrangement.filter).toBe('b');
    page.made = { id: 'a' };
    await change(() => page.commands.execute(CommandIDs.createCluster));
    await drawn();
    expect(page.panel.view.arrangement.filter).toBe('');
    expect(shown).toEqual(['a']);
    page.panel.view.setFilter('a');
    await drawn();
    page.panel.reveal('a');
    expect(page.panel.view.arrangement.filter).toBe('a');
    expect(shown).toEqual(['a', 'a']);
  });

  it('follows clusters that come and go', async () => {
    const one = new FakeCluster(cluster('a'));
    const two = new FakeCluster(cluster('b'));
    await page.show(one);
    await change(() => page.manager.setClusters(one, two));
    expect(screen.getAllByRole('article')).toHaveLength(2);
    await change(() => page.manager.setClusters(two));
    expect(screen.getAllByRole('article')).toEqual([card('b')]);
  });
});

import { fireEvent, screen, within } from '@testing-library/react';
import { FakeCluster, cluster, entry, member } from '../../__tests__/fakes';
import { PanelPage, button, card, change, open } from './panelpage';

describe('The list of clusters', () => {
  let page: PanelPage;

  beforeEach(() => {
    page = new PanelPage();
  });

  afterEach(() => page.close());

  const names = () =>
    screen.getAllByRole('article').map(node => node.getAttribute('aria-label'));
  const search = () =>
    screen.getByRole('searchbox', { name: 'Filter clusters and workers' });
  const look = (text: string) =>
    change(() => fireEvent.change(search(), { target: { value: text } }));
  const failed = new FakeCluster(cluster('badger', { phase: 'failed' }));
  const otter = new FakeCluster(cluster('otter'));

  it('has nothing to look for when there is nothing', async () => {
    await page.show();
    expect(screen.queryByRole('searchbox')).toBeNull();
  });

  it('gives the focus on when there is nothing to look for any more', async () => {
    await page.show(otter);
    search().focus();
    await change(() => page.manager.setClusters());
    expect(document.activeElement).toBe(button('New cluster'));
  });

  it('shows those that are looked for', async () => {
    await page.show(otter, failed);
    await look('badg');
    expect(names()).toEqual(['badger']);
    await look('weasel');
    expect(screen.queryByRole('article')).toBeNull();
    expect(screen.queryByText('No clusters yet')).toBeNull();
    button('Show all').focus();
    fireEvent.click(button('Show all'));
    expect(names()).toEqual(['otter', 'badger']);
    // The button has gone.
    expect(document.activeElement).toBe(search());
    await look('badg');
    fireEvent.keyDown(search(), { key: 'Escape' });
    expect(names()).toEqual(['otter', 'badger']);
  });

  it('shows only the workers that are looked for', async () => {
    await page.show(new FakeCluster(cluster('otter')));
    open('otter');
    await look('0-1');
    const rows = screen.getAllByRole('treeitem');
    expect(
      rows.map(row => row.getAttribute('aria-label')!.split(':')[0])
    ).toEqual(['0', '0-1']);
  });

  it('finds a phase by the word that is shown of it', async () => {
    const english = page.trans;
    const words: Record<string, string> = {
      failed: 'gescheitert',
      'backing off': 'pausiert'
    };
    page.trans = Object.assign(Object.create(english), {
      gettext: (text: string, ...args: unknown[]) =>
        words[text] ?? english.gettext(text, ...args)
    });
    const workers = [entry('0', [member('0')]), entry('1', [], 'backoff')];
    await page.show(
      otter,
      failed,
      new FakeCluster(cluster('seal', { workers }))
    );
    open('seal');
    await look('gescheitert');
    expect(names()).toEqual(['badger']);
    await look('pausiert');
    expect(names()).toEqual(['seal']);
    const rows = screen.getAllByRole('treeitem');
    expect(rows.map(({ dataset }) => dataset.entry)).toEqual(['1']);
    expect(rows[0].textContent).toContain('pausiert');
  });

  it('groups them by phase, and follows a phase that changes', async () => {
    const other = new FakeCluster(cluster('weasel'));
    await page.show(otter, failed, other);
    await change(() => page.panel.view.setGrouped(true));
    expect(names()).toEqual(['badger', 'otter', 'weasel']);
    const titles = () =>
      screen.getAllByRole('heading', { level: 3 }).map(one => one.textContent);
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

  it('hands the focus on from a card that goes', async () => {
    const all = ['a', 'b', 'c'].map(id => new FakeCluster(cluster(id)));
    const [a, b, c] = all;
    await page.show(...all);
    const focus = (name: string) =>
      within(card(name)).getByRole('button', { name: 'Stop' }).focus();
    focus('b');
    await change(() => page.manager.setClusters(a, c));
    expect(document.activeElement).toBe(card('c'));
    await change(() => page.manager.setClusters(a, b, c));
    focus('c');
    await change(() => page.manager.setClusters(a, b));
    expect(document.activeElement).toBe(card('b'));
    // All at once, as when the server has been started anew.
    await change(() => page.manager.setClusters());
    const title = screen.getByText('No clusters yet');
    expect(document.activeElement).toBe(title.parentElement);
  });

  it('leaves the focus where it is when another card goes', async () => {
    const [a, b] = ['a', 'b'].map(id => new FakeCluster(cluster(id)));
    await page.show(a, b);
    await change(() => page.manager.setClusters(b));
    expect(document.activeElement).toBe(document.body);
    const stop = within(card('b')).getByRole('button', { name: 'Stop' });
    stop.focus();
    await change(() => page.manager.setClusters(a, b));
    expect(document.activeElement).toBe(stop);
  });

  it('keeps the focus with a card that comes to another group', async () => {
    const [a, b] = ['a', 'b'].map(id => new FakeCluster(cluster(id)));
    await page.show(a, b);
    await change(() => page.panel.view.setGrouped(true));
    within(card('a')).getByRole('button', { name: 'Stop' }).focus();
    await change(() =>
      a.set({ document: cluster('a', { phase: 'stopping' }) })
    );
    expect(document.activeElement).toBe(card('a'));
  });

  it('offers the orders in a menu', async () => {
    await page.show(otter, failed);
    await change(() => fireEvent.click(button('Order')));
    const items = screen.getAllByRole('menuitem');
    expect(items).toHaveLength(6);
    fireEvent.keyDown(items[0], { key: 'Escape', keyCode: 27 });
    expect(document.activeElement).toBe(button('Order'));
    await change(() => page.panel.view.setOrder('phase'));
    expect(names()).toEqual(['badger', 'otter']);
  });
});

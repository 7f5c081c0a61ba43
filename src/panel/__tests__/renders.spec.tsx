import { takeRenders } from './renders';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen } from '@testing-library/react';
import {
  FakeCluster,
  FakeManager,
  GIB,
  cluster,
  entry,
  member
} from '../../__tests__/fakes';
import type { Cluster } from '../../api/types';
import { ClusterPanel } from '../panel';

describe('what the panel renders', () => {
  const workers = ['0', '1', '2'].map(name =>
    entry(name, [member(`${name}-0`), member(`${name}-1`)])
  );
  const manager = new FakeManager(
    new FakeCluster(cluster('otter', { workers })),
    new FakeCluster(cluster('badger'))
  );
  const [one] = manager.clusters;
  let panel: ClusterPanel;

  /** What is rendered, the rows of those numbers being open. */
  const change = async (part: Partial<Cluster>) => {
    takeRenders();
    await act(async () => one.set({ document: { ...one.document, ...part } }));
    return takeRenders();
  };
  const with0 = (members: ReturnType<typeof member>[]) => [
    { ...one.document.workers[0], members },
    ...one.document.workers.slice(1)
  ];

  beforeEach(async () => {
    panel = new ClusterPanel({
      manager,
      commands: new CommandRegistry(),
      clientCode: { code: String, drag: jest.fn(), insert: () => null },
      trans: nullTranslator.load('speccluster_lab')
    });
    await act(async () => Widget.attach(panel, document.body));
  });

  afterEach(async () => {
    await act(async () => panel.dispose());
  });

  it('is everything at first', () => {
    const all = takeRenders();
    expect(all.filter(name => name === 'ClusterCardView')).toHaveLength(2);
    expect(all).toContain('CardHeaderView');
    expect(all).toContain('ActionsView');
  });

  it('is the row of a member that has changed, and the way to it', async () => {
    fireEvent.click(screen.getAllByText('Show workers')[0]);
    const [first, second] = one.document.workers[0].members;
    const workers = with0([first, { ...second, memory_used: GIB / 2 }]);
    const renders = await change({ workers });
    const row = screen.getByRole('treeitem', { name: /^0-1/ });
    expect(row.textContent).toContain('512 MiB');
    expect(renders).toEqual([
      'Facts',
      'Progress',
      'Problems',
      'Workers',
      'EntryTree',
      'Rows',
      // The entry that it is a member of.
      'EntryItemView',
      'PhaseLabel',
      'MemberItemView',
      'MemberFigures',
      'Meter',
      'Meter'
    ]);
  });

  it('is the same when the rows are those that are looked for', async () => {
    fireEvent.click(screen.getAllByText('Show workers')[0]);
    act(() => panel.view.setFilter('-1'));
    const [first, second] = one.document.workers[0].members;
    const workers = with0([first, { ...second, tasks: 9 }]);
    const renders = await change({ workers });
    const rows = renders.filter(name => /Item/.test(name));
    expect(rows).toEqual(['EntryItemView', 'MemberItemView']);
    act(() => panel.view.setFilter(''));
  });

  it('is no row when none is shown', async () => {
    const [first, second] = one.document.workers[0].members;
    const workers = with0([first, { ...second, tasks: 7 }]);
    expect(await change({ workers })).toEqual([
      'Facts',
      'Progress',
      'Problems'
    ]);
  });

  it('is nothing for what nobody sees', async () => {
    const { scheduler } = one.document;
    const renders = await change({ scheduler: { ...scheduler, address: 'x' } });
    expect(renders).toEqual(['Facts', 'Progress', 'Problems']);
  });

  it('is the name alone of a card far out of view, until it comes near', async () => {
    const looked: { node: Element; come: () => void; margin?: string }[] = [];
    window.IntersectionObserver = class {
      constructor(
        private readonly _tell: IntersectionObserverCallback,
        private readonly _options: IntersectionObserverInit
      ) {}
      observe(node: Element) {
        const come = () =>
          this._tell(
            [{ isIntersecting: true } as IntersectionObserverEntry],
            this as unknown as IntersectionObserver
          );
        looked.push({ node, come, margin: this._options.rootMargin });
      }
      disconnect() {}
    } as unknown as typeof IntersectionObserver;
    const many = Array.from(
      { length: 12 },
      (_, index) => new FakeCluster(cluster(`c${index}`))
    );
    await act(async () => manager.setClusters(...many));
    const cards = screen.getAllByRole('article');
    expect(cards).toHaveLength(12);
    expect(screen.getAllByText('Show workers')).toHaveLength(10);
    expect(cards[11].textContent).toBe('c11');
    expect(looked.map(({ node }) => node)).toEqual(cards.slice(10));
    await act(async () => looked[1].come());
    expect(screen.getAllByText('Show workers')).toHaveLength(11);
    expect(cards[11].textContent).toContain('Show workers');
    expect(cards[10].textContent).toBe('c10');
  });
});

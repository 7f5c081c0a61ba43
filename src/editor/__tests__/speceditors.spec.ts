import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, WidgetTracker } from '@jupyterlab/apputils';
import type { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { fireEvent, screen } from '@testing-library/dom';
import { FakeCluster, FakeManager, cluster } from '../../__tests__/fakes';
import { SpecEditors } from '../speceditors';
import type { SpecEditorTab } from '../tab';

describe('SpecEditors', () => {
  let tracker: WidgetTracker<SpecEditorTab>;
  let editors: SpecEditors;
  let manager: FakeManager;
  const shell = {
    add: jest.fn((tab: Widget) => Widget.attach(tab, document.body)),
    activateById: jest.fn()
  };

  const openTab = async (one: FakeCluster) => {
    const id = await editors.open(one);
    return tracker.find(tab => tab.id === id)!;
  };

  beforeEach(() => {
    jest.clearAllMocks();
    tracker = new WidgetTracker({ namespace: 'specs' });
    manager = new FakeManager();
    editors = new SpecEditors({
      manager,
      shell: shell as unknown as JupyterFrontEnd.IShell,
      tracker,
      services: {
        factoryService: {
          newDocumentEditor: (options: CodeEditor.IOptions) =>
            new CodeMirrorEditor(options)
        }
      } as unknown as IEditorServices,
      trans: nullTranslator.load('speccluster_lab')
    });
  });

  afterEach(() => {
    tracker.forEach(tab => tab.dispose());
    tracker.dispose();
    Dialog.flush();
  });

  it('opens one tab for a cluster, and shows it again', async () => {
    const one = new FakeCluster(cluster('otter', { display_name: 'Otter' }));
    const [first, second] = await Promise.all([
      editors.open(one),
      editors.open(one)
    ]);
    expect(second).toBe(first);
    expect(tracker.size).toBe(1);
    expect(shell.add.mock.calls).toHaveLength(1);
    expect(shell.activateById.mock.calls).toEqual([[first], [first]]);
    const tab = tracker.find(() => true)!;
    expect(tab.title.label).toBe('Otter');
    expect(tab.title.caption).toBe('Spec of Otter');
    await openTab(new FakeCluster(cluster('seal')));
    expect(tracker.size).toBe(2);
  });

  it('is restored when its cluster is there', async () => {
    manager.setClusters(new FakeCluster(cluster('otter')));
    const as = { view: 'history', format: 'yaml' } as const;
    const id = await editors.restore('otter', as);
    const { content } = tracker.find(tab => tab.id === id)!;
    expect([content.view, content.draft.format]).toEqual(['history', 'yaml']);
    await expect(editors.restore('seal')).rejects.toThrow('seal');
  });

  it('does not hold JupyterLab up when nobody knows the clusters', async () => {
    jest.useFakeTimers();
    Object.assign(manager, { ready: new Promise<void>(() => undefined) });
    const restored = expect(editors.restore('a')).rejects.toThrow();
    await jest.advanceTimersByTimeAsync(5_000);
    await restored;
    jest.useRealTimers();
  });

  it('marks changes that were not applied, beside the marks of others', async () => {
    const tab = await openTab(new FakeCluster(cluster('otter')));
    tab.title.className = 'jp-mod-current';
    tab.content.draft.text.sharedModel.setSource('{}');
    expect(tab.title.className).toBe('jp-mod-current jp-mod-dirty');
    tab.content.draft.revert();
    expect(tab.title.className).toBe('jp-mod-current');
  });

  it('closes at once when nothing would be lost', async () => {
    const tab = await openTab(new FakeCluster(cluster('otter')));
    tab.close();
    expect(tab.isDisposed).toBe(true);
  });

  it.each([
    ['Discard', true],
    ['Cancel', false]
  ])('asks before changes are lost: %s', async (answer, isClosed) => {
    const tab = await openTab(new FakeCluster(cluster('otter')));
    tab.content.draft.text.sharedModel.setSource('{}');
    tab.close();
    fireEvent.click(await screen.findByText(answer));
    await Dialog.tracker.currentWidget;
    await new Promise(resolve => setTimeout(resolve));
    expect(tab.isDisposed).toBe(isClosed);
  });
});

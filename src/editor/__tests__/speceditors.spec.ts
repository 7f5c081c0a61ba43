import type { ILabStatus, JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, WidgetTracker } from '@jupyterlab/apputils';
import type { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { nullTranslator } from '@jupyterlab/translation';
import { DisposableDelegate } from '@lumino/disposable';
import { Widget } from '@lumino/widgets';
import { fireEvent, screen, waitFor } from '@testing-library/dom';
import { FakeCluster, FakeManager, cluster } from '../../__tests__/fakes';
import { SpecEditors } from '../speceditors';
import type { SpecEditorTab } from '../tab';

jest.setTimeout(30_000);

const WORKER = {
  cls: 'distributed.Nanny',
  options: { nthreads: 4 },
  group: null
};
const OPTIONED = {
  scheduler: { cls: 'distributed.Scheduler', options: {} },
  worker: WORKER,
  workers: { 0: WORKER }
};

describe('SpecEditors', () => {
  let tracker: WidgetTracker<SpecEditorTab>;
  let editors: SpecEditors;
  let manager: FakeManager;
  let unsaved = 0;
  const setDirty = () => {
    unsaved++;
    return new DisposableDelegate(() => unsaved--);
  };
  let written: CodeEditor.IModel | null = null;
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
          newDocumentEditor: (options: CodeEditor.IOptions) => {
            written = options.model;
            return new CodeMirrorEditor(options);
          }
        }
      } as unknown as IEditorServices,
      kernels: () => [{ name: 'geo', title: 'Geo' }],
      status: { setDirty } as unknown as ILabStatus,
      trans: nullTranslator.load('speccluster_lab')
    });
  });

  afterEach(() => {
    tracker.forEach(tab => tab.dispose());
    tracker.dispose();
    Dialog.flush();
  });

  // What is loaded when it is first needed may take a while.
  const shown = (label: string) =>
    waitFor(() => screen.getByLabelText<HTMLInputElement>(label), {
      timeout: 20_000
    });
  const press = (text: string) => fireEvent.click(screen.getByText(text));

  it('is not taken for that of a cluster that had the id before', async () => {
    const before = await openTab(new FakeCluster(cluster('otter')));
    const created = '2026-11-29T12:00:00Z';
    const after = await openTab(new FakeCluster(cluster('otter', { created })));
    expect(after).not.toBe(before);
    expect(after.id).not.toBe(before.id);
  });

  it('lets a person say what they want, until it is there or not wanted', async () => {
    manager.clusters = [new FakeCluster(cluster('otter'))];
    const asked = editors.create('local');
    expect((await shown('Template')).value).toBe('local');
    await waitFor(() =>
      expect(document.activeElement).toBe(screen.getByLabelText('Name'))
    );
    fireEvent.change(await shown('Name'), { target: { value: 'otter' } });
    press('Start');
    const name = await shown('Name');
    await waitFor(() => expect(name.getAttribute('aria-invalid')).toBe('true'));
    name.blur();
    press('Start');
    // Where it is wrong the focus is.
    await waitFor(() => expect(document.activeElement).toBe(name));
    expect(manager.create).not.toHaveBeenCalled();
    fireEvent.change(name, { target: { value: 'Weasel' } });
    fireEvent.keyDown(name, { key: 'Enter' });
    await expect(asked).resolves.toBe(manager.clusters[0]);
    expect(manager.create.mock.calls).toEqual([
      [{ template: 'local', name: 'Weasel', fields: {} }]
    ]);
    expect(document.querySelector('.jp-Dialog')).toBeNull();
  });

  it('makes nothing that is not wanted any more', async () => {
    const asked = editors.create(null);
    const name = await shown('Name');
    fireEvent.click(document.querySelector('.jp-Dialog')!);
    expect(document.querySelector('.jp-Dialog')).not.toBeNull();
    fireEvent.keyDown(name, { key: 'Escape' });
    await expect(asked).resolves.toBeNull();
    expect(manager.create).not.toHaveBeenCalled();
  });

  it('leaves keys to the code of the whole spec, but for the way out', async () => {
    const asked = editors.create(null);
    await shown('Name');
    const toggle = screen.getByText('Edit the whole spec before starting');
    fireEvent.keyDown(toggle, { key: 'Enter' });
    fireEvent.click(toggle);
    const code = await shown('Spec of the new cluster');
    fireEvent.keyDown(code, { key: 'Enter' });
    expect(manager.create).not.toHaveBeenCalled();
    // Undone is what was typed, and not what it began with.
    const { sharedModel } = written!;
    const undo = { key: 'z', ctrlKey: true };
    const before = sharedModel.getSource();
    expect(before).not.toBe('');
    fireEvent.keyDown(code, undo);
    expect(sharedModel.getSource()).toBe(before);
    sharedModel.updateSource(0, 0, '# mine');
    fireEvent.keyDown(code, undo);
    expect(sharedModel.getSource()).toBe(before);
    expect(sharedModel.canRedo()).toBe(true);
    code.focus();
    fireEvent.keyDown(code, { key: 'Escape' });
    expect(document.activeElement?.textContent).toBe('Start');
    press('Cancel');
    await expect(asked).resolves.toBeNull();
  });

  const leave = async (asked: Promise<unknown>) => {
    fireEvent.keyDown(screen.getByLabelText('Name'), { key: 'Escape' });
    await expect(asked).resolves.toBeNull();
  };
  const type = (label: string, value: string) =>
    fireEvent.change(screen.getByLabelText(label), { target: { value } });

  it('keeps what was typed when Escape is pressed, until it is cancelled', async () => {
    let asked = editors.create(null);
    await shown('Name');
    type('Template', 'local');
    type('Name', 'Weasel');
    type('Python', 'geo');
    await leave(asked);

    asked = editors.create('grouped');
    // Another template's was not left.
    expect((await shown('Name')).value).not.toBe('Weasel');
    expect(screen.queryByText(/as you left it/)).toBeNull();
    await leave(asked);

    asked = editors.create(null);
    expect((await shown('Template')).value).toBe('local');
    const name = await shown('Name');
    expect(name.value).toBe('Weasel');
    const why = name.closest('fieldset')!.getAttribute('aria-describedby')!;
    expect(document.getElementById(why)?.textContent).toContain('Cancel');
    expect((await shown('Python')).value).toBe('geo');
    press('Cancel');
    await expect(asked).resolves.toBeNull();

    asked = editors.create(null);
    expect((await shown('Name')).value).not.toBe('Weasel');
    await leave(asked);
  });

  it('keeps nothing of a cluster that was made after all', async () => {
    let make!: (one: FakeCluster) => void;
    manager.create.mockReturnValueOnce(
      new Promise(resolve => (make = resolve)) as Promise<FakeCluster>
    );
    let asked = editors.create(null);
    await shown('Name');
    type('Name', 'Weasel');
    press('Start');
    await leave(asked);
    make(new FakeCluster(cluster('weasel')));
    await new Promise(resolve => setTimeout(resolve));
    asked = editors.create(null);
    expect((await shown('Name')).value).not.toBe('Weasel');
    await leave(asked);
  });

  it('offers nothing where there are no templates', async () => {
    manager.templates = [];
    await expect(editors.create(null)).resolves.toBeNull();
    expect(manager.refreshTemplates).toHaveBeenCalled();
  });

  it('lets a person keep a cluster as a template', async () => {
    const asked = editors.saveTemplate(
      new FakeCluster(cluster('otter', { display_name: 'Otter' }))
    );
    expect((await shown('Name')).value).toBe('otter');
    press('Save');
    await expect(asked).resolves.toMatchObject({ name: 'otter', own: true });
    expect(manager.saveTemplate).toHaveBeenCalledTimes(1);
  });

  it('keeps what was typed of a template when Escape is pressed', async () => {
    const otter = new FakeCluster(
      cluster('otter', { display_name: 'Otter', spec: OPTIONED })
    );
    const seal = new FakeCluster(cluster('seal', { display_name: 'Seal' }));
    let asked = editors.saveTemplate(otter);
    await shown('Title');
    type('Title', 'Ours');
    type('Description', 'What we use');
    type('nthreads', 'drop');
    await leave(asked);

    // Another cluster's was not left.
    asked = editors.saveTemplate(seal);
    expect((await shown('Title')).value).toBe('Seal');
    await leave(asked);

    asked = editors.saveTemplate(otter);
    const title = await shown('Title');
    expect(title.value).toBe('Ours');
    // It goes on with the title, for it was not typed itself.
    expect((await shown('Name')).value).toBe('ours');
    expect((await shown('Description')).value).toBe('What we use');
    expect((await shown('nthreads')).value).toBe('drop');
    expect(screen.getByText(/as you left it/)).toBeTruthy();
    press('Cancel');
    await expect(asked).resolves.toBeNull();

    asked = editors.saveTemplate(otter);
    expect((await shown('Title')).value).toBe('Otter');
    expect(screen.queryByText(/as you left it/)).toBeNull();
    await leave(asked);
    expect(manager.saveTemplate).not.toHaveBeenCalled();
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

  it('has JupyterLab ask before its page is left, while something would be lost', async () => {
    const [one, other] = [cluster('otter'), cluster('seal')].map(
      document => new FakeCluster(document)
    );
    const tab = await openTab(one);
    const write = (text: string) =>
      tab.content.draft.text.sharedModel.setSource(text);
    expect(unsaved).toBe(0);
    write('{}');
    write('{');
    expect(unsaved).toBe(1);
    tab.content.draft.revert();
    expect(unsaved).toBe(0);
    write('{}');
    const second = await openTab(other);
    second.content.draft.text.sharedModel.setSource('{}');
    expect(unsaved).toBe(2);
    second.dispose();
    expect(unsaved).toBe(1);
    // Of a cluster that has gone there is nothing left to apply.
    one.dispose();
    expect(unsaved).toBe(0);
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

import { Dialog, Notification } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { NotebookModel } from '@jupyterlab/notebook';
import { StateDB } from '@jupyterlab/statedb';
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import type { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen, waitFor } from '@testing-library/react';
import { FakeCluster, FakeManager, cluster } from '../../__tests__/fakes';
import { AutoConnect, wantedCluster } from '../autoconnect';
import { automaticCode } from '../clientcode';

/** A notebook with a kernel that notes what it is to run. */
class FakeNotebook {
  constructor(
    readonly path = 'a.ipynb',
    language = 'python'
  ) {
    this.kernel = {
      info: Promise.resolve({ language_info: { name: language } }),
      requestExecute: jest.fn(() => ({
        done: Promise.resolve({ content: this.answer })
      }))
    };
    this.model.deleteMetadata('speccluster_lab');
    this.panel = {
      content: { model: this.model },
      context: { path: this.path, ready: Promise.resolve() },
      sessionContext: {
        session: { kernel: this.kernel as object },
        kernelChanged: this.kernelChanged,
        statusChanged: this.statusChanged
      },
      toolbar: {
        insertBefore: (_: string, __: string, label: ReactWidget) => {
          this.label = label;
          Widget.attach(label, document.body);
        }
      }
    } as unknown as NotebookPanel;
  }

  answer: object = { status: 'ok' };
  readonly kernel;
  readonly panel: NotebookPanel;
  readonly model = new NotebookModel();
  label: ReactWidget | null = null;
  readonly kernelChanged = new Signal<this, { newValue: object | null }>(this);
  readonly statusChanged = new Signal<this, string>(this);

  /** Says that the kernel is new, or has been restarted. */
  start(status: 'restarting' | null = null): Promise<void> {
    if (status) {
      this.statusChanged.emit(status);
    } else {
      this.kernelChanged.emit({ newValue: this.kernel });
    }
    this.statusChanged.emit('idle');
    return settle();
  }
}

const settle = () => act(async () => new Promise(done => setTimeout(done, 5)));

describe('AutoConnect', () => {
  const trans = nullTranslator.load('speccluster_lab');
  const manager = new FakeManager(
    new FakeCluster(cluster('otter', { display_name: '<b>Otter</b>' }))
  );
  let state: StateDB;
  let notebook: FakeNotebook;

  const open = (one: FakeNotebook) => {
    notebook = one;
    const tracker = {
      currentWidget: one.panel,
      forEach: (act: (panel: NotebookPanel) => void) => act(one.panel),
      widgetAdded: new Signal<object, NotebookPanel>({}),
      currentChanged: new Signal<object, NotebookPanel | null>({})
    } as unknown as INotebookTracker;
    return new AutoConnect({ tracker, manager, state, trans });
  };
  const runs = () =>
    notebook.kernel.requestExecute.mock.calls as unknown as [object][];
  const written = (id: unknown) =>
    notebook.model.setMetadata('speccluster_lab', { connect: id });

  beforeEach(() => {
    state = new StateDB();
    jest.spyOn(console, 'warn').mockImplementation();
  });

  afterEach(() => {
    notebook.label?.dispose();
    Notification.manager.dismiss();
    Dialog.flush();
    document.body.replaceChildren();
    jest.restoreAllMocks();
  });

  it('connects the kernel that is there, and each new one', async () => {
    const connecting = open(new FakeNotebook());
    await notebook.start();
    expect(runs()).toEqual([]);
    await act(async () => {
      await expect(connecting.begin('otter')).resolves.toEqual({
        path: 'a.ipynb'
      });
    });
    expect(connecting.current).toBe('otter');
    expect(notebook.model.getMetadata('speccluster_lab')).toEqual({
      connect: 'otter'
    });
    await notebook.start();
    await notebook.start('restarting');
    const request = {
      code: automaticCode('otter'),
      silent: true,
      store_history: false
    };
    expect(runs()).toEqual([[request], [request], [request]]);
    // A cell was run.
    notebook.statusChanged.emit('busy');
    notebook.statusChanged.emit('idle');
    await settle();
    expect(runs()).toHaveLength(3);
    expect(screen.getByText('Dask: <b>Otter</b>')).toBeTruthy();
  });

  it('runs nothing of a notebook that somebody else has written', async () => {
    open(new FakeNotebook());
    await act(async () => written('otter'));
    await notebook.start();
    expect(runs()).toEqual([]);
    fireEvent.click(await screen.findByText('Dask: <b>Otter</b>?'));
    await waitFor(() => screen.getByText('Connect'));
    expect(runs()).toEqual([]);
    await act(async () => {
      fireEvent.click(screen.getByText('Connect'));
    });
    await settle();
    expect(runs()).toHaveLength(1);
  });

  it('has agreed to one notebook and one cluster, not to others', async () => {
    await act(async () => {
      await open(new FakeNotebook()).begin('otter');
    });
    notebook.label!.dispose();
    open(new FakeNotebook('b.ipynb'));
    await act(async () => written('otter'));
    await notebook.start();
    expect(runs()).toEqual([]);
    notebook.label!.dispose();
    open(new FakeNotebook());
    await act(async () => written('badger'));
    await notebook.start();
    expect(runs()).toEqual([]);
  });

  it.each([
    'x"); import os; ("',
    "o'tter",
    'otter\n',
    7,
    null,
    ['otter'],
    'O',
    ''
  ])('takes %p for no cluster', async id => {
    open(new FakeNotebook());
    await act(async () => written(id));
    expect(wantedCluster(notebook.model)).toBeNull();
    await notebook.start();
    expect(runs()).toEqual([]);
    expect(notebook.label!.isHidden).toBe(true);
  });

  it('ends, and what was agreed to with it', async () => {
    const connecting = open(new FakeNotebook());
    await act(async () => {
      await connecting.begin('otter');
      await connecting.end();
    });
    expect(connecting.current).toBeNull();
    expect(notebook.model.getMetadata('speccluster_lab')).toBeUndefined();
    expect(notebook.label!.isHidden).toBe(true);
    await act(async () => written('otter'));
    await notebook.start();
    expect(runs()).toHaveLength(1);
  });

  it('is switched off where it is shown', async () => {
    const connecting = open(new FakeNotebook());
    await act(async () => {
      await connecting.begin('otter');
    });
    fireEvent.click(await screen.findByText('Dask: <b>Otter</b>'));
    await waitFor(() => screen.getByText('Switch Off'));
    expect(screen.queryByText('Connect')).toBeNull();
    await act(async () => {
      fireEvent.click(screen.getByText('Switch Off'));
    });
    await settle();
    expect(connecting.current).toBeNull();
  });

  it('says why a kernel was not connected', async () => {
    const connecting = open(new FakeNotebook());
    notebook.answer = { status: 'error', evalue: 'no cluster otter' };
    await act(async () => {
      await connecting.begin('otter');
    });
    expect(
      Notification.manager.notifications.map(({ message }) => message)
    ).toEqual([
      'The new kernel is not connected to <b>Otter</b>: no cluster otter'
    ]);
  });

  it('leaves a kernel alone that is none of Python', async () => {
    const connecting = open(new FakeNotebook('a.ipynb', 'R'));
    await act(async () => {
      await connecting.begin('otter');
    });
    expect(runs()).toEqual([]);
  });

  it('lives through a kernel that ends at once', async () => {
    const connecting = open(new FakeNotebook());
    notebook.kernel.requestExecute.mockImplementation(() => ({
      done: Promise.reject(new Error('Canceled future'))
    }));
    await act(async () => {
      await connecting.begin('otter');
    });
    expect(Notification.manager.notifications).toEqual([]);
    expect(console.warn).toHaveBeenCalled();
  });

  it('has nothing to do without a notebook', async () => {
    notebook = new FakeNotebook();
    const tracker = {
      currentWidget: null,
      forEach: () => undefined,
      widgetAdded: new Signal<object, NotebookPanel>({}),
      currentChanged: new Signal<object, NotebookPanel | null>({})
    } as unknown as INotebookTracker;
    const none = new AutoConnect({ tracker, manager, state, trans });
    expect(none.current).toBeNull();
    await expect(none.begin('otter')).resolves.toBeNull();
    await expect(none.end()).resolves.toBeNull();
  });
});

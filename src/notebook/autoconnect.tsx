import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type {
  INotebookModel,
  INotebookTracker,
  NotebookPanel
} from '@jupyterlab/notebook';
import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { isClusterId } from '../model/facts';
import type { IAutoConnect, IClusterManager } from '../tokens';
import { automaticCode } from './clientcode';

/** Where a notebook has what is ours, and what of it: the id of a cluster. */
const METADATA = 'speccluster_lab';
const CONNECT = 'connect';

/** Where this person's browser keeps which notebooks may. */
const AGREED = 'speccluster-lab:connected-notebooks';

/**
 * Which cluster new kernels of a notebook are to connect to, as the notebook
 * says; null for none. Anybody may have written it.
 */
export function wantedCluster(model: INotebookModel | null): string | null {
  const ours = model?.getMetadata(METADATA) as unknown;
  const id =
    typeof ours === 'object' && ours !== null
      ? (ours as Record<string, unknown>)[CONNECT]
      : null;
  return typeof id === 'string' && isClusterId(id) ? id : null;
}

/**
 * Has new kernels of notebooks connect to clusters. The notebook says to
 * which, and nothing is run unless this person has agreed to that notebook and
 * that cluster: a notebook may come from somebody else.
 */
export class AutoConnect implements IAutoConnect {
  /**
   * @param options - The notebooks, and what is known of the clusters.
   */
  constructor(options: AutoConnect.IOptions) {
    this.options = options;
    const { tracker, manager } = options;
    tracker.forEach(panel => this._follow(panel));
    tracker.widgetAdded.connect((_, panel) => this._follow(panel));
    tracker.currentChanged.connect(this._tell, this);
    // Its name may be known only now.
    manager.changed.connect(this._tell, this);
  }

  /**
   * What it was made with.
   */
  readonly options: AutoConnect.IOptions;

  /**
   * Emitted when `current` may have changed, or what is shown of any notebook.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * The id of the cluster that new kernels of the notebook in use connect to.
   */
  get current(): string | null {
    return wantedCluster(this._panel?.content.model ?? null);
  }

  /**
   * Have new kernels of the notebook in use connect to a cluster.
   */
  async begin(id: string): Promise<IAutoConnect.IPlace | null> {
    const panel = this._panel;
    const model = panel?.content.model;
    if (!panel || !model || model.readOnly) {
      return null;
    }
    const ours = model.getMetadata(METADATA) as object | undefined;
    model.setMetadata(METADATA, { ...ours, [CONNECT]: id });
    await this.agree(panel, id);
    return { path: panel.context.path };
  }

  /**
   * Have new kernels of the notebook in use connect to nothing.
   */
  async end(): Promise<IAutoConnect.IPlace | null> {
    const panel = this._panel;
    return panel ? this.endFor(panel) : null;
  }

  /**
   * Have new kernels of a notebook connect to nothing.
   */
  async endFor(panel: NotebookPanel): Promise<IAutoConnect.IPlace> {
    const { model } = panel.content;
    const id = wantedCluster(model);
    model?.deleteMetadata(METADATA);
    if (id !== null) {
      const others = (await this._agreed()).filter(
        one => one !== keyOf(panel, id)
      );
      await this.options.state.save(AGREED, others);
    }
    this._tell();
    return { path: panel.context.path };
  }

  /**
   * Whether this person has agreed to what a notebook asks for.
   */
  async isAgreed(panel: NotebookPanel, id: string): Promise<boolean> {
    return (await this._agreed()).includes(keyOf(panel, id));
  }

  /**
   * Agree to what a notebook asks for, and connect its kernel.
   */
  async agree(panel: NotebookPanel, id: string): Promise<void> {
    const all = new Set([...(await this._agreed()), keyOf(panel, id)]);
    await this.options.state.save(AGREED, [...all]);
    this._tell();
    await this._connect(panel);
  }

  private get _panel(): NotebookPanel | null {
    return this.options.tracker.currentWidget;
  }

  private _follow(panel: NotebookPanel): void {
    const { sessionContext } = panel;
    let isNew = true;
    sessionContext.kernelChanged.connect((_, { newValue }) => {
      isNew = newValue !== null;
    });
    sessionContext.statusChanged.connect((_, status) => {
      if (status === 'restarting' || status === 'autorestarting') {
        isNew = true;
      } else if (status === 'idle' && isNew) {
        isNew = false;
        void this._connect(panel);
      }
    });
    panel.toolbar.insertBefore(
      'kernelName',
      'speccluster-lab',
      new ConnectedLabel(panel, this)
    );
    void panel.context.ready.then(() => {
      panel.content.model?.metadataChanged.connect(this._tell, this);
      this._tell();
    });
  }

  /**
   * Connect a notebook's kernel, if that is wanted and agreed to. A kernel
   * that has a client already keeps it.
   */
  private async _connect(panel: NotebookPanel): Promise<void> {
    const { trans, manager } = this.options;
    const id = wantedCluster(panel.content.model);
    const kernel = panel.sessionContext.session?.kernel;
    if (id === null || !kernel || !(await this.isAgreed(panel, id))) {
      return;
    }
    try {
      const { language_info } = await kernel.info;
      if (language_info.name !== 'python') {
        return;
      }
      const { content } = await kernel.requestExecute({
        code: automaticCode(id),
        silent: true,
        store_history: false
      }).done;
      if (content.status === 'error') {
        const name = manager.get(id)?.document.display_name ?? id;
        Notification.error(
          trans.__(
            'The new kernel is not connected to %1: %2',
            name,
            content.evalue
          ),
          { autoClose: 8_000 }
        );
      }
    } catch (error) {
      console.warn('The kernel has ended before it was connected', error);
    }
  }

  private async _agreed(): Promise<string[]> {
    const kept = await this.options.state.fetch(AGREED);
    return Array.isArray(kept) ? kept.map(String) : [];
  }

  private _tell(): void {
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
}

/** Which notebook, and which cluster; no path has a line's end in it. */
function keyOf(panel: NotebookPanel, id: string): string {
  return `${panel.context.path}\n${id}`;
}

/**
 * Types of `AutoConnect`.
 */
export namespace AutoConnect {
  /**
   * The notebooks, and what is known of the clusters.
   */
  export interface IOptions {
    tracker: INotebookTracker;
    manager: IClusterManager;
    state: IStateDB;
    trans: TranslationBundle;
  }
}

/**
 * Says in a notebook's toolbar what its new kernels connect to; nothing
 * where they connect to nothing.
 */
class ConnectedLabel extends ReactWidget {
  constructor(
    private readonly _notebook: NotebookPanel,
    private readonly _connecting: AutoConnect
  ) {
    super();
    _connecting.changed.connect(this._onChange, this);
    this._onChange();
  }

  override dispose(): void {
    this._connecting.changed.disconnect(this._onChange, this);
    super.dispose();
  }

  protected override render(): React.JSX.Element | null {
    const id = this._id;
    if (id === null) {
      return null;
    }
    const { trans, manager } = this._connecting.options;
    const name = manager.get(id)?.document.display_name ?? id;
    return (
      <ToolbarButtonComponent
        label={
          this._isAgreed
            ? trans.__('Dask: %1', name)
            : trans.__('Dask: %1?', name)
        }
        tooltip={
          this._isAgreed
            ? trans.__('New kernels connect to %1', name)
            : trans.__('The notebook asks to connect new kernels to %1', name)
        }
        onClick={() => void this._ask(id, name)}
      />
    );
  }

  private _onChange(): void {
    const id = wantedCluster(this._notebook.content.model);
    const show = (isAgreed: boolean) => {
      this._id = id;
      this._isAgreed = isAgreed;
      this.setHidden(id === null);
      this.update();
    };
    if (id === null) {
      show(false);
    } else {
      void this._connecting.isAgreed(this._notebook, id).then(show);
    }
  }

  private async _ask(id: string, name: string): Promise<void> {
    const { trans } = this._connecting.options;
    const isAgreed = this._isAgreed;
    const { button } = await showDialog({
      title: isAgreed
        ? trans.__('New kernels connect to %1', name)
        : trans.__('Connect new kernels to %1?', name),
      body: isAgreed
        ? trans.__(
            'Each new kernel of this notebook has a client of the cluster, called client.'
          )
        : trans.__(
            'The notebook asks for it, and you have not agreed yet. Each new kernel would have a client of the cluster, called client.'
          ),
      buttons: [
        Dialog.cancelButton(),
        Dialog.warnButton({
          label: trans.__('Switch Off'),
          actions: [OFF]
        }),
        ...(isAgreed ? [] : [Dialog.okButton({ label: trans.__('Connect') })])
      ]
    });
    if (button.actions.includes(OFF)) {
      await this._connecting.endFor(this._notebook);
    } else if (button.accept) {
      await this._connecting.agree(this._notebook, id);
    }
  }

  private _id: string | null = null;
  private _isAgreed = false;
}

const OFF = 'off';

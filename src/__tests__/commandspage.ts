import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import { waitFor } from '@testing-library/dom';
import { ApiError } from '../api/errors';
import { addCommands } from '../commands';
import type { IAutoConnect, ISpecEditors, Template } from '../tokens';
import { FakeCluster, FakeManager, absent, cluster, entry } from './fakes';

/** What the server has against what is asked of it. */
export const FAILING = new ApiError({
  code: 'x',
  message: 'no room',
  status: 409
});

/**
 * A page with the commands in it, and one cluster, `otter`.
 */
export class CommandsPage {
  manager!: FakeManager;
  commands!: CommandRegistry;
  underMenu: HTMLElement | undefined;
  readonly insert = jest.fn();
  readonly open = jest.fn(async () => 'widget-id');
  readonly openLog = jest.fn(async () => 'log-id');
  readonly create = jest.fn(async (): Promise<FakeCluster | null> => null);
  readonly saveTemplate = jest.fn(async (): Promise<Template | null> => null);
  readonly editors: ISpecEditors = {
    open: this.open,
    create: this.create,
    saveTemplate: this.saveTemplate
  };
  readonly automatic = {
    current: null as string | null,
    changed: new Signal<object, void>({}),
    begin: jest.fn(
      async (id: string): Promise<IAutoConnect.IPlace | null> => null
    ),
    end: jest.fn(async () => ({ path: 'a.ipynb' }))
  };

  constructor() {
    this.add(this.editors, new FakeCluster(cluster('otter')));
  }

  /**
   * Begin anew, with these editors and clusters.
   */
  add(editors: ISpecEditors | null, ...clusters: FakeCluster[]): void {
    this.commands = new CommandRegistry();
    this.manager = new FakeManager(...clusters);
    const app = {
      commands: this.commands,
      contextMenuHitTest: (test: (node: HTMLElement) => boolean) =>
        this.underMenu && test(this.underMenu) ? this.underMenu : undefined
    };
    addCommands(app as unknown as JupyterFrontEnd, {
      manager: this.manager,
      clientCode: {
        code: id => `code of ${id}`,
        drag: jest.fn(),
        insert: this.insert
      },
      automatic: this.automatic as unknown as IAutoConnect,
      editors,
      logs: { open: this.openLog },
      trans: nullTranslator.load('speccluster_lab')
    });
  }

  run(id: string, args: ReadonlyPartialJSONObject = {}): Promise<unknown> {
    return this.commands.execute(id, args);
  }

  /**
   * Leave nothing behind.
   */
  close(): void {
    Notification.manager.dismiss();
    Dialog.flush();
    document.body.replaceChildren();
    jest.restoreAllMocks();
  }
}

/**
 * What a person is told.
 */
export function notes(): string[] {
  return Notification.manager.notifications.map(({ message }) => message);
}

/**
 * Wait for a dialog. By class: jsdom takes a <dialog> that is not opened by it for hidden.
 */
export function dialog(): Promise<void> {
  return waitFor(() =>
    expect(document.querySelector('.jp-Dialog')).toBeTruthy()
  );
}

/**
 * A cluster without a worker.
 */
export function idle(id: string): FakeCluster {
  return new FakeCluster(
    cluster(id, { workers: [entry('0', [absent('0')], 'pending')] })
  );
}

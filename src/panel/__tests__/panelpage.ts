import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';
import { act, fireEvent, screen, within } from '@testing-library/react';
import type { FakeCluster } from '../../__tests__/fakes';
import { FakeManager } from '../../__tests__/fakes';
import { CommandIDs } from '../../tokens';
import { ClusterPanel } from '../panel';

/**
 * A page with the panel in it, whose commands only note that they were called.
 */
export class PanelPage {
  readonly manager = new FakeManager();
  readonly commands = new CommandRegistry();
  readonly executed: [string, unknown][] = [];
  readonly drag = jest.fn();
  trans = nullTranslator.load('speccluster_lab');
  /** What the commands answer. */
  made: { id: string } | null = null;
  panel!: ClusterPanel;

  constructor() {
    for (const id of Object.values(CommandIDs)) {
      this.commands.addCommand(id, {
        label: args => `label of ${String(args.template)}`,
        caption: 'caption',
        describedBy: { args: {} },
        execute: args => {
          this.executed.push([id, args]);
          return this.made;
        }
      });
    }
  }

  /**
   * Show the panel with these clusters.
   */
  async show(...clusters: FakeCluster[]): Promise<void> {
    const { manager, commands, drag, trans } = this;
    manager.clusters = clusters;
    this.panel = new ClusterPanel({
      manager,
      commands,
      clientCode: { code: String, drag, insert: () => null },
      trans
    });
    await act(async () => Widget.attach(this.panel, document.body));
  }

  /**
   * Leave nothing behind.
   */
  async close(): Promise<void> {
    await act(async () => this.panel.dispose());
    document.body.replaceChildren();
  }
}

/**
 * Let something happen, and wait until it is drawn.
 */
export function change(work: () => unknown): Promise<void> {
  return act(async () => {
    await work();
  });
}

export function button(name: string): HTMLButtonElement {
  return screen.getByRole('button', { name });
}

export function card(name: string): HTMLElement {
  return screen.getByRole('article', { name });
}

/**
 * Show the workers of a cluster.
 */
export function open(name: string): void {
  fireEvent.click(
    within(card(name)).getByRole('button', { name: 'Show workers' })
  );
}

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, SidePanel } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { PanelLayout } from '@lumino/widgets';
import { Panel } from '@lumino/widgets';
import * as React from 'react';
import type { IClientCode, IClusterManager } from '../tokens';
import { CommandIDs, PANEL_ID } from '../tokens';
import { Announcer } from './announcer';
import type { IPanelContext } from './context';
import { PanelContext } from './context';
import { Finding } from './finding';
import { PanelHeader } from './header';
import { clustersIcon } from '../icons';
import { ClusterList } from './list';
import { phaseWord } from './phase';
import { PanelView } from './view';

/**
 * The Clusters panel.
 */
export class ClusterPanel extends SidePanel {
  /**
   * @param options - What the panel shows, and with what it acts.
   */
  constructor(options: ClusterPanel.IOptions) {
    super({ content: new Panel() });
    const { manager, commands, trans } = options;
    this.id = PANEL_ID;
    this.addClass('jp-SpecCluster');
    this.title.icon = clustersIcon;
    this.title.caption = trans.__('Clusters');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Clusters'));
    this.content.node.removeAttribute('role');
    this.content.node.removeAttribute('aria-label');
    this._commands = commands;
    this._manager = manager;

    const context: IPanelContext = {
      ...options,
      view: this.view,
      wordOf: phase => phaseWord(phase, trans)
    };
    (this.layout as PanelLayout).insertWidget(
      0,
      new PanelPart(context, () => (
        <>
          <PanelHeader manager={manager} />
          <Finding manager={manager} />
        </>
      ))
    );
    this.content.addWidget(
      new PanelPart(context, () => <ClusterList manager={manager} />)
    );
    this.content.addWidget(new Announcer(manager, trans));
    commands.commandExecuted.connect(this._onCommand, this);
  }

  /**
   * How a person wants to see the clusters.
   */
  readonly view = new PanelView();

  /**
   * Let a person type what they look for.
   */
  focusFilter(): void {
    const filter = this.node.querySelector<HTMLInputElement>('[type=search]');
    const focus = () => {
      if (filter && document.activeElement !== filter) {
        filter.focus();
        filter.select();
      }
    };
    focus();
    // The palette, when it closes, gives the focus back to where it had been.
    requestAnimationFrame(focus);
  }

  /**
   * Bring the card of a cluster into view, whatever is looked for.
   */
  reveal(id: string): void {
    if (this._scrollTo(id) || !this._manager.get(id)) {
      return;
    }
    this.view.setFilter('');
    // It is drawn by then.
    requestAnimationFrame(() => this._scrollTo(id));
  }

  /**
   * Free what the panel holds.
   */
  override dispose(): void {
    this._commands.commandExecuted.disconnect(this._onCommand, this);
    super.dispose();
  }

  private _scrollTo(id: string): boolean {
    const cards = this.node.querySelectorAll<HTMLElement>('[data-cluster-id]');
    const card = [...cards].find(({ dataset }) => dataset.clusterId === id);
    card?.scrollIntoView({ block: 'nearest' });
    return card !== undefined;
  }

  /** Show what was just made. */
  private _onCommand(
    commands: CommandRegistry,
    { id, result }: CommandRegistry.ICommandExecutedArgs
  ): void {
    if (id !== CommandIDs.createCluster) {
      return;
    }
    void result.then((made: { id: string } | null) => {
      if (made) {
        this.reveal(made.id);
      }
    });
  }

  private readonly _commands: CommandRegistry;
  private readonly _manager: IClusterManager;
}

/**
 * Types of `ClusterPanel`.
 */
export namespace ClusterPanel {
  /**
   * What the panel shows, and with what it acts.
   */
  export interface IOptions {
    manager: IClusterManager;
    commands: CommandRegistry;
    clientCode: IClientCode;
    trans: TranslationBundle;
  }
}

class PanelPart extends ReactWidget {
  constructor(context: IPanelContext, part: () => React.JSX.Element) {
    super();
    this._context = context;
    this._part = part;
  }

  protected override render(): React.JSX.Element {
    return (
      <PanelContext.Provider value={this._context}>
        {this._part()}
      </PanelContext.Provider>
    );
  }

  private readonly _context: IPanelContext;
  private readonly _part: () => React.JSX.Element;
}

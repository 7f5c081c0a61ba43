import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { WidgetTracker } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { showInMainArea } from '../mainarea';
import { restoredCluster } from '../restoring';
import type { ICluster, IClusterManager, ILogViewers } from '../tokens';
import type { LogTab } from './tab';

/**
 * The logs that are shown: one tab for each cluster and source.
 */
export class LogViewers implements ILogViewers {
  /**
   * @param options - Where the logs go, and what they are made of.
   */
  constructor(options: LogViewers.IOptions) {
    this._options = options;
  }

  /**
   * Show a log of a cluster.
   */
  async open(
    cluster: ICluster,
    member: string | null = null,
    place?: number
  ): Promise<string> {
    const { shell, tracker, trans } = this._options;
    const { LogTab } = await import('./tab');
    const known = this._find(cluster, member);
    if (known) {
      shell.activateById(known.id);
      return known.id;
    }
    const tab = new LogTab(
      cluster,
      member,
      place ?? this._freePlace(cluster),
      trans
    );
    const { content } = tab;
    content.sourceAsked.connect((_, asked) => {
      const other = this._find(cluster, asked);
      if (other) {
        shell.activateById(other.id);
        content.update();
      } else {
        content.setSource(asked);
      }
    });
    void tracker.add(tab);
    content.sourceChanged.connect(() => void tracker.save(tab));
    showInMainArea(shell, tab, 'right');
    return tab.id;
  }

  /**
   * Show a log again, when JupyterLab opens.
   *
   * @throws An error when the cluster has gone, or is not known in time:
   * JupyterLab waits for everything that is restored.
   */
  async restore(
    id: string,
    member: string | null,
    place?: number
  ): Promise<string> {
    const cluster = await restoredCluster(this._options.manager, id);
    return this.open(cluster, member, place);
  }

  /** Layouts know a tab by it: a name that changed with the source would be lost. */
  private _freePlace(cluster: ICluster): number {
    const taken = new Set<number>();
    this._options.tracker.forEach(({ content, place }) => {
      // Also those of one that has gone, whose id it has now.
      if (content.model.cluster.id === cluster.id) {
        taken.add(place);
      }
    });
    let place = 0;
    while (taken.has(place)) {
      place += 1;
    }
    return place;
  }

  private _find(cluster: ICluster, member: string | null): LogTab | undefined {
    return this._options.tracker.find(({ content: { model } }) => {
      return model.cluster === cluster && model.member === member;
    });
  }

  private readonly _options: LogViewers.IOptions;
}

/**
 * Types of `LogViewers`.
 */
export namespace LogViewers {
  /**
   * Where the logs go, and what they are made of.
   */
  export interface IOptions {
    shell: JupyterFrontEnd.IShell;
    tracker: WidgetTracker<LogTab>;
    manager: IClusterManager;
    trans: TranslationBundle;
  }
}

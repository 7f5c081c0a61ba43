import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { listIcon } from '@jupyterlab/ui-components';
import type { ICluster } from '../tokens';
import { LogView, nameOf } from './logview';

/**
 * The tab of a log.
 */
export class LogTab extends MainAreaWidget<LogView> {
  /**
   * @param cluster - Whose log it is.
   * @param member - The worker's name, or the entry's; null for the cluster's own process.
   * @param place - Tells the tab from the other logs of the cluster, whatever it shows.
   * @param trans - The translations.
   */
  constructor(
    cluster: ICluster,
    member: string | null,
    readonly place: number,
    trans: TranslationBundle
  ) {
    super({ content: new LogView(cluster, member, trans) });
    this._trans = trans;
    this.toolbar.hide();
    this.id = `speccluster-lab-log-${cluster.id}-${place}`;
    this.title.icon = listIcon;
    this._name();
    this.content.sourceChanged.connect(this._name, this);
  }

  private _name(): void {
    const trans = this._trans;
    const { model, node } = this.content;
    const name = nameOf(model, trans);
    this.title.label = name;
    this.title.caption = trans.__('Log of %1', name);
    // A region of the main area, by JupyterLab's own name for all of them.
    node.setAttribute('aria-label', this.title.caption);
  }

  private readonly _trans: TranslationBundle;
}

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { IArrangement, Order } from '../model/arrangement';
import { ORDERS } from '../model/arrangement';

/**
 * How a person wants to see the clusters. It outlives the elements, which go
 * whenever the panel is moved.
 */
export class PanelView {
  /**
   * Emitted when the workers of another cluster are shown, or are not any more.
   */
  get openedChanged(): ISignal<this, void> {
    return this._openedChanged;
  }

  /**
   * Whether the workers of a cluster are shown.
   */
  isOpen(id: string): boolean {
    return this._opened.has(id);
  }

  /**
   * Show the workers of a cluster, or not.
   */
  setOpen(id: string, isOpen: boolean): void {
    if (isOpen) {
      this._opened.add(id);
    } else {
      this._opened.delete(id);
    }
    this._openedChanged.emit();
  }

  /**
   * The rows that are not open or closed as they are at first, by cluster.
   */
  readonly toggled = new Map<string, ReadonlySet<string>>();

  /**
   * What is looked for, and in which order what is found is shown.
   */
  get arrangement(): IArrangement {
    return this._arrangement;
  }

  /**
   * Emitted when `arrangement` has changed.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Look for something else.
   */
  setFilter(filter: string): void {
    this._arrange({ filter });
  }

  /**
   * Put the clusters in another order, from now on.
   */
  setOrder(order: Order): void {
    this._arrange({ order });
    void this._settings?.set('order', order);
  }

  /**
   * Show clusters of one phase together or not, from now on.
   */
  setGrouped(isGrouped: boolean): void {
    this._arrange({ isGrouped });
    void this._settings?.set('groupByPhase', isGrouped);
  }

  /**
   * Keep order and grouping in settings, and follow these.
   */
  bind(settings: ISettingRegistry.ISettings): void {
    this._settings = settings;
    const read = () => {
      const order = settings.get('order').composite as Order;
      this._arrange({
        order: ORDERS.includes(order) ? order : 'age',
        isGrouped: settings.get('groupByPhase').composite === true
      });
    };
    settings.changed.connect(read);
    read();
  }

  private _arrange(change: Partial<IArrangement>): void {
    this._arrangement = { ...this._arrangement, ...change };
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _opened = new Set<string>();
  private readonly _openedChanged = new Signal<this, void>(this);
  private _arrangement: IArrangement = {
    filter: '',
    order: 'age',
    isGrouped: false
  };
  private _settings: ISettingRegistry.ISettings | null = null;
}

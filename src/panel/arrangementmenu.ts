import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { ORDERS } from '../model/arrangement';
import { CommandIDs } from '../tokens';
import { openBelow } from './menu';

/**
 * Open the menu of how clusters are shown below an element.
 */
export function openArrangementMenu(
  anchor: HTMLElement,
  commands: CommandRegistry
): void {
  const menu = new MenuSvg({ commands });
  for (const by of ORDERS) {
    menu.addItem({ command: CommandIDs.orderClusters, args: { by } });
  }
  menu.addItem({ type: 'separator' });
  menu.addItem({ command: CommandIDs.groupClusters });
  openBelow(anchor, menu);
}

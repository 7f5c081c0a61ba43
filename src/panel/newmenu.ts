import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { VirtualElement } from '@lumino/virtualdom';
import { h } from '@lumino/virtualdom';
import { Menu } from '@lumino/widgets';
import type { IClusterManager } from '../tokens';
import { CommandIDs } from '../tokens';
import { openBelow } from './menu';

/**
 * Shows a template's description below its title.
 */
class TemplateRenderer extends MenuSvg.Renderer {
  override renderItem(data: Menu.IRenderData): VirtualElement {
    const item = super.renderItem(data);
    // Named by its title alone; the description comes after the name.
    return h.li(
      {
        ...item.attrs,
        'aria-label': data.item.label,
        'aria-description': data.item.caption
      } as typeof item.attrs,
      ...item.children
    );
  }

  override renderLabel(data: Menu.IRenderData): VirtualElement {
    return h.div(
      { className: 'lm-Menu-itemLabel jp-SpecCluster-template' },
      h.span(data.item.label),
      h.small(data.item.caption)
    );
  }
}

/**
 * Open a menu of the templates below an element.
 *
 * @param anchor - Where the menu is opened; it gets the focus back.
 * @param commands - Makes the cluster.
 * @param manager - Has the templates.
 */
export function openNewMenu(
  anchor: HTMLElement,
  commands: CommandRegistry,
  manager: IClusterManager
): Menu {
  const menu = new Menu({ commands, renderer: new TemplateRenderer() });
  menu.addClass('jp-SpecCluster-newMenu');
  for (const { name } of manager.templates) {
    menu.addItem({
      command: CommandIDs.createCluster,
      args: { template: name }
    });
  }
  menu.addItem({ type: 'separator' });
  menu.addItem({ command: CommandIDs.createCluster });
  openBelow(anchor, menu);
  return menu;
}

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';
import { showInMainArea } from '../mainarea';
import type { Order } from '../model/arrangement';
import { ORDERS } from '../model/arrangement';
import { CommandIDs } from '../tokens';
import type { ClusterPanel } from './panel';

/**
 * Add what can be asked of the panel itself.
 *
 * @param app - Where the panel is.
 * @param panel - The panel.
 * @param trans - The translations.
 */
export function addPanelCommands(
  app: JupyterFrontEnd,
  panel: ClusterPanel,
  trans: TranslationBundle
): void {
  const { commands, shell } = app;
  const { view } = panel;
  const show = () => showInMainArea(shell, panel, 'left');

  commands.addCommand(CommandIDs.showPanel, {
    label: trans.__('Show Clusters'),
    caption: trans.__('Show the panel of the clusters'),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          id: {
            type: 'string',
            description: trans.__('The id of a cluster to bring into view')
          }
        }
      }
    },
    execute: args => {
      show();
      if (args.id !== undefined) {
        panel.reveal(String(args.id));
      }
    }
  });

  commands.addCommand(CommandIDs.showWorkers, {
    label: trans.__('Show Workers'),
    caption: trans.__('Show the workers of a cluster in the panel, or not'),
    isEnabled: args => args.id !== undefined,
    isToggleable: true,
    isToggled: args => view.isOpen(String(args.id)),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          id: {
            type: 'string',
            description: trans.__('The id of the cluster')
          },
          isShown: {
            type: 'boolean',
            description: trans.__('Whether; the other when left out')
          }
        },
        required: ['id']
      }
    },
    execute: args => {
      const id = String(args.id);
      const isShown = Boolean(args.isShown ?? !view.isOpen(id));
      view.setOpen(id, isShown);
      show();
      panel.reveal(id);
      return { isShown };
    }
  });

  commands.addCommand(CommandIDs.filterClusters, {
    label: trans.__('Filter Clusters'),
    caption: trans.__('Look for a cluster or a worker'),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          text: {
            type: 'string',
            description: trans.__('What to look for; typed when left out')
          }
        }
      }
    },
    execute: args => {
      show();
      if (args.text !== undefined) {
        view.setFilter(String(args.text));
      }
      panel.focusFilter();
      return { text: view.arrangement.filter };
    }
  });

  const words: Record<Order, string> = {
    age: trans.__('Oldest First'),
    name: trans.__('By Name'),
    phase: trans.__('Troubled First'),
    workers: trans.__('Most Workers First'),
    memory: trans.__('Most Memory First')
  };
  commands.addCommand(CommandIDs.orderClusters, {
    label: args => words[args.by as Order] ?? trans.__('Order Clusters'),
    caption: trans.__('Put the clusters in another order'),
    isToggleable: true,
    isToggled: args => args.by === view.arrangement.order,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          by: {
            type: 'string',
            enum: [...ORDERS],
            description: trans.__('The order; the next one when left out')
          }
        }
      }
    },
    execute: args => {
      const next = (ORDERS.indexOf(view.arrangement.order) + 1) % ORDERS.length;
      const by = ORDERS.find(one => one === args.by) ?? ORDERS[next];
      view.setOrder(by);
      return { by };
    }
  });

  commands.addCommand(CommandIDs.groupClusters, {
    label: trans.__('Group Clusters by Phase'),
    caption: trans.__('Show clusters of one phase together'),
    isToggleable: true,
    isToggled: () => view.arrangement.isGrouped,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => {
      view.setGrouped(!view.arrangement.isGrouped);
      return { isGrouped: view.arrangement.isGrouped };
    }
  });
  view.changed.connect(() => {
    commands.notifyCommandChanged(CommandIDs.orderClusters);
    commands.notifyCommandChanged(CommandIDs.groupClusters);
  });
}

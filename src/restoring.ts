import type { ILayoutRestorer } from '@jupyterlab/application';
import type { WidgetTracker } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { Widget } from '@lumino/widgets';
import type { ICluster, IClusterManager } from './tokens';

/** How long a tab waits to be restored, in milliseconds. */
const TIMEOUT = 5_000;

/**
 * The cluster that a tab of the last session was about.
 *
 * @throws An error when it has gone, or is not known in time: JupyterLab waits
 * for everything that is restored.
 */
export async function restoredCluster(
  manager: IClusterManager,
  id: string
): Promise<ICluster> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>(resolve => {
    timer = setTimeout(resolve, TIMEOUT);
  });
  await Promise.race([manager.ready, timeout]);
  clearTimeout(timer);
  const cluster = manager.get(id);
  if (!cluster) {
    throw new Error(`there is no cluster ${id}`);
  }
  return cluster;
}

/**
 * Tabs about clusters that are there again when JupyterLab opens.
 */
export interface IRestoredTabs<T extends Widget> {
  /**
   * Knows the tabs.
   */
  tracker: WidgetTracker<T>;

  /**
   * The command that opens one again: nobody's but the layout's.
   */
  command: string;

  /**
   * What the command is called all the same.
   */
  label: string;

  /**
   * What it takes beside the cluster's id.
   */
  properties: ReadonlyJSONObject;

  /**
   * How a tab is opened as it is now.
   */
  args(tab: T): ReadonlyPartialJSONObject & { id: string };

  /**
   * Tells a tab from the others, whatever is shown in it.
   */
  name(tab: T): string;

  /**
   * Open one again; it fails when its cluster has gone.
   *
   * @param args - As `args` said them, perhaps in another version.
   */
  open(id: string, args: ReadonlyPartialJSONObject): Promise<unknown>;
}

/**
 * Have the layout keep tabs.
 *
 * @param restorer - Keeps the layout; null where there is none.
 */
export function keepTabs<T extends Widget>(
  commands: CommandRegistry,
  restorer: ILayoutRestorer | null,
  tabs: IRestoredTabs<T>
): void {
  const { tracker, command, label, properties } = tabs;
  commands.addCommand(command, {
    label,
    isVisible: () => false,
    describedBy: {
      args: {
        type: 'object',
        properties: { id: { type: 'string' }, ...properties },
        required: ['id']
      }
    },
    execute: args => tabs.open(String(args.id), args)
  });
  void restorer?.restore(tracker, {
    command,
    args: tab => tabs.args(tab),
    name: tab => tabs.name(tab)
  });
}

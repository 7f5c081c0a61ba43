import type { CommandRegistry } from '@lumino/commands';
import type { ICluster, IClusterManager } from '../tokens';
import { CommandIDs } from '../tokens';

/**
 * What a widget dispatches to learn whether this page knows its cluster.
 */
export const ASKED = 'speccluster-lab:cluster';

/**
 * What is dispatched when a widget that asks anew may get another answer.
 */
export const CHANGED = 'speccluster-lab:changed';

/**
 * What a widget asks to be done: the same that it would ask its kernel.
 */
export interface IRequest {
  readonly do: string;
  readonly entries?: number;
  readonly meant?: boolean;
  readonly minimum?: number;
  readonly maximum?: number | null;
  readonly entry?: string;
}

/**
 * What came of it: nothing, or what has to be answered first.
 */
export interface IAnswer {
  /**
   * How many results, and how many bytes, would have nowhere to go.
   */
  readonly stake?: readonly [number, number];
}

/**
 * What a widget gets of the page that it is in.
 */
export interface IWidgetPage {
  readonly dashboardUrl: string | null;
  readonly isReadOnly: boolean;
  act(request: IRequest): Promise<IAnswer>;
  showPanel(): void;
}

/**
 * Answer widgets for as long as this page lives. They find it by an event,
 * and so have no address and no key of the server themselves.
 */
export function answerWidgets(
  manager: IClusterManager,
  commands: CommandRegistry
): void {
  document.addEventListener(ASKED, event => {
    const { id, created, take } = (event as CustomEvent).detail;
    const cluster = manager.get(String(id));
    // A kernel elsewhere may have another one of this id.
    if (cluster && cluster.document.created === created) {
      take(widgetPage(cluster, manager, commands));
    }
  });
  const tell = () => {
    document.dispatchEvent(new CustomEvent(CHANGED));
  };
  manager.changed.connect(tell);
  manager.accessChanged.connect(tell);
}

/**
 * What a widget may have of a cluster.
 */
export function widgetPage(
  cluster: ICluster,
  manager: IClusterManager,
  commands: CommandRegistry
): IWidgetPage {
  return {
    dashboardUrl: cluster.dashboardUrl,
    isReadOnly: manager.isReadOnly,
    act: request => act(cluster, request),
    showPanel: () =>
      void commands.execute(CommandIDs.showPanel, { id: cluster.id })
  };
}

async function act(cluster: ICluster, request: IRequest): Promise<IAnswer> {
  switch (request.do) {
    case 'scale': {
      const entries = Number(request.entries);
      if (request.meant !== true && entries < cluster.entries) {
        const plan = await cluster.plan({ scale: { entries } });
        const { keys, nbytes } = plan.at_stake;
        if (plan.stuck && keys > 0) {
          return { stake: [keys, nbytes] };
        }
      }
      await cluster.scale({ entries });
      return {};
    }
    case 'adapt':
      await cluster.adapt({
        minimum: request.minimum ?? 0,
        maximum: request.maximum ?? null
      });
      return {};
    case 'end_adaptive':
      await cluster.adapt(null);
      return {};
    case 'retry':
      await cluster.retry(String(request.entry));
      return {};
    case 'restart':
      await cluster.restartEntry(String(request.entry));
      return {};
    default:
      throw new Error(`not known: ${request.do}`);
  }
}

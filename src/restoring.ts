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

import { isReconciling } from '../model/facts';
import type { ICluster } from '../tokens';

/** How long somebody is told that a cluster starts, in milliseconds. */
const PATIENCE = 120_000;

/**
 * Wait until a cluster runs as it is wanted, or for as long as that is news.
 *
 * @returns Whether it does; one that has gone does not.
 *
 * @throws An error with the cluster's own words when it has failed.
 */
export function settled(
  cluster: ICluster,
  patience = PATIENCE
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const { phase, conditions } = cluster.document;
      if (cluster.isDisposed) {
        end(() => resolve(false));
      } else if (phase === 'failed') {
        const why = conditions.find(({ status }) => status === 'True');
        end(() => reject(new Error(why?.message ?? phase)));
      } else if (phase === 'running' && !isReconciling(cluster.document)) {
        end(() => resolve(true));
      }
    };
    const end = (then: () => void) => {
      clearTimeout(timer);
      cluster.changed.disconnect(look);
      then();
    };
    const timer = setTimeout(() => end(() => resolve(false)), patience);
    cluster.changed.connect(look);
    look();
  });
}

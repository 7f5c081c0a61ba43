import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { scaleIcon } from '../icons';
import { canScale } from '../model/facts';
import type { Adapt, Cluster, ICluster, Scale } from '../tokens';
import { CommandIDs } from '../tokens';
import type { AddClusterCommand } from './clustercommand';
import { askOnce } from './once';
import { SHOWN, operation } from './operation';

/** In what a size can be given. */
const UNITS = ['entries', 'workers', 'cores', 'memory'] as const;

/**
 * Add the commands that set how large a cluster is.
 */
export function addScaleCommands(
  add: AddClusterCommand,
  trans: TranslationBundle
): void {
  add(CommandIDs.scaleCluster, {
    label: trans.__('Scale Cluster…'),
    caption: trans.__('Set how large a cluster is, or between what it may be'),
    icon: scaleIcon,
    description: trans.__('One size at most; asked for when left out'),
    properties: {
      entries: { type: 'integer', minimum: 0 },
      workers: { type: 'integer', minimum: 0 },
      cores: { type: 'integer', minimum: 0 },
      memory: {
        type: ['integer', 'string'],
        description: trans.__('Bytes, or text such as "6 GiB"')
      }
    },
    act: (cluster, args) => {
      if (!isScalable(cluster, trans)) {
        return null;
      }
      const unit = UNITS.find(one => args[one] !== undefined);
      if (unit === undefined) {
        return choose(cluster, 'size', trans);
      }
      const size = unit === 'memory' ? args[unit] : Number(args[unit]);
      return scale(cluster, { [unit]: size }, trans);
    }
  });

  add(CommandIDs.adaptCluster, {
    label: trans.__('Adaptive Scaling…'),
    caption: trans.__('Let a cluster grow and shrink with its work'),
    properties: {
      minimum: { type: 'integer', minimum: 0 },
      maximum: { type: ['integer', 'null'], minimum: 0 },
      isOff: {
        type: 'boolean',
        description: trans.__('Whether to end adaptive scaling')
      }
    },
    act: (cluster, args) => {
      if (!isScalable(cluster, trans)) {
        return null;
      }
      if (args.isOff) {
        return adapt(cluster, null, trans);
      }
      if (args.minimum === undefined && args.maximum === undefined) {
        return choose(cluster, 'adaptive', trans);
      }
      const { minimum = 0, maximum = null } = args as Adapt;
      return adapt(cluster, { minimum, maximum }, trans);
    }
  });
}

function isScalable(cluster: ICluster, trans: TranslationBundle): boolean {
  const isPossible = canScale(cluster.document);
  if (!isPossible) {
    const name = cluster.document.display_name;
    Notification.error(trans.__('%1 cannot be scaled now.', name), SHOWN);
  }
  return isPossible;
}

/** Let a person say what they want. */
async function choose(
  cluster: ICluster,
  kind: 'size' | 'adaptive',
  trans: TranslationBundle
): Promise<IScaled | null> {
  const wanted = await askOnce(`size ${cluster.id}`, async () => {
    const { askSize } = await import('./scaledialog');
    return askSize(cluster, kind, trans);
  });
  if (!wanted) {
    return null;
  }
  if (wanted.kind === 'adaptive') {
    return adapt(cluster, wanted.range, trans);
  }
  // Which ends adaptive scaling, unless the size is refused.
  return scale(cluster, wanted.scale, trans);
}

interface IScaled {
  id: string;
  generation: number;
}

async function scale(
  cluster: ICluster,
  size: Scale,
  trans: TranslationBundle
): Promise<IScaled | null> {
  const name = cluster.document.display_name;
  const done = await operation(
    cluster.scale(size),
    {
      pending: trans.__('%1 is scaled…', name),
      success: ({ counts }) =>
        trans._n(
          '%2 is to have %1 entry.',
          '%2 is to have %1 entries.',
          counts.entries,
          name
        ),
      error: reason => trans.__('%1 was not scaled: %2', name, reason)
    },
    trans
  );
  return answer(done);
}

async function adapt(
  cluster: ICluster,
  range: Adapt | null,
  trans: TranslationBundle
): Promise<IScaled | null> {
  const name = cluster.document.display_name;
  const done = await operation(
    cluster.adapt(range),
    {
      pending: trans.__('The scaling of %1 changes…', name),
      success: () =>
        range
          ? trans.__('%1 scales by itself.', name)
          : trans.__('%1 keeps its size.', name),
      error: reason =>
        trans.__('The scaling of %1 was not changed: %2', name, reason)
    },
    trans
  );
  return answer(done);
}

function answer(done: Cluster | null): IScaled | null {
  return done && { id: done.id, generation: done.generation };
}

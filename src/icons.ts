import { LabIcon } from '@jupyterlab/ui-components';
import clustersSvg from '../style/icons/clusters.svg';
import localSvg from '../style/icons/local.svg';
import otherSvg from '../style/icons/other.svg';
import queueSvg from '../style/icons/queue.svg';
import scaleSvg from '../style/icons/scale.svg';
import sshSvg from '../style/icons/ssh.svg';

/**
 * The panel's icon: a scheduler and its workers.
 */
export const clustersIcon = new LabIcon({
  name: 'speccluster-lab:clusters',
  svgstr: clustersSvg
});

/**
 * More and fewer workers.
 */
export const scaleIcon = new LabIcon({
  name: 'speccluster-lab:scale',
  svgstr: scaleSvg
});

/**
 * Where workers run: on this machine, behind SSH or a queue, or who knows.
 */
export const kindIcons = {
  local: new LabIcon({ name: 'speccluster-lab:local', svgstr: localSvg }),
  ssh: new LabIcon({ name: 'speccluster-lab:ssh', svgstr: sshSvg }),
  queue: new LabIcon({ name: 'speccluster-lab:queue', svgstr: queueSvg }),
  other: new LabIcon({ name: 'speccluster-lab:other', svgstr: otherSvg })
};

import { LabIcon } from '@jupyterlab/ui-components';
import clustersSvg from '../style/icons/clusters.svg';
import scaleSvg from '../style/icons/scale.svg';

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

import { LabIcon } from '@jupyterlab/ui-components';
import clustersSvg from '../../style/icons/clusters.svg';

/**
 * The panel's icon: a scheduler and its workers.
 */
export const clustersIcon = new LabIcon({
  name: 'speccluster-lab:clusters',
  svgstr: clustersSvg
});

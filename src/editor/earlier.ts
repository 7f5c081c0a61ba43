import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Generation } from '../api/types';
import { formatMoment } from '../model/locale';
import type { ICluster } from '../tokens';

/**
 * What was wanted of a cluster before: the generation that is said, or that a person chooses.
 *
 * @returns Null when the person wants none after all.
 *
 * @throws An error when there is none, or none of this number.
 */
export async function pickEarlier(
  cluster: ICluster,
  generation: number | null,
  trans: TranslationBundle
): Promise<Generation | null> {
  const found = await cluster.generations();
  if (generation !== null) {
    const earlier = found.find(one => one.generation === generation);
    if (!earlier) {
      const name = cluster.document.display_name;
      throw new Error(
        trans.__('%1 has no earlier generation %2.', name, generation)
      );
    }
    return earlier;
  }
  if (found.length === 0) {
    throw new Error(trans.__('The spec is as it was in the beginning.'));
  }
  const items = found.map(({ generation, time }) =>
    trans.__('Generation %1 (%2)', generation, formatMoment(time))
  );
  const { value } = await InputDialog.getItem({
    title: trans.__('Which generation?'),
    label: cluster.document.display_name,
    items
  });
  return value === null ? null : found[items.indexOf(value)];
}

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { formatBytes } from '../model/facts';
import type { ICluster, Plan } from '../tokens';

/** How long somebody waits for what is at stake before they are asked, in milliseconds. */
const PATIENCE = 3_000;

/**
 * Ask before workers end, for what only they hold is lost.
 *
 * @param cluster - The cluster that they are of.
 * @param end - What is to become of it.
 * @param trans - The translations.
 */
export async function confirmEnd(
  cluster: ICluster,
  end: 'stop' | 'restart',
  trans: TranslationBundle
): Promise<boolean> {
  const { counts, display_name, workers } = cluster.document;
  if (counts.registered === 0) {
    return true;
  }
  const names = workers.map(({ name }) => name);
  const plan = await soon(cluster.plan({ remove: names }));
  const { button } = await showDialog({
    title:
      end === 'stop'
        ? trans.__('Stop %1?', display_name)
        : trans.__('Restart %1?', display_name),
    body: (
      <div>
        <p>
          {trans._n(
            'Its %1 worker ends.',
            'Its %1 workers end.',
            counts.registered
          )}
        </p>
        <p>{lossText(plan, trans)}</p>
      </div>
    ),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({
        label: end === 'stop' ? trans.__('Stop') : trans.__('Restart')
      })
    ],
    // Enter, pressed once too often, stops nothing.
    defaultButton: 0
  });
  return button.accept;
}

function lossText(plan: Plan | null, trans: TranslationBundle): string {
  if (!plan) {
    return trans.__('Results that they hold are lost.');
  }
  const { keys, nbytes } = plan.at_stake;
  return keys === 0
    ? trans.__('They hold no results.')
    : trans._n(
        '%1 result that they hold is lost: %2.',
        '%1 results that they hold are lost: %2.',
        keys,
        formatBytes(nbytes)
      );
}

/** A cluster that does not answer can be stopped as well. */
async function soon(plan: Promise<Plan>): Promise<Plan | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), PATIENCE);
  });
  const answer = plan.catch(() => null);
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { InputDialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { ICluster, IClusterManager, Template } from '../tokens';
import { SHOWN } from './operation';

/**
 * The cluster that is meant: by argument, by the card under a context menu, by
 * being the only one, or by asking.
 */
export async function pickCluster(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  args: ReadonlyPartialJSONObject,
  trans: TranslationBundle
): Promise<ICluster | null> {
  // The place of the last context menu is remembered, long after it has closed.
  const node = args.isContextMenu
    ? app.contextMenuHitTest(({ dataset }) => 'clusterId' in dataset)
    : undefined;
  const id = args.id ?? node?.dataset.clusterId;
  if (id !== undefined) {
    await manager.ready;
    const cluster = manager.get(String(id));
    if (!cluster) {
      Notification.error(
        trans.__('There is no cluster %1.', String(id)),
        SHOWN
      );
    }
    return cluster ?? null;
  }
  const { clusters } = manager;
  if (clusters.length < 2) {
    return clusters[0] ?? null;
  }
  const { value } = await InputDialog.getItem({
    title: trans.__('Which cluster?'),
    items: clusters.map(one => `${one.document.display_name} (${one.id})`)
  });
  const label = value ?? '';
  return (
    clusters.find(
      one => `${one.document.display_name} (${one.id})` === label
    ) ?? null
  );
}

/**
 * The entry that is meant: by argument, by the row under a context menu, or by asking.
 */
export async function pickEntry(
  app: JupyterFrontEnd,
  cluster: ICluster,
  args: ReadonlyPartialJSONObject,
  trans: TranslationBundle
): Promise<string | null> {
  const node = args.isContextMenu
    ? app.contextMenuHitTest(({ dataset }) => 'entry' in dataset)
    : undefined;
  const name = args.entry ?? node?.dataset.entry;
  if (name !== undefined) {
    return String(name);
  }
  const { value } = await InputDialog.getItem({
    title: trans.__('Which entry?'),
    label: cluster.document.display_name,
    items: cluster.document.workers.map(({ name }) => name)
  });
  return value;
}

/**
 * The argument of a command that says which entry is meant.
 */
export function entryArgument(trans: TranslationBundle): ReadonlyJSONObject {
  return {
    entry: {
      type: 'string',
      description: trans.__('The name of the entry; asked for when left out')
    }
  };
}

/**
 * The template that is meant: by argument, by the offer under a context menu, or by asking.
 *
 * @param templates - Those of which one may be meant.
 */
export async function pickTemplate(
  app: JupyterFrontEnd,
  templates: readonly Template[],
  args: ReadonlyPartialJSONObject,
  trans: TranslationBundle
): Promise<Template | null> {
  const node = args.isContextMenu
    ? app.contextMenuHitTest(({ dataset }) => 'template' in dataset)
    : undefined;
  let name = args.template ?? node?.dataset.template;
  if (name === undefined) {
    const { value } = await InputDialog.getItem({
      title: trans.__('Which template?'),
      items: templates.map(({ name }) => name)
    });
    name = value ?? undefined;
  }
  return templates.find(one => one.name === name) ?? null;
}

/**
 * The argument of a command that says which template is meant.
 */
export function templateArgument(trans: TranslationBundle): ReadonlyJSONObject {
  return {
    template: {
      type: 'string',
      description: trans.__('The name of the template; asked for when left out')
    }
  };
}

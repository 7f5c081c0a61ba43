import type { JupyterFrontEnd } from '@jupyterlab/application';
import { InputDialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { Entry } from '../api/types';
import { describeError } from '../model/describe';
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
): Promise<Entry | null> {
  const { workers, display_name } = cluster.document;
  const node = args.isContextMenu
    ? app.contextMenuHitTest(({ dataset }) => 'entry' in dataset)
    : undefined;
  let name = args.entry ?? node?.dataset.entry;
  if (name === undefined && workers.length === 0) {
    Notification.info(trans.__('%1 has no entries.', display_name), SHOWN);
    return null;
  }
  if (name === undefined) {
    const { value } = await InputDialog.getItem({
      title: trans.__('Which entry?'),
      label: display_name,
      items: workers.map(({ name }) => name)
    });
    if (value === null) {
      return null;
    }
    name = value;
  }
  const entry = workers.find(one => one.name === String(name));
  if (!entry) {
    Notification.error(
      trans.__('%1 has no entry %2.', display_name, String(name)),
      SHOWN
    );
  }
  return entry ?? null;
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
 * @param app - Knows what is under the menu.
 * @param manager - The templates.
 * @param args - Those of the command.
 * @param trans - The translations.
 * @param isOffered - Which of them are asked for.
 */
export async function pickTemplate(
  app: JupyterFrontEnd,
  manager: IClusterManager,
  args: ReadonlyPartialJSONObject,
  trans: TranslationBundle,
  isOffered: (template: Template) => boolean = () => true
): Promise<Template | null> {
  const node = args.isContextMenu
    ? app.contextMenuHitTest(({ dataset }) => 'template' in dataset)
    : undefined;
  let name = args.template ?? node?.dataset.template;
  const find = () => manager.templates.find(one => one.name === name);
  if (name === undefined ? manager.templates.length === 0 : !find()) {
    // They have not been read yet, or one has been written elsewhere.
    await manager.refreshTemplates();
  }
  if (name === undefined) {
    const { value } = await InputDialog.getItem({
      title: trans.__('Which template?'),
      items: manager.templates.filter(isOffered).map(({ name }) => name)
    });
    if (value === null) {
      return null;
    }
    name = value;
  }
  const template = find();
  if (!template) {
    const { templatesError: error } = manager;
    Notification.error(
      error
        ? describeError(error, trans)
        : trans.__('There is no template %1.', String(name)),
      SHOWN
    );
  }
  return template ?? null;
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

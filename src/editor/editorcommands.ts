import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon, saveIcon, undoIcon } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { AddTabCommand } from '../tabcommands';
import { CommandIDs } from '../tokens';
import type { View } from './header';
import type { SpecEditor } from './speceditor';
import type { Format } from './spectext';

/**
 * The ways to look at a spec, in their order.
 */
export const VIEWS: readonly View[] = ['form', 'code', 'history'];

/**
 * The ways to write a spec, in their order.
 */
export const FORMATS: readonly Format[] = ['yaml', 'json'];

/**
 * How commands are offered, one after the other.
 */
export const OFFERED: readonly {
  command: string;
  args?: ReadonlyJSONObject;
}[] = [
  { command: CommandIDs.applySpec },
  { command: CommandIDs.revertSpec },
  { command: CommandIDs.keepChanges },
  { command: CommandIDs.compareChanges },
  { command: CommandIDs.goBack },
  { command: CommandIDs.copySpecCode },
  ...VIEWS.map(view => ({ command: CommandIDs.showView, args: { view } })),
  ...FORMATS.map(format => ({
    command: CommandIDs.writeSpecAs,
    args: { format }
  }))
];

/**
 * Add what can be asked of the editor of a spec. Its buttons do the same.
 */
export function addEditorCommands(
  add: AddTabCommand<SpecEditor>,
  trans: TranslationBundle
): void {
  add(CommandIDs.applySpec, {
    label: trans.__('Apply Spec'),
    caption: trans.__('Make what is written the desired state of the cluster'),
    icon: saveIcon,
    can: ({ draft }) => draft.canApply,
    act: async ({ draft }) =>
      (await draft.apply())
        ? { id: draft.cluster.id, generation: draft.generation }
        : null
  });

  add(CommandIDs.revertSpec, {
    label: (_, editor) =>
      editor?.draft.conflict
        ? trans.__('Take Their Spec')
        : trans.__('Revert Spec'),
    caption: trans.__('Drop your changes'),
    icon: undoIcon,
    can: ({ draft }) => draft.canRevert,
    act: ({ draft }) => {
      draft.revert();
      return { id: draft.cluster.id, generation: draft.generation };
    }
  });

  add(CommandIDs.keepChanges, {
    label: trans.__('Keep My Spec on Top of Theirs'),
    caption: trans.__('Make your changes to the spec as it is now'),
    can: ({ draft }) => draft.canKeep,
    act: ({ draft }) => {
      draft.keepMine();
      return { id: draft.cluster.id, generation: draft.generation };
    }
  });

  add(CommandIDs.compareChanges, {
    label: trans.__('Compare My Spec with Theirs'),
    caption: trans.__('Show what was changed here, and what elsewhere'),
    can: ({ draft }) => draft.canKeep,
    isToggled: ({ draft }) => draft.isCompared,
    act: ({ draft }) => {
      draft.isCompared = !draft.isCompared;
      return { isCompared: draft.isCompared };
    }
  });

  add(CommandIDs.goBack, {
    label: trans.__('Go Back to Earlier Spec…'),
    caption: trans.__('Write an earlier spec again, and see what it would do'),
    properties: {
      generation: {
        type: 'integer',
        description: trans.__('Its generation; asked for when left out')
      }
    },
    can: ({ draft }) => draft.canWrite,
    act: async (editor, args) => {
      const wanted = args.generation;
      const generation = await editor.goBack(
        wanted === undefined ? null : Number(wanted)
      );
      return generation === null ? null : { generation };
    }
  });

  add(CommandIDs.copySpecCode, {
    label: trans.__('Copy Spec as Python'),
    caption: trans.__('Copy code that makes the same cluster in a notebook'),
    icon: copyIcon,
    can: ({ draft }) => draft.spec !== null,
    act: editor => ({ code: editor.copyCode() })
  });

  const views: Record<View, string> = {
    form: trans.__('Show Spec as Form'),
    code: trans.__('Show Spec as Code'),
    history: trans.__('Show Earlier Specs')
  };
  add(CommandIDs.showView, {
    label: ({ view }) =>
      views[view as View] ?? trans.__('Show Next View of Spec'),
    caption: trans.__('Look at the spec in another way'),
    properties: {
      view: {
        type: 'string',
        enum: [...VIEWS],
        description: trans.__('The view; the next one when left out')
      }
    },
    isToggled: (editor, { view }) => editor.view === view,
    act: (editor, args) => {
      const view =
        VIEWS.find(one => one === args.view) ?? after(VIEWS, editor.view);
      editor.setView(view);
      return { view };
    }
  });

  add(CommandIDs.writeSpecAs, {
    label: ({ format }) =>
      FORMATS.some(one => one === format)
        ? trans.__('Write Spec as %1', String(format).toUpperCase())
        : trans.__('Write Spec in Other Format'),
    caption: trans.__('Write the code of the spec in another format'),
    properties: {
      format: {
        type: 'string',
        enum: [...FORMATS],
        description: trans.__('The format; the other one when left out')
      }
    },
    can: ({ draft }) => draft.spec !== null,
    isToggled: ({ draft }, { format }) => draft.format === format,
    act: ({ draft }, args) => {
      const format =
        FORMATS.find(one => one === args.format) ??
        after(FORMATS, draft.format);
      draft.setFormat(format);
      return { format };
    }
  });
}

function after<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length];
}

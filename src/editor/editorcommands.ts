import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon, saveIcon, undoIcon } from '@jupyterlab/ui-components';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { AddTabCommand } from '../tabcommands';
import { CommandIDs } from '../tokens';
import type { Part } from './entries';
import type { View } from './header';
import type { SpecEditor } from './speceditor';
import type { Format } from './spectext';

type Args = ReadonlyPartialJSONObject;

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
  })),
  { command: CommandIDs.chooseEntry },
  { command: CommandIDs.addEntry },
  { command: CommandIDs.duplicateEntry },
  { command: CommandIDs.removeEntry },
  { command: CommandIDs.renameEntry },
  { command: CommandIDs.changeAlike },
  { command: CommandIDs.showOption }
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

  addFormCommands(add, trans);
}

/**
 * Add what can be done in the form. The entry that it shows is meant where none is said, while it
 * is in view.
 */
function addFormCommands(
  add: AddTabCommand<SpecEditor>,
  trans: TranslationBundle
): void {
  const entry = {
    type: 'string',
    description: trans.__('The entry; the one that is shown when left out')
  };
  const newName = {
    type: 'string',
    description: trans.__('Its name; a free number when left out')
  };
  const canWrite = ({ draft }: SpecEditor) =>
    draft.canWrite && draft.spec !== null;
  const isInView = (editor: SpecEditor) =>
    canWrite(editor) && editor.view === 'form';
  /** The part that is meant. */
  const meant = ({ form }: SpecEditor, args: Args): Part => {
    const part =
      args.entry === undefined ? form.part : { name: String(args.entry) };
    if (!form.has(part)) {
      throw new Error(trans.__('There is no entry %1.', part.name));
    }
    return part;
  };
  const saidName = ({ name }: Args) =>
    name === undefined ? undefined : String(name);
  const refuse = (name: string): never => {
    throw new Error(
      trans.__(
        'No entry can be called “%1”: a name must not be empty, nor that of another.',
        name
      )
    );
  };
  const made = (entry: string | null, { name }: Args) => {
    if (entry === null && name !== undefined) {
      refuse(String(name));
    }
    return entry === null ? null : { entry };
  };

  add(CommandIDs.chooseEntry, {
    label: trans.__('Show Next Entry of Spec'),
    caption: trans.__('Show another entry in the form'),
    properties: {
      entry: {
        type: ['string', 'null'],
        description: trans.__(
          'The entry, or null for the form of new entries; the next one when left out'
        )
      }
    },
    can: ({ draft }) => draft.spec !== null,
    act: (editor, args) => {
      const { form } = editor;
      const { parts, part } = form;
      const names = parts.map(({ name }) => name);
      const next =
        args.entry === undefined
          ? { name: after(names, part.name) }
          : args.entry === null
            ? { name: null }
            : meant(editor, args);
      form.choose(next);
      editor.setView('form');
      return { entry: next.name };
    }
  });

  add(CommandIDs.addEntry, {
    label: trans.__('Add Entry to Spec'),
    caption: trans.__('Add an entry like those that scaling adds'),
    properties: { name: newName },
    can: editor => canWrite(editor) && editor.form.canAdd,
    act: ({ form }, args) => made(form.add(saidName(args)), args)
  });

  add(CommandIDs.duplicateEntry, {
    label: trans.__('Duplicate Entry of Spec'),
    caption: trans.__('Add an entry that is the same'),
    properties: { entry, name: newName },
    can: (editor, args) =>
      args.entry === undefined
        ? isInView(editor) && Boolean(editor.form.entry)
        : canWrite(editor),
    act: (editor, args) => {
      const { form } = editor;
      const part = meant(editor, args);
      return made(form.duplicate(part, saidName(args)), args);
    }
  });

  const isEntryMeant = (editor: SpecEditor, args: Args) =>
    args.entry === undefined
      ? isInView(editor) && editor.form.part.name !== null
      : canWrite(editor);
  add(CommandIDs.removeEntry, {
    label: trans.__('Remove Entry from Spec'),
    caption: trans.__('Leave the entry out of the spec'),
    properties: { entry },
    can: isEntryMeant,
    act: (editor, args) => {
      const { name } = meant(editor, args);
      editor.form.remove(name!);
      return { entry: name };
    }
  });

  add(CommandIDs.renameEntry, {
    label: trans.__('Rename Entry of Spec…'),
    caption: trans.__('Call the entry by another name'),
    properties: {
      entry,
      name: {
        type: 'string',
        description: trans.__('Its new name; typed when left out')
      }
    },
    can: isEntryMeant,
    act: (editor, args) => {
      const { form } = editor;
      const part = meant(editor, args);
      const to = saidName(args);
      if (to === undefined) {
        form.choose(part);
        form.ask('name');
        editor.setView('form');
        return { entry: part.name };
      }
      return form.rename(part.name!, to) ? { entry: to } : refuse(to);
    }
  });

  add(CommandIDs.changeAlike, {
    label: trans.__('Change Entries That Are the Same as Well'),
    caption: trans.__('Make each change in all entries that are the same'),
    properties: {
      isTogether: {
        type: 'boolean',
        description: trans.__(
          'Whether to change them; the other way round when left out'
        )
      }
    },
    can: editor =>
      isInView(editor) &&
      (editor.form.isTogether || editor.form.others.length > 0),
    isToggled: ({ form }) => form.isTogether,
    act: ({ form }, { isTogether }) => {
      form.isTogether =
        isTogether === undefined ? !form.isTogether : isTogether === true;
      return { isTogether: form.isTogether };
    }
  });

  add(CommandIDs.showOption, {
    label: trans.__('Show Another Option of Entry…'),
    caption: trans.__('Show the field of an option that is not set'),
    properties: {
      option: {
        type: 'string',
        description: trans.__('Its name; typed when left out')
      }
    },
    can: editor => isInView(editor) && editor.form.hasMore,
    act: ({ form }, args) => {
      if (args.option === undefined) {
        form.ask('option');
        return { option: null };
      }
      const option = String(args.option).trim();
      if (!form.show(option)) {
        throw new Error(trans.__('There is no option “%1”.', option));
      }
      return { option };
    }
  });
}

function after<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length];
}

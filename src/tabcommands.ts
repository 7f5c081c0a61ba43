import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';
import { describeError } from './model/describe';

/** How long it is in view why nothing was done, in milliseconds. */
const SHOWN = { autoClose: 8_000 };

/**
 * A command for what a tab shows.
 */
export interface ITabCommand<C> {
  /**
   * What it is called; of what it is about, null when there is no such tab.
   */
  label: string | ((args: ReadonlyPartialJSONObject, of: C | null) => string);

  /**
   * What it does.
   */
  caption: string;

  /**
   * Its picture in menus.
   */
  icon?: LabIcon;

  /**
   * The arguments that it takes beside the one that says which tab is meant.
   */
  properties?: ReadonlyJSONObject;

  /**
   * Whether it can be done now; always if not given.
   */
  can?: (of: C, args: ReadonlyPartialJSONObject) => boolean;

  /**
   * Whether it is done already, of a command that is there to be toggled.
   */
  isToggled?: (of: C, args: ReadonlyPartialJSONObject) => boolean;

  /**
   * Do it. A failure is told to the person.
   *
   * @returns What the command answers; null when nothing was done.
   */
  act: (of: C, args: ReadonlyPartialJSONObject) => unknown;
}

/**
 * Adds a command for what a tab shows.
 */
export type AddTabCommand<C> = (id: string, command: ITabCommand<C>) => void;

/**
 * Tabs of one kind.
 */
export interface ITabs<C extends Widget> {
  /**
   * Knows the tabs.
   */
  tracker: WidgetTracker<MainAreaWidget<C>>;

  /**
   * What emits when something else can be done with what a tab shows.
   */
  signals: (of: C) => readonly ISignal<unknown, unknown>[];

  /**
   * What commands that are toggled go by.
   */
  state: (of: C) => string;

  /**
   * What is said where no tab is in use.
   */
  none: string;

  /**
   * The translations.
   */
  trans: TranslationBundle;
}

/**
 * The way to add commands for what a tab shows: the one that the argument says, or the one that
 * was used last, if it is in view. Elsewhere the palette does not offer them.
 */
export function tabCommands<C extends Widget>(
  { commands, shell }: JupyterFrontEnd,
  { tracker, signals, state, none, trans }: ITabs<C>
): AddTabCommand<C> {
  const ids: string[] = [];
  const possible: NonNullable<ITabCommand<C>['can']>[] = [];
  const known = new WeakMap<C, string>();
  const find = ({ widget }: ReadonlyPartialJSONObject): C | null => {
    const { currentWidget } = tracker;
    const tab =
      widget !== undefined
        ? tracker.find(({ id }) => id === widget)
        : currentWidget?.isVisible
          ? currentWidget
          : null;
    return tab?.content ?? null;
  };

  const notify = () => ids.forEach(id => commands.notifyCommandChanged(id));
  tracker.currentChanged.connect(notify);
  shell.currentChanged?.connect(notify);
  // Not for each line of a log, or letter: whoever is told forgets what is marked in the palette.
  const look = (of: C) => {
    const now = [...possible.map(can => can(of, {})), state(of)].join(' ');
    if (known.get(of) !== now) {
      known.set(of, now);
      notify();
    }
  };
  tracker.widgetAdded.connect((_, { content }) =>
    signals(content).forEach(signal => signal.connect(() => look(content)))
  );

  return (id, { label, caption, icon, properties, can, isToggled, act }) => {
    const isPossible = (
      of: C | null,
      args: ReadonlyPartialJSONObject
    ): of is C => of !== null && (can?.(of, args) ?? true);
    ids.push(id);
    if (can) {
      possible.push(can);
    }
    commands.addCommand(id, {
      label:
        typeof label === 'string' ? label : args => label(args, find(args)),
      caption,
      icon,
      isVisible: args => find(args) !== null,
      isEnabled: args => isPossible(find(args), args),
      ...(isToggled && {
        isToggleable: true,
        isToggled: args => {
          const of = find(args);
          return of !== null && isToggled(of, args);
        }
      }),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            widget: {
              type: 'string',
              description: trans.__(
                'The id of the tab, as the command that opens it answers; the one in use when left out'
              )
            },
            ...properties
          }
        }
      },
      execute: async args => {
        const of = find(args);
        if (of === null) {
          const { widget } = args;
          Notification.info(
            widget === undefined
              ? none
              : trans.__('There is no tab %1.', String(widget)),
            SHOWN
          );
          return null;
        }
        try {
          return isPossible(of, args) ? await act(of, args) : null;
        } catch (error) {
          Notification.error(describeError(error, trans), SHOWN);
          return null;
        }
      }
    });
  };
}

import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon } from '@jupyterlab/ui-components';
import type { AddTabCommand } from '../tabcommands';
import { CommandIDs } from '../tokens';

import { LEVELS } from './lines';
import type { LogView } from './logview';

/**
 * Add what can be asked of a log that is shown. Its buttons do the same.
 */
export function addLogCommands(
  add: AddTabCommand<LogView>,
  trans: TranslationBundle
): void {
  add(CommandIDs.followLog, {
    label: trans.__('Follow Log'),
    caption: trans.__('Keep the newest line in view'),
    properties: {
      isFollowed: {
        type: 'boolean',
        description: trans.__(
          'Whether to follow; the other way round when left out'
        )
      }
    },
    isToggled: ({ model }) => model.isFollowing,
    act: ({ model }, { isFollowed }) => {
      model.setFollowing(
        isFollowed === undefined ? !model.isFollowing : isFollowed === true
      );
      return { isFollowed: model.isFollowing };
    }
  });

  add(CommandIDs.copyLog, {
    label: trans.__('Copy Log'),
    caption: trans.__('Copy the lines that are shown'),
    icon: copyIcon,
    can: ({ model }) => model.shown.length > 0,
    act: view => ({ text: view.copy() })
  });

  add(CommandIDs.filterLog, {
    label: trans.__('Filter Log'),
    caption: trans.__(
      'Show only lines with a text in them, or of a level at least'
    ),
    properties: {
      text: {
        type: 'string',
        description: trans.__('What to look for; typed when both are left out')
      },
      level: {
        type: 'string',
        enum: [...LEVELS],
        description: trans.__('The level that a line must have at least')
      }
    },
    act: (view, args) => {
      const { model } = view;
      const level = LEVELS.find(one => one === args.level);
      if (args.text !== undefined) {
        model.setText(String(args.text));
      }
      if (level) {
        model.setLevel(level);
      }
      if (args.text === undefined && args.level === undefined) {
        view.focusFilter();
      }
      return { text: model.text, level: model.level };
    }
  });
}

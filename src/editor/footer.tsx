import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { SpecDraft } from './draft';
import { leave } from './leave';

/**
 * Whether there are changes, and what can be done with them.
 */
export function EditorFooter(props: {
  draft: SpecDraft;
  /** Whether the code of the spec, as it is written, was copied. */
  isCopied: boolean;
  onCopy: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, isCopied, onCopy, trans } = props;
  return (
    <>
      <button
        type="button"
        className="jp-SpecCluster-button"
        disabled={draft.spec === null}
        title={trans.__('Copy code that makes the same cluster in a notebook')}
        onClick={onCopy}
      >
        {trans.__('Copy as Python')}
      </button>
      <span className="jp-SpecCluster-editorStatus" role="status">
        {isCopied
          ? trans.__('Copied')
          : draft.isReadOnly
            ? trans.__('Read only')
            : draft.isApplying
              ? trans.__('Applying…')
              : draft.isDirty
                ? trans.__('Changed, not applied')
                : trans.__('Generation %1', draft.generation)}
      </span>
      {!draft.isReadOnly && (
        <>
          <button
            type="button"
            className="jp-SpecCluster-button"
            disabled={!draft.canRevert}
            onClick={event => {
              leave(event.currentTarget);
              draft.revert();
            }}
          >
            {trans.__('Revert')}
          </button>
          <button
            type="button"
            className="jp-SpecCluster-button jp-mod-primary"
            // What is refused is put right and applied again: until then the focus stays.
            disabled={!draft.canApply && !draft.isApplying}
            onClick={event => void apply(draft, event.currentTarget)}
          >
            {trans.__('Apply')}
          </button>
        </>
      )}
    </>
  );
}

async function apply(draft: SpecDraft, button: HTMLElement): Promise<void> {
  const hadFocus = document.activeElement === button;
  const isTaken = await draft.apply();
  // A button that is disabled has lost it already.
  const isElsewhere = ![button, document.body].includes(
    document.activeElement as HTMLElement
  );
  if (isTaken && hadFocus && !isElsewhere) {
    leave(button);
  }
}

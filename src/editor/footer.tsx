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
            // Not disabled, which would lose the focus: what it would do is asked anew whenever
            // adaptive scaling changes the spec, and what is refused is put right and applied again.
            aria-disabled={!draft.canApply || undefined}
            tabIndex={draft.canApply ? undefined : -1}
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
  const isTaken = await draft.apply();
  if (isTaken && document.activeElement === button) {
    leave(button);
  }
}

import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ClusterSpec } from '../api/types';
import type { SpecDraft } from './draft';
import { pythonCode } from './python';

/**
 * Whether there are changes, and what can be done with them.
 */
export function EditorFooter(props: {
  draft: SpecDraft;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, trans } = props;
  const [copied, setCopied] = React.useState<ClusterSpec | null>(null);
  const { spec } = draft;
  return (
    <>
      <button
        type="button"
        className="jp-SpecCluster-button"
        disabled={spec === null}
        title={trans.__('Copy code that makes the same cluster in a notebook')}
        onClick={() => {
          const { display_name } = draft.cluster.document;
          Clipboard.copyToSystem(pythonCode(spec!, display_name));
          setCopied(spec);
        }}
      >
        {trans.__('Copy as Python')}
      </button>
      <span className="jp-SpecCluster-editorStatus" role="status">
        {copied !== null && copied === spec
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
            disabled={!draft.isDirty || draft.isApplying}
            onClick={() => draft.revert()}
          >
            {trans.__('Revert')}
          </button>
          <button
            type="button"
            className="jp-SpecCluster-button jp-mod-primary"
            disabled={!draft.canApply}
            onClick={() => void draft.apply()}
          >
            {trans.__('Apply')}
          </button>
        </>
      )}
    </>
  );
}

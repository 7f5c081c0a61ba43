import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import * as React from 'react';
import { compare } from './changes';
import type { SpecDraft } from './draft';
import { leave } from './leave';
import { written } from './planview';

/**
 * What is to be known before anything else: that the cluster has gone, that
 * somebody else was faster, or what the server refuses.
 */
export function Notice(props: {
  draft: SpecDraft;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { draft, trans } = props;
  if (draft.isGone) {
    return (
      <Alert>
        <span>{trans.__('The cluster has gone.')}</span>
      </Alert>
    );
  }
  if (draft.conflict && !draft.isReadOnly) {
    return <Conflict draft={draft} trans={trans} />;
  }
  if (draft.refusal?.isAloud) {
    const { field, message } = draft.refusal;
    return (
      <Alert>
        {field && <code>{field}</code>}
        <span>{message}</span>
      </Alert>
    );
  }
  return null;
}

function Alert(props: { children: React.ReactNode }): React.JSX.Element {
  return (
    <div className="jp-SpecCluster-editorNotice" role="alert">
      {props.children}
    </div>
  );
}

function Conflict(props: {
  draft: SpecDraft;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, trans } = props;
  const { isCompared } = draft;
  const table = React.useId();
  return (
    <>
      <Alert>
        <span>
          {trans.__(
            'The spec was changed elsewhere since you began: it is generation %1 now, and yours began from %2. Nothing of either is lost until you choose.',
            draft.conflict!.generation,
            draft.generation
          )}
        </span>
        <span className="jp-SpecCluster-buttonRow">
          <Choice
            title={
              draft.spec === null
                ? trans.__('What you wrote has to be a spec for that')
                : trans.__('Make your changes to the spec as it is now')
            }
            isDisabled={!draft.canKeep}
            onChosen={() => draft.keepMine()}
          >
            {trans.__('Keep mine on top')}
          </Choice>
          <Choice
            title={trans.__('Drop your changes')}
            onChosen={() => draft.revert()}
          >
            {trans.__('Take theirs')}
          </Choice>
          <button
            type="button"
            className="jp-SpecCluster-button"
            disabled={!draft.canKeep}
            aria-expanded={isCompared}
            aria-controls={table}
            onClick={() => {
              draft.isCompared = !isCompared;
            }}
          >
            {trans.__('Compare')}
          </button>
        </span>
      </Alert>
      <div
        id={table}
        className="jp-SpecCluster-compared"
        hidden={!isCompared}
        // It scrolls: somebody without a mouse has to get there.
        tabIndex={0}
        role="region"
        aria-label={trans.__('Both changes')}
      >
        {isCompared && <Compared draft={draft} trans={trans} />}
      </div>
    </>
  );
}

/** A button that ends the conflict, and goes with it. */
function Choice(props: {
  title: string;
  isDisabled?: boolean;
  onChosen: () => void;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-SpecCluster-button"
      title={props.title}
      disabled={props.isDisabled}
      onClick={event => {
        leave(event.currentTarget);
        props.onChosen();
      }}
    >
      {props.children}
    </button>
  );
}

function Compared(props: {
  draft: SpecDraft;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { draft, trans } = props;
  if (!draft.spec || !draft.conflict) {
    return null;
  }
  const rows = compare(
    draft.base as unknown as ReadonlyJSONObject,
    draft.spec as unknown as ReadonlyJSONObject,
    draft.conflict.spec as unknown as ReadonlyJSONObject
  );
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{trans.__('Field')}</th>
          <th scope="col">{trans.__('Before')}</th>
          <th scope="col">{trans.__('Mine')}</th>
          <th scope="col">{trans.__('Theirs')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ path, base, mine, theirs, isDisputed }) => (
          <tr key={path.join('\n')} data-disputed={isDisputed || undefined}>
            <th scope="row">
              <code>{path.join('.')}</code>
              {isDisputed && <em> {trans.__('both')}</em>}
            </th>
            <td>{written(base)}</td>
            <td>{written(mine)}</td>
            <td>{written(theirs)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Level } from './lines';
import { LEVELS } from './lines';
import type { LogModel } from './logmodel';
import { sourcesOf } from './sources';

/**
 * Whose log is shown, which of its lines, and what can be done with them.
 */
export function LogHeader(props: {
  model: LogModel;
  /** Whether the lines that are shown were copied. */
  isCopied: boolean;
  onCopy: () => void;
  onSource: (member: string | null) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, isCopied, onCopy, onSource, trans } = props;
  const { shown, lines, isFollowing } = model;
  const levels: Record<Level, string> = {
    debug: trans.__('All levels'),
    info: trans.__('Info and above'),
    warning: trans.__('Warnings and errors'),
    error: trans.__('Errors')
  };
  return (
    <>
      <Sources model={model} onSource={onSource} trans={trans} />
      <input
        type="search"
        className="jp-SpecCluster-logFilter"
        aria-label={trans.__('Filter lines')}
        placeholder={trans.__('Filter lines')}
        value={model.text}
        onChange={event => model.setText(event.target.value)}
      />
      <select
        aria-label={trans.__('Level')}
        value={model.level}
        onChange={event => model.setLevel(event.target.value as Level)}
      >
        {LEVELS.map(level => (
          <option key={level} value={level}>
            {levels[level]}
          </option>
        ))}
      </select>
      <button
        type="button"
        className="jp-SpecCluster-button"
        aria-pressed={isFollowing}
        title={trans.__('Keep the newest line in view')}
        onClick={() => model.setFollowing(!isFollowing)}
      >
        {trans.__('Follow')}
      </button>
      <button
        type="button"
        className="jp-SpecCluster-button"
        disabled={shown.length === 0}
        title={trans.__('Copy the lines that are shown')}
        onClick={onCopy}
      >
        {trans.__('Copy')}
      </button>
      <span className="jp-SpecCluster-logCount">
        {shown === lines
          ? trans._n('%1 line', '%1 lines', lines.length)
          : trans.__('%1 of %2 lines', shown.length, lines.length)}
      </span>
      <span className="jp-SpecCluster-hidden" role="status">
        {isCopied &&
          trans._n('%1 line was copied', '%1 lines were copied', shown.length)}
      </span>
    </>
  );
}

function Sources(props: {
  model: LogModel;
  onSource: (member: string | null) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, onSource, trans } = props;
  const { cluster, member } = model;
  const { workers } = cluster.document;
  const sources = React.useMemo(
    () => sourcesOf(cluster.document),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what they are made of
    [workers]
  );
  const isListed =
    member === null ||
    sources.some(
      ({ entry, members }) => entry === member || members.includes(member)
    );
  return (
    <select
      aria-label={trans.__('Whose log')}
      value={member ?? ''}
      onChange={event => onSource(event.target.value || null)}
    >
      <option value="">{trans.__("The cluster's own process")}</option>
      {!isListed && <option value={member}>{member}</option>}
      {sources.map(({ entry, members }) =>
        members.length === 0 ? (
          <option key={entry} value={entry}>
            {entry}
          </option>
        ) : (
          <optgroup key={entry} label={entry}>
            <option value={entry}>{trans.__('All of %1', entry)}</option>
            {members.map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </optgroup>
        )
      )}
    </select>
  );
}

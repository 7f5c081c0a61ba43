import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { USUAL_PATTERN, groupOf, patternOf } from './group';

/** What the server takes at most. */
const MOST = 10_000;

/**
 * How many workers an entry is, and what they are called.
 */
export function GroupFields(props: {
  group: readonly string[] | null | undefined;
  error: string | undefined;
  isReadOnly: boolean;
  onChange: (group: string[] | undefined) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { group, error, isReadOnly, onChange, trans } = props;
  const id = React.useId();
  const [typedCount, setTypedCount] = React.useState<string | null>(null);
  const [typed, setTyped] = React.useState<string | null>(null);
  const found = group ? patternOf(group) : null;
  const count = group?.length ?? 1;
  const made = typed === null ? null : groupOf({ count, pattern: typed });
  // What was typed stands while it makes what is there, or makes nothing yet.
  const isTyped = made !== null && made.join('\n') === group?.join('\n');
  const isWrong = typed !== null && (made === null || typed === '');
  const pattern =
    typed !== null && (isTyped || isWrong)
      ? typed
      : (found?.pattern ?? USUAL_PATTERN);
  const isOdd = Boolean(group) && !found && !isTyped && !isWrong;
  const invalid = error !== undefined || undefined;
  return (
    <>
      <div className="jp-SpecCluster-field" data-invalid={invalid}>
        <label htmlFor={`${id}-count`}>{trans.__('Workers')}</label>
        <div>
          <div className="jp-SpecCluster-fieldRow">
            <label className="jp-SpecCluster-check">
              <input
                type="checkbox"
                checked={Boolean(group)}
                disabled={isReadOnly}
                onChange={event =>
                  onChange(
                    event.target.checked
                      ? groupOf({ count: 1, pattern: USUAL_PATTERN })!
                      : undefined
                  )
                }
              />
              {trans.__('a group')}
            </label>
            <input
              id={`${id}-count`}
              type="number"
              min={1}
              max={MOST}
              step={1}
              value={typedCount ?? count}
              disabled={isReadOnly || !group || isOdd}
              aria-invalid={invalid}
              aria-describedby={`${id}-more`}
              onBlur={() => setTypedCount(null)}
              onChange={event => {
                setTypedCount(event.target.value);
                const next = Number(event.target.value);
                if (Number.isInteger(next) && next >= 1 && next <= MOST) {
                  const usual = { count: next, pattern: USUAL_PATTERN };
                  onChange(
                    groupOf({ count: next, pattern }) ?? groupOf(usual)!
                  );
                }
              }}
            />
          </div>
          <div id={`${id}-more`}>
            {error && <p className="jp-SpecCluster-fieldError">{error}</p>}
          </div>
        </div>
      </div>
      {group && (
        <div className="jp-SpecCluster-field" data-invalid={invalid}>
          <label htmlFor={`${id}-suffixes`}>
            {isOdd ? trans.__('Suffixes') : trans.__('Suffix pattern')}
          </label>
          <div>
            {isOdd ? (
              <textarea
                id={`${id}-suffixes`}
                rows={Math.min(6, count)}
                value={group.join('\n')}
                disabled={isReadOnly}
                aria-describedby={`${id}-help`}
                onChange={event => onChange(event.target.value.split('\n'))}
              />
            ) : (
              <input
                id={`${id}-suffixes`}
                type="text"
                autoComplete="off"
                value={pattern}
                disabled={isReadOnly}
                aria-describedby={`${id}-help`}
                aria-invalid={isWrong || invalid}
                onBlur={() => isWrong && setTyped(null)}
                onChange={event => {
                  const next = event.target.value;
                  setTyped(next);
                  const suffixes = groupOf({ count, pattern: next });
                  if (suffixes && next !== '') {
                    onChange(suffixes);
                  }
                }}
              />
            )}
            {isWrong && (
              <p className="jp-SpecCluster-fieldError">
                {trans.__('needs {i}, or all would be called the same')}
              </p>
            )}
            <small id={`${id}-help`}>
              {isOdd
                ? trans.__(
                    'One a line; each is added to the name of the entry.'
                  )
                : trans.__(
                    '{i} is the number of the worker: %1',
                    preview(group)
                  )}
            </small>
          </div>
        </div>
      )}
    </>
  );
}

function preview(group: readonly string[]): string {
  return group.length > 4
    ? `${group.slice(0, 3).join(' ')} … ${group[group.length - 1]}`
    : group.join(' ');
}

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ClusterSpec } from '../api/types';
import type { Part } from './entries';
import { freeName, partOf, renamed, withPart } from './entries';

/**
 * Which entry the form shows, and which there are.
 */
export function EntryChoice(props: {
  spec: ClusterSpec;
  part: Part;
  /** Another number for each entry that is chosen. */
  choice: number;
  isReadOnly: boolean;
  onPart: (part: Part) => void;
  onRenamed: (name: string) => void;
  onSpec: (spec: ClusterSpec) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { spec, part, choice, isReadOnly, trans } = props;
  const { onPart, onRenamed, onSpec } = props;
  const id = React.useId();
  const names = Object.keys(spec.workers ?? {});
  const { name } = part;
  const shown = partOf(spec, part);
  const add = (isCopy: boolean) => {
    const entry = isCopy ? shown : (spec.worker ?? shown);
    if (entry) {
      const next = freeName(spec);
      onSpec(withPart(spec, { name: next }, entry));
      onPart({ name: next });
    }
  };
  const remove = () => {
    const at = names.indexOf(name!);
    onSpec(withPart(spec, part, null));
    onPart({ name: names[at + 1] ?? names[at - 1] ?? null });
  };
  return (
    <>
      <div className="jp-SpecCluster-field">
        <label htmlFor={id}>{trans.__('Entry')}</label>
        <div className="jp-SpecCluster-fieldRow">
          <select
            id={id}
            // A name may be whatever the others are not.
            value={name === null ? 'new' : `=${name}`}
            onChange={({ target }) =>
              onPart({
                name: target.value === 'new' ? null : target.value.slice(1)
              })
            }
          >
            {names.map(one => (
              <option key={one} value={`=${one}`}>
                {trans.__('%1 (%2)', one, className(spec, one))}
              </option>
            ))}
            <option value="new">{trans.__('the form of new entries')}</option>
          </select>
          {!isReadOnly && (
            <>
              <button
                type="button"
                className="jp-SpecCluster-button"
                disabled={!spec.worker && !shown}
                onClick={() => add(false)}
              >
                {trans.__('Add')}
              </button>
              <button
                type="button"
                className="jp-SpecCluster-button"
                disabled={!shown}
                onClick={() => add(true)}
              >
                {trans.__('Duplicate')}
              </button>
              <button
                type="button"
                className="jp-SpecCluster-button"
                disabled={name === null}
                onClick={remove}
              >
                {trans.__('Remove')}
              </button>
            </>
          )}
        </div>
      </div>
      {name !== null && (
        <NameField
          key={choice}
          name={name}
          isReadOnly={isReadOnly}
          onName={next => {
            const spelt = renamed(spec, name, next);
            if (spelt) {
              onSpec(spelt);
              onRenamed(next);
            }
            return spelt !== null;
          }}
          trans={trans}
        />
      )}
    </>
  );
}

function NameField(props: {
  name: string;
  isReadOnly: boolean;
  onName: (name: string) => boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { name, isReadOnly, onName, trans } = props;
  const id = React.useId();
  const [text, setText] = React.useState(name);
  const [isTaken, setTaken] = React.useState(false);
  const commit = () => setTaken(text !== name && !onName(text));
  return (
    <div className="jp-SpecCluster-field" data-invalid={isTaken}>
      <label htmlFor={id}>{trans.__('Name')}</label>
      <div>
        <input
          id={id}
          type="text"
          autoComplete="off"
          spellCheck={false}
          value={text}
          disabled={isReadOnly}
          aria-invalid={isTaken || undefined}
          aria-describedby={`${id}-error`}
          onChange={event => setText(event.target.value)}
          // Each letter by itself would be an entry that is made anew.
          onBlur={commit}
          onKeyDown={event => event.key === 'Enter' && commit()}
        />
        <p id={`${id}-error`} className="jp-SpecCluster-fieldError">
          {isTaken && trans.__('must not be empty, nor the name of another')}
        </p>
      </div>
    </div>
  );
}

function className(spec: ClusterSpec, name: string): string {
  const cls: unknown = partOf(spec, { name })?.cls;
  return typeof cls === 'string' ? cls.split('.').pop()! : '–';
}

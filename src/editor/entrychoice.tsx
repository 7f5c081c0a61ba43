import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ClusterSpec } from '../api/types';
import { partOf } from './entries';
import { useAskedFor } from './focus';
import type { FormModel } from './formmodel';

/**
 * Which entry the form shows, and which there are.
 */
export function EntryChoice(props: {
  form: FormModel;
  spec: ClusterSpec;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, spec, trans } = props;
  const id = React.useId();
  const { name } = form.part;
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
              form.choose({
                name: target.value === 'new' ? null : target.value.slice(1)
              })
            }
          >
            {Object.keys(spec.workers ?? {}).map(one => (
              <option key={one} value={`=${one}`}>
                {trans.__('%1 (%2)', one, className(spec, one))}
              </option>
            ))}
            <option value="new">{trans.__('the form of new entries')}</option>
          </select>
          {!form.draft.isReadOnly && (
            <>
              <button
                type="button"
                className="jp-SpecCluster-button"
                disabled={!form.canAdd}
                onClick={() => form.add()}
              >
                {trans.__('Add')}
              </button>
              <button
                type="button"
                className="jp-SpecCluster-button"
                disabled={!form.entry}
                onClick={() => form.duplicate(form.part)}
              >
                {trans.__('Duplicate')}
              </button>
              <button
                type="button"
                className="jp-SpecCluster-button"
                disabled={name === null}
                onClick={() => form.remove(name!)}
              >
                {trans.__('Remove')}
              </button>
            </>
          )}
        </div>
      </div>
      {name !== null && (
        <NameField key={form.choice} form={form} name={name} trans={trans} />
      )}
    </>
  );
}

function NameField(props: {
  form: FormModel;
  name: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, name, trans } = props;
  const id = React.useId();
  const [typed, setTyped] = React.useState<string | null>(null);
  const [isTaken, setTaken] = React.useState(false);
  const input = useAskedFor(form, 'name');
  const commit = () => {
    const isDone = typed === null || form.rename(name, typed);
    setTaken(!isDone);
    if (isDone) {
      setTyped(null);
    }
  };
  return (
    <div className="jp-SpecCluster-field" data-invalid={isTaken}>
      <label htmlFor={id}>{trans.__('Name')}</label>
      <div>
        <input
          ref={input}
          id={id}
          type="text"
          autoComplete="off"
          spellCheck={false}
          value={typed ?? name}
          disabled={form.draft.isReadOnly}
          aria-invalid={isTaken || undefined}
          aria-describedby={`${id}-error`}
          onChange={event => setTyped(event.target.value)}
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

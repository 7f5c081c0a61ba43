import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, ReadonlyJSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { ClusterSpec, WorkerClass, WorkerSpec } from '../api/types';
import { someNames } from '../model/somenames';
import type { SpecDraft } from './draft';
import type { Part } from './entries';
import { isEntry } from './entries';
import { EntryChoice } from './entrychoice';
import { pathOf } from './field';
import { useAskedFor } from './focus';
import type { FormModel } from './formmodel';
import { GroupFields } from './groupfields';
import { Labelled } from './labelled';
import { Marked } from './marked';
import { OptionsForm } from './optionsform';

/** How many entries are named before they are only counted. */
const NAMES_SHOWN = 4;

/**
 * A spec as a form: one entry at a time, its options as its class describes them.
 */
export function FormView(props: {
  form: FormModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, trans } = props;
  const { draft, entry } = form;
  const { spec } = draft;
  if (!spec) {
    return (
      <p role="alert">
        {trans.__(
          'The code is no spec, which has to be put right there first.'
        )}
      </p>
    );
  }
  return (
    <>
      <EntryChoice form={form} spec={spec} trans={trans} />
      {draft.classes.error && <p role="alert">{draft.classes.error}</p>}
      {isEntry(entry) ? (
        <EntryForm
          // Another entry is another form: nothing of what was typed is carried over. One of
          // another name is the same: the focus stays.
          key={form.choice}
          form={form}
          spec={spec}
          entry={entry}
          trans={trans}
        />
      ) : (
        <p>
          {entry
            ? trans.__(
                'This entry is not written as one; the code says how it is.'
              )
            : trans.__(
                'There is no form for new entries: scaling can add none.'
              )}
        </p>
      )}
    </>
  );
}

function EntryForm(props: {
  form: FormModel;
  spec: ClusterSpec;
  entry: WorkerSpec;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, spec, entry, trans } = props;
  const { draft, known } = form;
  const { isReadOnly } = draft;
  const refused = refusalOf(draft, spec, form.part);
  return (
    <>
      {!isReadOnly && <Together form={form} trans={trans} />}
      <ClassField
        classes={draft.classes.all}
        cls={entry.cls}
        error={refused.cls}
        isReadOnly={isReadOnly}
        onChange={cls => form.change({ cls })}
        trans={trans}
      />
      <GroupFields
        group={entry.group}
        error={refused.group}
        // The class may have an option that has to go with it.
        isReadOnly={isReadOnly || !draft.classes.isAnswered}
        onChange={group =>
          form.change({ group, options: counted(entry, known, group) })
        }
        trans={trans}
      />
      <OptionsForm
        schema={form.schema}
        names={form.shown}
        options={(entry.options ?? {}) as ReadonlyJSONObject}
        refused={refused.options}
        isReadOnly={isReadOnly}
        onChange={next =>
          form.change({ options: next as WorkerSpec['options'] })
        }
        trans={trans}
      />
      {!isReadOnly && <MoreOptions form={form} trans={trans} />}
    </>
  );
}

/** Whether what is changed is changed in all that are the same. */
function Together(props: {
  form: FormModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, trans } = props;
  const names = form.others.map(
    ({ name }) => name ?? trans.__('the form of new entries')
  );
  return (
    <Labelled label={trans.__('Change as well')}>
      {ids => (
        <span className="jp-SpecCluster-check">
          <input
            {...ids}
            type="checkbox"
            checked={form.isTogether}
            // There all the time: what came and went would move what is typed in.
            disabled={names.length === 0 && !form.isTogether}
            onChange={({ target }) => {
              form.isTogether = target.checked;
            }}
          />
          {names.length === 0
            ? trans.__('no other is the same')
            : trans.__(
                'those that are the same: %1',
                someNames(names, NAMES_SHOWN, trans)
              )}
        </span>
      )}
    </Labelled>
  );
}

/** Where a class has an option for how many workers an entry is, it goes with the group. */
function counted(
  entry: WorkerSpec,
  known: WorkerClass | undefined,
  group: string[] | undefined
): WorkerSpec['options'] {
  const { [known?.count ?? '']: before, ...others } = entry.options ?? {};
  return known?.count && (before !== undefined || group)
    ? { ...others, ...(group && { [known.count]: group.length }) }
    : entry.options;
}

function ClassField(props: {
  classes: readonly WorkerClass[];
  cls: string;
  error: string | undefined;
  isReadOnly: boolean;
  onChange: (cls: string) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { classes, cls, error, isReadOnly, onChange, trans } = props;
  const id = React.useId();
  const names = classes.map(one => one.cls);
  const known = classes.find(one => one.cls === cls);
  const help = known?.error ?? known?.description;
  return (
    <div className="jp-SpecCluster-field" data-invalid={error !== undefined}>
      <label htmlFor={id}>{trans.__('Class')}</label>
      <div>
        <select
          id={id}
          value={cls}
          disabled={isReadOnly}
          aria-describedby={`${id}-more`}
          aria-invalid={error !== undefined || undefined}
          onChange={event => onChange(event.target.value)}
        >
          {(names.includes(cls) ? names : [cls, ...names]).map(one => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
        <div id={`${id}-more`}>
          {error && <p className="jp-SpecCluster-fieldError">{error}</p>}
          {help && (
            <small>
              <Marked text={help} />
            </small>
          )}
        </div>
      </div>
    </div>
  );
}

function MoreOptions(props: {
  form: FormModel;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { form, trans } = props;
  const { hidden } = form;
  const id = React.useId();
  const input = useAskedFor(form, 'option');
  const [text, setText] = React.useState('');
  if (!form.hasMore) {
    return null;
  }
  const name = text.trim();
  const isKnown = form.canShow(name);
  const show = () => {
    form.show(name);
    setText('');
  };
  return (
    <div className="jp-SpecCluster-field">
      <label htmlFor={id}>{trans.__('Another option')}</label>
      <div className="jp-SpecCluster-fieldRow">
        <input
          ref={input}
          id={id}
          type="text"
          list={`${id}-names`}
          autoComplete="off"
          placeholder={trans.__('its name')}
          value={text}
          onChange={event => setText(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && isKnown) {
              event.preventDefault();
              show();
            }
          }}
        />
        <datalist id={`${id}-names`}>
          {hidden.map(one => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <button
          type="button"
          className="jp-SpecCluster-button"
          disabled={!isKnown}
          onClick={show}
        >
          {trans.__('Show')}
        </button>
      </div>
    </div>
  );
}

/** What the server has against a part, by where it is. */
function refusalOf(
  draft: SpecDraft,
  spec: ClusterSpec,
  { name }: Part
): { cls?: string; group?: string; options: Record<string, string> } {
  const { refusal } = draft;
  const path = refusal?.field
    ? pathOf(refusal.field, spec as unknown as ReadonlyJSONValue)
    : [];
  const place = name === null ? ['worker'] : ['workers', name];
  if (!refusal || !place.every((key, index) => path[index] === key)) {
    return { options: {} };
  }
  const [where, option] = path.slice(place.length);
  if (where === 'options' && option !== undefined) {
    return { options: { [option]: refusal.message } };
  }
  return where === 'group'
    ? { group: refusal.message, options: {} }
    : { cls: refusal.message, options: {} };
}

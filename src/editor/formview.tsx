import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, ReadonlyJSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { ClusterSpec, WorkerClass, WorkerSpec } from '../api/types';
import { someNames } from '../model/somenames';
import type { SpecDraft } from './draft';
import type { Part } from './entries';
import { alike, partOf, withParts } from './entries';
import { EntryChoice } from './entrychoice';
import { pathOf } from './field';
import { GroupFields } from './groupfields';
import { Labelled } from './labelled';
import { Marked } from './marked';
import { OptionsForm } from './optionsform';
import type { ISchema } from './schema';
import { optionsSchema } from './schema';

/** What most people come for, of dask's classes and of those for queues. */
const MAIN = [
  'cores',
  'memory',
  'nthreads',
  'memory_limit',
  'queue',
  'walltime'
];

/** How many entries are named before they are only counted. */
const NAMES_SHOWN = 4;

/**
 * A spec as a form: one entry at a time, its options as its class describes them.
 */
export function FormView(props: {
  draft: SpecDraft;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, trans } = props;
  const [{ name, choice }, choose] = React.useState<Part & { choice: number }>(
    () => ({
      name: Object.keys(draft.base.workers ?? {})[0] ?? null,
      choice: 0
    })
  );
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
  const isThere = name === null || partOf(spec, { name }) !== undefined;
  const part: Part = { name: isThere ? name : null };
  const entry = partOf(spec, part);
  return (
    <>
      <EntryChoice
        spec={spec}
        part={part}
        isReadOnly={draft.isReadOnly}
        choice={choice}
        onPart={next => choose({ name: next.name, choice: choice + 1 })}
        onRenamed={next => choose({ name: next, choice })}
        onSpec={next => draft.write(next)}
        trans={trans}
      />
      {draft.classes.error && <p role="alert">{draft.classes.error}</p>}
      {isEntry(entry) ? (
        <EntryForm
          // Another entry is another form: nothing of what was typed is carried over. One of
          // another name is the same: the focus stays.
          key={`${choice} ${isThere}`}
          draft={draft}
          spec={spec}
          part={part}
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

function isEntry(entry: unknown): entry is WorkerSpec {
  const { cls, options, group } = (entry ?? {}) as Partial<WorkerSpec>;
  const isObject =
    typeof options === 'object' && options && !Array.isArray(options);
  const isGroup =
    Array.isArray(group) && group.every(one => typeof one === 'string');
  return (
    typeof cls === 'string' &&
    (options === undefined || Boolean(isObject)) &&
    (group === undefined || group === null || isGroup)
  );
}

function EntryForm(props: {
  draft: SpecDraft;
  spec: ClusterSpec;
  part: Part;
  entry: WorkerSpec;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { draft, spec, part, entry, trans } = props;
  const { isReadOnly } = draft;
  const classes = draft.classes.all;
  const [more, setMore] = React.useState<readonly string[]>([]);
  // Those that were alike when that was said: while something is typed, others may come to be.
  const [together, setTogether] = React.useState<readonly Part[] | null>(null);
  const others = alike(spec, part, together);
  const change = (next: Partial<WorkerSpec>) =>
    draft.write(
      withParts(spec, [part, ...(together ? others : [])], {
        ...entry,
        ...next
      })
    );
  const known = classes.find(({ cls }) => cls === entry.cls);
  const full = optionsSchema(classes, entry.cls);
  const options = (entry.options ?? {}) as ReadonlyJSONObject;
  const refused = refusalOf(draft, spec, part);
  const shown = shownOptions(full, options, more, known, entry);
  const rest = Object.entries(full.properties ?? {})
    .filter(([name, of]) => !shown.includes(name) && !of.readOnly)
    .map(([name]) => name);
  return (
    <>
      {!isReadOnly && (
        <Together
          others={others}
          isChosen={together !== null}
          onChoose={isChosen => setTogether(isChosen ? others : null)}
          trans={trans}
        />
      )}
      <ClassField
        classes={classes}
        cls={entry.cls}
        error={refused.cls}
        isReadOnly={isReadOnly}
        onChange={cls => change({ cls })}
        trans={trans}
      />
      <GroupFields
        group={entry.group}
        error={refused.group}
        // The class may have an option that has to go with it.
        isReadOnly={isReadOnly || !draft.classes.isAnswered}
        onChange={group =>
          change({ group, options: counted(entry, known, group) })
        }
        trans={trans}
      />
      <OptionsForm
        schema={full}
        names={shown}
        options={options}
        refused={refused.options}
        isReadOnly={isReadOnly}
        onChange={next => change({ options: next as WorkerSpec['options'] })}
        trans={trans}
      />
      {!isReadOnly && (
        <MoreOptions
          names={rest}
          isOpen={full.additionalProperties !== false}
          onAdd={name => setMore([...more, name])}
          trans={trans}
        />
      )}
    </>
  );
}

/** Whether what is changed is changed in all that are the same. */
function Together(props: {
  others: readonly Part[];
  isChosen: boolean;
  onChoose: (isChosen: boolean) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { others, isChosen, onChoose, trans } = props;
  const names = others.map(
    ({ name }) => name ?? trans.__('the form of new entries')
  );
  return (
    <Labelled label={trans.__('Change as well')}>
      {ids => (
        <span className="jp-SpecCluster-check">
          <input
            {...ids}
            type="checkbox"
            checked={isChosen}
            // There all the time: what came and went would move what is typed in.
            disabled={names.length === 0 && !isChosen}
            onChange={({ target }) => onChoose(target.checked)}
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

/** Which options have a field: those that are set, those that were asked for, and the usual ones. */
function shownOptions(
  schema: ISchema,
  options: ReadonlyJSONObject,
  more: readonly string[],
  known: WorkerClass | undefined,
  entry: WorkerSpec
): string[] {
  const properties = schema.properties ?? {};
  const usual = MAIN.filter(name => Object.hasOwn(properties, name));
  const names = new Set([...usual, ...Object.keys(options), ...more]);
  // The size of the group says it.
  if (known?.count && entry.group) {
    names.delete(known.count);
  }
  return [...names];
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
  names: readonly string[];
  isOpen: boolean;
  onAdd: (name: string) => void;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { names, isOpen, onAdd, trans } = props;
  const id = React.useId();
  const [name, setName] = React.useState('');
  if (names.length === 0 && !isOpen) {
    return null;
  }
  const isKnown = names.includes(name) || (isOpen && name.trim() !== '');
  const add = () => {
    onAdd(name.trim());
    setName('');
  };
  return (
    <div className="jp-SpecCluster-field">
      <label htmlFor={id}>{trans.__('Another option')}</label>
      <div className="jp-SpecCluster-fieldRow">
        <input
          id={id}
          type="text"
          list={`${id}-names`}
          autoComplete="off"
          placeholder={trans.__('its name')}
          value={name}
          onChange={event => setName(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && isKnown) {
              event.preventDefault();
              add();
            }
          }}
        />
        <datalist id={`${id}-names`}>
          {names.map(one => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <button
          type="button"
          className="jp-SpecCluster-button"
          disabled={!isKnown}
          onClick={add}
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

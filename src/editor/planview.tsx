import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONValue } from '@lumino/coreutils';
import * as React from 'react';
import type { ClusterSpec, Plan, WorkerSpec } from '../api/types';
import { someNames } from '../model/somenames';
import { describeStake } from '../model/stake';
import type { IChange } from './changes';
import { changesBetween } from './changes';
import type { SpecDraft } from './draft';

/** How many entries are shown before they are only counted. */
const ROWS = 12;

/**
 * What the changes would do: which entries start, are replaced, and go, and
 * what becomes of the data.
 */
export function PlanView(props: {
  draft: SpecDraft;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { draft, trans } = props;
  const { plan, refusal, isPlanning } = draft;
  const heading = React.useId();
  const spec = draft.spec;
  const isShown =
    draft.isDirty && !draft.conflict && !draft.isReadOnly && !draft.isGone;
  // What is said of it is said in a part that is always there, or it is not said aloud.
  return (
    <section
      className="jp-SpecCluster-planBox"
      aria-labelledby={heading}
      aria-busy={isPlanning}
      hidden={!isShown}
    >
      <h3 id={heading}>
        {isShown && plan && spec
          ? trans.__('Plan: %1', summary(plan, trans))
          : trans.__('Plan')}
      </h3>
      <div role="status">
        {isShown && plan && spec ? (
          <Rows plan={plan} base={draft.base} spec={spec} trans={trans} />
        ) : isShown && refusal && !refusal.isAloud ? (
          <p data-mood="bad">
            {refusal.field && <code>{refusal.field}</code>} {refusal.message}
          </p>
        ) : isShown && draft.problem ? (
          <p data-mood="bad">{draft.problem.message}</p>
        ) : isShown && isPlanning ? (
          <p>{trans.__('Looking what this would do…')}</p>
        ) : null}
      </div>
    </section>
  );
}

function summary(plan: Plan, trans: TranslationBundle): string {
  const { replace, retire, start } = plan;
  const parts = [
    replace.length > 0 &&
      trans._n(
        'replace %1 entry, rolling',
        'replace %1 entries, rolling',
        replace.length
      ),
    start.length > 0 &&
      trans._n('start %1 entry', 'start %1 entries', start.length),
    retire.length > 0 &&
      trans._n('retire %1 entry', 'retire %1 entries', retire.length)
  ].filter(part => part !== false);
  return parts.length > 0
    ? parts.join(', ')
    : trans.__('no worker that runs is touched');
}

function Rows(props: {
  plan: Plan;
  base: ClusterSpec;
  spec: ClusterSpec;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { plan, base, spec, trans } = props;
  const stake = describeStake(plan, trans);
  const isStuck = plan.stuck && plan.retire.length > 0;
  const before = base.workers ?? {};
  const after = spec.workers ?? {};
  const form = changesBetween(
    base.worker as unknown as ReadonlyJSONValue,
    spec.worker as unknown as ReadonlyJSONValue
  );
  const touched = new Set([...plan.replace, ...plan.retire, ...plan.start]);
  const kept = Object.keys(after).filter(name => !touched.has(name));
  return (
    <dl>
      <Entries
        names={plan.replace}
        word={trans.__('replace')}
        mood="troubled"
        trans={trans}
        of={name => (
          <>
            <ChangeList
              changes={changesBetween(
                before[name] as unknown as ReadonlyJSONValue,
                after[name] as unknown as ReadonlyJSONValue
              )}
              trans={trans}
            />
            {after[name]?.group && (
              <span>{membersText(name, after[name], trans)}</span>
            )}
          </>
        )}
      />
      <Entries
        names={plan.start}
        word={trans.__('start')}
        mood="good"
        trans={trans}
        of={name => membersText(name, after[name], trans)}
      />
      <Entries
        names={plan.retire}
        word={trans.__('retire')}
        mood="bad"
        trans={trans}
        of={name => membersText(name, before[name], trans)}
      />
      {form.length > 0 && (
        <Row word={trans.__('from now on')} mood="plain">
          {trans.__('entries that scaling adds:')}{' '}
          <ChangeList changes={form} trans={trans} />
        </Row>
      )}
      {stake !== null && (
        <Row
          word={isStuck ? trans.__('stuck') : trans.__('data')}
          mood={isStuck ? 'bad' : 'plain'}
        >
          {stake}
        </Row>
      )}
      {stake === null && plan.replace.length + plan.retire.length > 0 && (
        <Row word={trans.__('data')} mood="plain">
          {trans.__('Nothing is held there; nothing is lost.')}
        </Row>
      )}
      {kept.length > 0 && (
        <Row word={trans.__('keep')} mood="good">
          {someNames(kept, ROWS, trans)}
        </Row>
      )}
    </dl>
  );
}

type Mood = 'good' | 'troubled' | 'bad' | 'plain';

function Entries(props: {
  names: readonly string[];
  word: string;
  mood: Mood;
  of: (name: string) => React.ReactNode;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { names, word, mood, of, trans } = props;
  const rest = names.length - ROWS;
  return (
    <>
      {names.slice(0, ROWS).map(name => (
        <Row key={name} word={word} mood={mood}>
          <b>{name}</b> {of(name)}
        </Row>
      ))}
      {rest > 0 && (
        <Row word={word} mood={mood}>
          {trans._n('and %1 more', 'and %1 more', rest)}
        </Row>
      )}
    </>
  );
}

function Row(props: {
  word: string;
  mood: Mood;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <div className="jp-SpecCluster-planRow" data-mood={props.mood}>
      <dt>{props.word}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/**
 * What is another, field by field.
 */
export function ChangeList(props: {
  changes: readonly IChange[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { changes, trans } = props;
  return (
    <>
      {changes.map(({ path, before, after }) => (
        <span key={path.join('\n')} className="jp-SpecCluster-change">
          <code>{fieldName(path)}</code>{' '}
          {before === undefined ? (
            <ins>{written(after)}</ins>
          ) : after === undefined ? (
            <del aria-label={trans.__('%1, removed', written(before))}>
              {written(before)}
            </del>
          ) : (
            <>
              <del>{written(before)}</del>
              {' → '}
              <ins>{written(after)}</ins>
            </>
          )}
        </span>
      ))}
    </>
  );
}

/**
 * A value on one line, cut where it is long.
 */
export function written(value: ReadonlyJSONValue | undefined): string {
  const text =
    value === undefined
      ? '–'
      : typeof value === 'string'
        ? value
        : Array.isArray(value)
          ? value
              .map(one => (typeof one === 'string' ? one : JSON.stringify(one)))
              .join(' ')
          : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** How many characters of a value are shown. */
const LONGEST = 80;

/** Options are what nearly all fields are. */
function fieldName(path: readonly string[]): string {
  return path
    .filter((part, index) => index > 0 || part !== 'options')
    .join('.');
}

/** Which workers an entry is: `0-0 … 0-3`. */
function membersText(
  name: string,
  entry: WorkerSpec | undefined,
  trans: TranslationBundle
): string {
  const group = entry?.group;
  if (!group || group.length === 0) {
    return '';
  }
  const first = `${name}${group[0]}`;
  const last = `${name}${group[group.length - 1]}`;
  return group.length === 1
    ? trans.__('worker %1', first)
    : trans.__('workers %1 … %2', first, last);
}

import type {
  Completion,
  CompletionContext,
  CompletionResult
} from '@codemirror/autocomplete';
import { autocompletion } from '@codemirror/autocomplete';
import type { Diagnostic } from '@codemirror/lint';
import { linter } from '@codemirror/lint';
import type { Extension } from '@codemirror/state';
import { StateEffect } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import { ViewPlugin } from '@codemirror/view';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { ClusterSpec, WorkerClass } from '../api/types';
import { valueAt } from './changes';
import type { ISignal } from '@lumino/signaling';
import type { SpecDraft } from './draft';
import { pathOf } from './field';
import { placeAt } from './place';
import type { IRefusal } from './planning';
import type { ISchema } from './schema';
import { schemaAt, specSchema } from './schema';
import { looseValue, rangeOf } from './spectext';
import type { IFinding } from './validate';
import { typesOf, validate } from './validate';

/**
 * A spec that is being written, of a cluster or of one that is to be.
 */
export interface IWritten extends Pick<
  SpecDraft,
  'text' | 'format' | 'spec' | 'problem' | 'refusal' | 'classes' | 'base'
> {
  readonly changed: ISignal<unknown, void>;
}

/**
 * What helps to write a spec as code: what is wrong is underlined where it is,
 * and what may be written is offered.
 */
export function codeHelp(
  draft: IWritten,
  trans: TranslationBundle
): Extension[] {
  return [
    linter(() => findings(draft, trans), {
      delay: 400,
      needsRefresh: ({ transactions }) =>
        transactions.some(({ effects }) => effects.some(one => one.is(LOOK)))
    }),
    ViewPlugin.define(view => new Looking(view, draft)),
    autocompletion({
      override: [context => completions(context, draft)],
      icons: false
    })
  ];
}

/** That the text is to be looked at anew, although it is the same. */
const LOOK = StateEffect.define<null>();

/** Has the text looked at anew when more is known of it. */
class Looking {
  constructor(
    private readonly _view: EditorView,
    private readonly _draft: IWritten
  ) {
    _draft.changed.connect(this._onDraft, this);
  }

  destroy(): void {
    this._draft.changed.disconnect(this._onDraft, this);
    this._isOver = true;
  }

  private _onDraft(): void {
    const { refusal, classes } = this._draft;
    if (refusal === this._refusal && classes.all === this._classes) {
      return;
    }
    this._refusal = refusal;
    this._classes = classes.all;
    // The draft may have changed by what the view is doing just now.
    void Promise.resolve().then(() => {
      if (!this._isOver) {
        this._view.dispatch({ effects: LOOK.of(null) });
      }
    });
  }

  private _refusal: IRefusal | null = null;
  private _classes: readonly WorkerClass[] = [];
  private _isOver = false;
}

/**
 * What is wrong with the text: as text, by its schema, and as the server says.
 */
export function findings(
  draft: IWritten,
  trans: TranslationBundle
): Diagnostic[] {
  const text = draft.text.sharedModel.getSource();
  const { spec, problem, refusal } = draft;
  if (!spec) {
    return problem ? [{ ...problem, severity: 'error' }] : [];
  }
  const value = spec as unknown as ReadonlyJSONValue;
  const byField = refusal?.field ? pathOf(refusal.field, value) : null;
  const found: IFinding[] = [
    ...(byField ? [{ path: byField, message: refusal!.message }] : []),
    ...validate(value, specSchema(spec, draft.classes.all), trans)
  ];
  return found.flatMap(({ path, message, isName }, index) => {
    const range = rangeOf(text, path, isName);
    const isSaid = index > 0 && byField?.join('\n') === path.join('\n');
    return range && !isSaid
      ? [{ ...range, severity: 'error' as const, message }]
      : [];
  });
}

/**
 * What may be written where the cursor is.
 */
export function completions(
  context: CompletionContext,
  draft: IWritten
): CompletionResult | null {
  const text = context.state.doc.toString();
  const place = placeAt(text, context.pos, draft.format);
  if (!place || (!context.explicit && place.from === context.pos)) {
    return null;
  }
  const now = looseValue(text);
  const spec = withClasses(now, draft.base);
  const schema = schemaAt(specSchema(spec, draft.classes.all), place.path);
  const isQuoted = draft.format === 'json' || text[place.from] === '"';
  const quote = (value: string) =>
    isQuoted || !/^[\w.-]+$/.test(value) ? JSON.stringify(value) : value;
  const isColonThere = /^\w*"?\s*:/.test(text.slice(context.pos));
  const options = place.isKey
    ? keys(schema, valueAt(now, place.path), quote, isColonThere)
    : values(schema, quote);
  // A quote that closes what is written already is written over.
  const isClosed = text[place.from] === '"' && text[context.pos] === '"';
  const to = isClosed ? context.pos + 1 : undefined;
  return { from: place.from, to, options, filter: true };
}

/**
 * What is half written, with the classes that it had before where it has none.
 */
function withClasses(
  now: ReadonlyJSONValue | undefined,
  last: ClusterSpec
): ClusterSpec {
  const known = last as unknown as ReadonlyJSONValue;
  const entry = (...path: string[]) => ({
    cls: valueAt(now, [...path, 'cls']) ?? valueAt(known, [...path, 'cls'])
  });
  const workers = valueAt(now, ['workers']);
  const names =
    typeof workers === 'object' && workers ? Object.keys(workers) : [];
  return {
    worker: entry('worker'),
    workers: Object.fromEntries(
      names.map(name => [name, entry('workers', name)])
    )
  } as unknown as ClusterSpec;
}

function keys(
  schema: ISchema,
  present: ReadonlyJSONValue | undefined,
  quote: (value: string) => string,
  isColonThere: boolean
): Completion[] {
  const own = [schema, ...(schema.anyOf ?? [])].find(one => one.properties);
  const there = new Set(
    typeof present === 'object' && present ? Object.keys(present) : []
  );
  return Object.entries(own?.properties ?? {})
    .filter(([name, of]) => !there.has(name) && !of.readOnly)
    .map(([name, of]) => ({
      label: quote(name),
      displayLabel: name,
      apply: isColonThere ? quote(name) : `${quote(name)}: `,
      detail: typesOf(of)
        .filter(type => type !== 'null')
        .join(', '),
      info: of.description,
      type: 'property'
    }));
}

function values(
  schema: ISchema,
  quote: (value: string) => string
): Completion[] {
  const choices = [schema, ...(schema.anyOf ?? [])];
  const fixed = choices.flatMap(one => [
    ...(one.enum ?? []),
    ...(one.const === undefined ? [] : [one.const]),
    ...(one.type === 'boolean' ? [true, false] : [])
  ]);
  const all = new Set([
    ...fixed,
    ...(schema.default === undefined ? [] : [schema.default])
  ]);
  return [...all].map(value => ({
    label: typeof value === 'string' ? quote(value) : JSON.stringify(value),
    displayLabel: String(value),
    type: 'constant'
  }));
}

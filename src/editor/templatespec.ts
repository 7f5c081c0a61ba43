import type { ReadonlyJSONObject, ReadonlyJSONValue } from '@lumino/coreutils';
import type {
  Cluster,
  ClusterSpec,
  NewTemplate,
  Template,
  TemplateField
} from '../api/types';
import { isSame } from './changes';
import type { ISchema } from './schema';

/**
 * Values of a template's form, by name.
 */
export type Values = Record<string, ReadonlyJSONValue>;

/**
 * What becomes of an option of a cluster in a template: it is kept, it is a
 * field of the form, or it is left out.
 */
export type Fate = 'keep' | 'ask' | 'drop';

/**
 * The form of a template, as a schema.
 */
export function fieldsSchema(template: Template): ISchema {
  const properties = Object.entries(template.fields).map(([name, field]) => {
    const { type, title, description, minimum, maximum } = field;
    const schema: ISchema = {
      type,
      title,
      description,
      default: field.default,
      minimum: minimum ?? undefined,
      maximum: maximum ?? undefined
    };
    return [name, schema];
  });
  return {
    type: 'object',
    properties: Object.fromEntries(properties) as Record<string, ISchema>,
    additionalProperties: false
  };
}

/**
 * The values that a template's form has at first.
 */
export function defaultValues(template: Template): Values {
  return Object.fromEntries(
    Object.entries(template.fields).map(([name, field]) => [
      name,
      field.default
    ])
  );
}

/**
 * The spec that a template makes: what the server does, to be shown before.
 */
export function filledSpec(template: Template, values: Values): ClusterSpec {
  const all = { ...defaultValues(template), ...values };
  const fill = (value: ReadonlyJSONValue): ReadonlyJSONValue => {
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    if (Array.isArray(value)) {
      return (value as ReadonlyJSONValue[]).map(fill);
    }
    const name = fieldOf(value);
    return name === null
      ? Object.fromEntries(
          Object.entries(value as ReadonlyJSONObject).map(([key, item]) => [
            key,
            fill(item)
          ])
        )
      : all[name];
  };
  const spec = fill(
    template.spec as ReadonlyJSONObject
  ) as unknown as ClusterSpec;
  const { worker } = spec;
  const hasEntries = Object.keys(spec.workers ?? {}).length > 0;
  const names = Array.from({ length: template.initial }, (_, i) => String(i));
  return hasEntries || !worker
    ? spec
    : { ...spec, workers: Object.fromEntries(names.map(one => [one, worker])) };
}

/**
 * The field of a template's form that a part of its spec stands for; null if
 * it stands for itself.
 */
export function fieldOf(value: ReadonlyJSONValue | undefined): string | null {
  const entries =
    typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const isOne = entries.length === 1 && entries[0][0] === '$field';
  return isOne ? String(entries[0][1]) : null;
}

/**
 * The first name that is free: a title, with a number where it is taken.
 */
export function freeName(title: string, taken: ReadonlySet<string>): string {
  let name = title;
  for (let number = 2; taken.has(name); number++) {
    name = `${title} ${number}`;
  }
  return name;
}

/**
 * A name of a template, from what it is called.
 */
export function templateName(title: string): string {
  return title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
}

/**
 * What becomes of the options of a cluster's workers at first: those that the
 * template asks for that it was made from are asked for again.
 */
export function firstFates(
  spec: ClusterSpec,
  origin: Template | undefined
): Record<string, Fate> {
  const worker = origin?.spec.worker as
    { options?: Record<string, ReadonlyJSONValue> } | undefined;
  return Object.fromEntries(
    Object.keys(spec.worker?.options ?? {}).map(name => [
      name,
      fieldOf(worker?.options?.[name]) === null ? 'keep' : 'ask'
    ])
  );
}

/**
 * A template of what a cluster is wanted to be.
 *
 * @param cluster - The cluster.
 * @param words - What the template is called.
 * @param fates - What becomes of the options of its workers.
 * @param blank - Options whose value is not to be the default of their field.
 * @param origin - The template that the cluster was made from.
 */
export function templateOf(
  cluster: Cluster,
  words: { name: string; title: string; description: string },
  fates: Record<string, Fate>,
  blank: ReadonlySet<string>,
  origin: Template | undefined
): NewTemplate {
  const { scheduler, worker } = cluster.spec;
  const workers = cluster.spec.workers ?? {};
  const fields: Record<string, TemplateField> = {};
  const spec: Record<string, unknown> = { scheduler };
  let initial = 1;
  if (worker) {
    const options = Object.entries(worker.options ?? {}).flatMap(
      ([name, value]): [string, unknown][] => {
        if (fates[name] === 'drop') {
          return [];
        }
        if (fates[name] !== 'ask') {
          return [[name, value]];
        }
        const shown = blank.has(name) ? '' : value;
        fields[name] = field(name, shown as ReadonlyJSONValue, origin);
        return [[name, { $field: name }]];
      }
    );
    spec.worker = { ...worker, options: Object.fromEntries(options) };
  }
  const entries = Object.values(workers);
  const isUniform = entries.every(one =>
    isSame(one as ReadonlyJSONObject, worker as ReadonlyJSONObject)
  );
  if (worker && isUniform) {
    initial = entries.length;
  } else {
    spec.workers = workers;
  }
  const kept = origin && {
    start_method: origin.start_method,
    preimport: origin.preimport,
    kernel: origin.kernel,
    python: origin.python,
    bind: origin.bind,
    idle_timeout: origin.idle_timeout,
    max_lifetime: origin.max_lifetime,
    orphan_timeout: origin.orphan_timeout,
    policy: origin.policy
  };
  return { ...kept, ...words, initial, fields, spec };
}

/**
 * Whether an option can be a field of a form.
 */
export function canBeAsked(value: unknown): boolean {
  return ['number', 'string', 'boolean'].includes(typeof value);
}

function field(
  name: string,
  value: ReadonlyJSONValue,
  origin: Template | undefined
): TemplateField {
  const worker = origin?.spec.worker as
    { options?: Record<string, ReadonlyJSONValue> } | undefined;
  const before = fieldOf(worker?.options?.[name]);
  const known = before === null ? undefined : origin?.fields[before];
  const type =
    typeof value === 'boolean'
      ? 'boolean'
      : typeof value === 'string'
        ? 'string'
        : Number.isInteger(value) && known?.type !== 'number'
          ? 'integer'
          : 'number';
  const is = known?.type === type ? known : undefined;
  const isWithin =
    typeof value !== 'number' ||
    (value >= (is?.minimum ?? value) && value <= (is?.maximum ?? value));
  return {
    title: known?.title ?? name,
    description: known?.description ?? '',
    type,
    default: value as TemplateField['default'],
    minimum: isWithin ? (is?.minimum ?? null) : null,
    maximum: isWithin ? (is?.maximum ?? null) : null
  };
}

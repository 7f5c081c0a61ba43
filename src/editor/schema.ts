import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { ClusterSpec, WorkerClass } from '../api/types';

/**
 * As much of JSON Schema as the options of classes are described with.
 */
export interface ISchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: ReadonlyJSONValue;
  readOnly?: boolean;
  const?: ReadonlyJSONValue;
  enum?: ReadonlyJSONValue[];
  anyOf?: ISchema[];
  oneOf?: ISchema[];
  allOf?: ISchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  uniqueItems?: boolean;
  items?: ISchema;
  properties?: Record<string, ISchema>;
  required?: string[];
  additionalProperties?: boolean | ISchema;
}

/**
 * The schema of a class's options; of a class that is not known they may be anything.
 */
export function optionsSchema(
  classes: readonly WorkerClass[],
  cls: string | undefined
): ISchema {
  const found = classes.find(one => one.cls === cls);
  return found && found.error === null
    ? (found.options as ISchema)
    : { type: 'object' };
}

/**
 * The schema of a spec that has these entries: each of the options of its class.
 */
export function specSchema(
  spec: ClusterSpec | null,
  classes: readonly WorkerClass[]
): ISchema {
  const names = classes.map(({ cls }) => cls);
  const entry = (of: unknown): ISchema => {
    const cls = (of as { cls?: string } | null | undefined)?.cls;
    return {
      type: 'object',
      required: ['cls'],
      properties: {
        cls: { type: 'string', enum: withOwn(names, cls) },
        options: optionsSchema(classes, cls),
        group: {
          anyOf: [
            {
              type: 'array',
              items: { type: 'string', minLength: 1 },
              minItems: 1,
              uniqueItems: true
            },
            { type: 'null' }
          ]
        }
      },
      additionalProperties: false
    };
  };
  const entries =
    typeof spec?.workers === 'object' && spec.workers ? spec.workers : {};
  return {
    type: 'object',
    properties: {
      scheduler: {
        type: 'object',
        properties: { cls: { type: 'string' }, options: { type: 'object' } },
        additionalProperties: false
      },
      worker: { anyOf: [entry(spec?.worker), { type: 'null' }] },
      workers: {
        type: 'object',
        properties: Object.fromEntries(
          Object.entries(entries).map(([name, of]) => [name, entry(of)])
        ),
        additionalProperties: entry(null)
      }
    },
    additionalProperties: false
  };
}

/**
 * The schema at a path; an empty one where nothing is known.
 */
export function schemaAt(schema: ISchema, path: readonly string[]): ISchema {
  return path.reduce<ISchema>((part, key) => {
    const own = [part, ...(part.anyOf ?? [])].find(one => one.properties);
    const below = own?.properties;
    if (below && Object.hasOwn(below, key)) {
      return below[key];
    }
    const more = own?.additionalProperties;
    const items = [part, ...(part.anyOf ?? [])].find(one => one.items)?.items;
    return items ?? (typeof more === 'object' ? more : {});
  }, schema);
}

/** A class that templates allow need not be among those that all may use. */
function withOwn(names: string[], cls: string | undefined): string[] {
  return typeof cls === 'string' && !names.includes(cls)
    ? [...names, cls]
    : names;
}

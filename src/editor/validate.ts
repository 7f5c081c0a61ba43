import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, ReadonlyJSONValue } from '@lumino/coreutils';
import { isSame } from './changes';
import type { ISchema } from './schema';

/**
 * What is wrong with a value, and where.
 */
export interface IFinding {
  readonly path: readonly string[];
  readonly message: string;

  /**
   * Whether it is the name that is wrong, and not the value.
   */
  readonly isName?: boolean;
}

/**
 * Say what is wrong with a value by its schema. What is shown in place of an
 * object that JSON cannot carry is right wherever it is.
 */
export function validate(
  value: ReadonlyJSONValue | undefined,
  schema: ISchema,
  trans: TranslationBundle,
  path: readonly string[] = []
): IFinding[] {
  const wrong = (message: string): IFinding[] => [{ path, message }];
  if (value === undefined || isHidden(value)) {
    return [];
  }
  const { anyOf, oneOf, allOf } = schema;
  if (allOf) {
    const found = allOf.flatMap(one => validate(value, one, trans, path));
    if (found.length > 0) {
      return found;
    }
  }
  const choices = anyOf ?? oneOf;
  if (choices) {
    return validateChoice(value, choices, trans, path);
  }
  if (schema.const !== undefined && !isSame(schema.const, value)) {
    return wrong(trans.__('must be %1', JSON.stringify(schema.const)));
  }
  if (schema.enum && !schema.enum.some(one => isSame(one, value))) {
    const all = schema.enum.map(one => JSON.stringify(one)).join(', ');
    return wrong(trans.__('must be one of %1', all));
  }
  if (!isOfType(value, schema)) {
    return wrong(trans.__('must be %1', typeNames([schema], trans)));
  }
  switch (typeof value) {
    case 'number':
      return numberProblem(value, schema, trans).flatMap(wrong);
    case 'string':
      return stringProblem(value, schema, trans).flatMap(wrong);
    case 'object':
      if (value === null) {
        return [];
      }
      return Array.isArray(value)
        ? validateList(value as ReadonlyJSONValue[], schema, trans, path)
        : validateObject(value as ReadonlyJSONObject, schema, trans, path);
    default:
      return [];
  }
}

/**
 * Whether a value stands for an object that JSON cannot carry.
 */
export function isHidden(value: ReadonlyJSONValue | undefined): boolean {
  return hiddenClass(value) !== null;
}

/**
 * The class of an object that JSON cannot carry; null for what it can.
 */
export function hiddenClass(
  value: ReadonlyJSONValue | undefined
): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return null;
  }
  const entries = Object.entries(value);
  const isOne = entries.length === 1 && entries[0][0] === '$object';
  return isOne ? String(entries[0][1]) : null;
}

/**
 * The types that a value may have by its schema, in JSON's words; none where any will do.
 */
export function typesOf(schema: ISchema): string[] {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    return [...new Set(choices.flatMap(typesOf))];
  }
  if (schema.type === undefined) {
    const values =
      schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
    return [...new Set(values.map(typeName))];
  }
  return [schema.type].flat();
}

function typeName(value: ReadonlyJSONValue): string {
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'array'
      : typeof value;
}

function isOfType(value: ReadonlyJSONValue, { type }: ISchema): boolean {
  const name = typeName(value);
  return (
    type === undefined ||
    [type]
      .flat()
      .some(
        one => one === name || (one === 'integer' && Number.isInteger(value))
      )
  );
}

function validateChoice(
  value: ReadonlyJSONValue,
  choices: ISchema[],
  trans: TranslationBundle,
  path: readonly string[]
): IFinding[] {
  const found = choices.map(one => validate(value, one, trans, path));
  if (found.some(one => one.length === 0)) {
    return [];
  }
  // Of those that it might have been meant for, the first says what is wrong.
  const alike = choices.findIndex(
    one => one.const === undefined && isOfType(value, one)
  );
  return alike >= 0
    ? found[alike]
    : [{ path, message: trans.__('must be %1', typeNames(choices, trans)) }];
}

function typeNames(schemas: ISchema[], trans: TranslationBundle): string {
  const names: Record<string, string> = {
    integer: trans.__('a whole number'),
    number: trans.__('a number'),
    string: trans.__('text'),
    boolean: trans.__('true or false'),
    null: trans.__('null'),
    object: trans.__('an object'),
    array: trans.__('a list')
  };
  const types = new Set(schemas.flatMap(typesOf));
  return [...types].map(type => names[type] ?? type).join(trans.__(' or '));
}

function numberProblem(
  value: number,
  schema: ISchema,
  trans: TranslationBundle
): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined && value < minimum) {
    return [trans.__('must be %1 or more', minimum)];
  }
  if (maximum !== undefined && value > maximum) {
    return [trans.__('must be %1 or less', maximum)];
  }
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    return [trans.__('must be more than %1', exclusiveMinimum)];
  }
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) {
    return [trans.__('must be less than %1', exclusiveMaximum)];
  }
  return [];
}

function stringProblem(
  value: string,
  schema: ISchema,
  trans: TranslationBundle
): string[] {
  const { minLength, maxLength, pattern } = schema;
  const length = [...value].length;
  if (minLength !== undefined && length < minLength) {
    return [trans.__('must not be empty')];
  }
  if (maxLength !== undefined && length > maxLength) {
    return [trans.__('must have %1 characters or fewer', maxLength)];
  }
  if (pattern !== undefined && !fits(value, pattern)) {
    return [trans.__('is not written as it should be')];
  }
  return [];
}

/** A pattern of Python need not be one here; then the server is left to judge. */
function fits(value: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function validateList(
  value: readonly ReadonlyJSONValue[],
  schema: ISchema,
  trans: TranslationBundle,
  path: readonly string[]
): IFinding[] {
  const { items, minItems, uniqueItems } = schema;
  if (minItems !== undefined && value.length < minItems) {
    return [{ path, message: trans.__('must not be empty') }];
  }
  const twice = value.find((one, index) => value.indexOf(one) !== index);
  if (uniqueItems && twice !== undefined) {
    const message = trans.__('has %1 twice', JSON.stringify(twice));
    return [{ path, message }];
  }
  return value.flatMap((item, index) =>
    validate(item, items ?? {}, trans, [...path, String(index)])
  );
}

function validateObject(
  value: ReadonlyJSONObject,
  schema: ISchema,
  trans: TranslationBundle,
  path: readonly string[]
): IFinding[] {
  const { properties = {}, additionalProperties, required = [] } = schema;
  const missing = required
    .filter(key => !Object.hasOwn(value, key))
    .map(key => ({ path, message: trans.__('%1 is missing', key) }));
  const found = Object.entries(value).flatMap(([key, item]) => {
    const place = [...path, key];
    if (Object.hasOwn(properties, key)) {
      return validate(item, properties[key], trans, place);
    }
    if (additionalProperties === false) {
      const message = trans.__('is not known here');
      return [{ path: place, message, isName: true }];
    }
    return typeof additionalProperties === 'object'
      ? validate(item, additionalProperties, trans, place)
      : [];
  });
  return [...missing, ...found];
}

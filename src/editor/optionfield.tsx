import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { FieldProps, FieldTemplateProps } from '@rjsf/utils';
import * as React from 'react';
import { isSame } from './changes';
import { Marked } from './marked';
import type { ISchema } from './schema';
import { hiddenClass, typesOf } from './validate';

/**
 * What the fields of the form have in common.
 */
export interface IFormContext {
  trans: TranslationBundle;
  isReadOnly: boolean;

  /**
   * What the ids of the fields begin with.
   */
  prefix: string;
}

type Value = ReadonlyJSONValue | undefined;

/**
 * One option of a class. What is left empty is not set.
 */
export function OptionField(props: FieldProps): React.JSX.Element {
  const { idSchema, onChange } = props;
  const { trans, isReadOnly } = props.formContext as IFormContext;
  const schema = props.schema as ISchema;
  const value = props.formData as Value;
  const hidden = hiddenClass(value);
  const choices = choicesOf(schema);
  const id = idSchema.$id;
  const help = schema.description ? `${id}__help` : undefined;
  const isInvalid = (props.rawErrors?.length ?? 0) > 0;
  const described = [help, isInvalid && `${id}__error`]
    .filter(Boolean)
    .join(' ');
  const common = {
    id,
    disabled: isReadOnly || schema.readOnly,
    'aria-describedby': described || undefined,
    'aria-invalid': isInvalid || undefined
  };
  if (hidden !== null) {
    return (
      <output id={id}>
        {trans.__('an object of %1, which is kept as it is', hidden)}
      </output>
    );
  }
  if (choices) {
    const shown = choices.findIndex(one => isSame(one, value));
    return (
      <select
        {...common}
        value={shown}
        onChange={({ target }) => onChange(choices[Number(target.value)])}
      >
        <option value={-1}>{defaultText(schema, trans)}</option>
        {choices.map((one, index) => (
          <option key={index} value={index}>
            {typeof one === 'string' ? one : JSON.stringify(one)}
          </option>
        ))}
      </select>
    );
  }
  return (
    <TextField
      common={common}
      schema={schema}
      value={value}
      placeholder={defaultText(schema, trans)}
      onChange={onChange}
    />
  );
}

function TextField(props: {
  common: React.InputHTMLAttributes<HTMLElement>;
  schema: ISchema;
  value: Value;
  placeholder: string;
  onChange: (value: Value) => void;
}): React.JSX.Element {
  const { common, schema, value, placeholder, onChange } = props;
  const [text, setText] = React.useState(() => shownText(value, schema));
  // What was typed stays as it was typed while it means what is there.
  const isTyped = isSame(meantValue(text, schema), value);
  const shown = isTyped ? text : shownText(value, schema);
  const isLong = typeof value === 'object' && value !== null;
  const Tag = isLong ? 'textarea' : 'input';
  return (
    <Tag
      {...common}
      {...(isLong ? { rows: 3 } : { type: 'text' })}
      autoComplete="off"
      spellCheck={false}
      placeholder={placeholder}
      value={shown}
      onChange={(
        event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>
      ) => {
        setText(event.target.value);
        onChange(meantValue(event.target.value, schema));
      }}
    />
  );
}

/**
 * What a text means as the value of an option: nothing, when it is empty.
 */
export function meantValue(text: string, schema: ISchema): Value {
  const plain = text.trim();
  if (plain === '') {
    return undefined;
  }
  const types = typesOf(schema);
  const parsed = parse(plain);
  if (parsed === undefined) {
    return plain;
  }
  const type =
    parsed === null ? 'null' : Array.isArray(parsed) ? 'array' : typeof parsed;
  const isMeant =
    types.length === 0 ||
    types.includes(type) ||
    (type === 'number' && types.includes('integer'));
  return isMeant && !(type === 'string' && types.length > 0) ? parsed : plain;
}

/**
 * A value as it is shown, and typed.
 */
export function shownText(value: Value, schema: ISchema): string {
  if (value === undefined) {
    return '';
  }
  if (typeof value === 'string') {
    return isSame(meantValue(value, schema), value)
      ? value
      : JSON.stringify(value);
  }
  return typeof value === 'object' && value !== null
    ? JSON.stringify(value, null, 1)
    : JSON.stringify(value);
}

/**
 * How a field is laid out: its name, what it takes, and what is wrong with it.
 */
export function OptionTemplate(props: FieldTemplateProps): React.JSX.Element {
  const { id, label, schema, children, rawErrors = [] } = props;
  if (id === (props.formContext as IFormContext).prefix) {
    return <>{children}</>;
  }
  return (
    <div className="jp-SpecCluster-field" data-invalid={rawErrors.length > 0}>
      <label htmlFor={id}>{label}</label>
      <div>
        {children}
        {rawErrors.length > 0 && (
          <p id={`${id}__error`} className="jp-SpecCluster-fieldError">
            {rawErrors.join('; ')}
          </p>
        )}
        {schema.description && (
          <small id={`${id}__help`}>
            <Marked text={schema.description} />
          </small>
        )}
      </div>
    </div>
  );
}

function parse(text: string): Value {
  try {
    return JSON.parse(text) as ReadonlyJSONValue;
  } catch {
    return undefined;
  }
}

/** The values that can be chosen from, where they are few. */
function choicesOf(schema: ISchema): ReadonlyJSONValue[] | null {
  if (schema.enum) {
    return schema.enum;
  }
  const types = typesOf(schema).filter(type => type !== 'null');
  return types.length === 1 && types[0] === 'boolean' ? [true, false] : null;
}

function defaultText(schema: ISchema, trans: TranslationBundle): string {
  return schema.default === undefined || schema.default === null
    ? ''
    : trans.__('%1 unless set', shownText(schema.default, {}));
}

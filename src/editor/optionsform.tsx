import { FormComponent } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, ReadonlyJSONValue } from '@lumino/coreutils';
import type { ErrorSchema, RJSFSchema, ValidatorType } from '@rjsf/utils';
import * as React from 'react';
import type { IFormContext } from './optionfield';
import { OptionField, OptionTemplate } from './optionfield';
import type { ISchema } from './schema';
import { validate } from './validate';

/**
 * Values by name, each as its schema describes it.
 */
export function OptionsForm(props: {
  schema: ISchema;
  names: readonly string[];
  options: ReadonlyJSONObject;
  refused: Record<string, string>;
  isReadOnly: boolean;
  onChange: (options: ReadonlyJSONObject) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { names, options, refused, isReadOnly, onChange, trans } = props;
  const properties = props.schema.properties ?? {};
  const validator = React.useMemo(() => validatorOf(trans), [trans]);
  const prefix = React.useId();
  const field = { 'ui:field': OptionField, 'ui:fieldReplacesAnyOrOneOf': true };
  const schema = {
    type: 'object',
    properties: Object.fromEntries(
      names.map(name => [
        name,
        {
          title: name,
          ...(Object.hasOwn(properties, name) && properties[name])
        }
      ])
    )
  } as RJSFSchema;
  const isOpen = props.schema.additionalProperties !== false;
  const unknown = Object.keys(options)
    .filter(name => !isOpen && !Object.hasOwn(properties, name))
    .map(name => [name, trans.__('is not known here')]);
  const extra = Object.fromEntries(
    Object.entries({ ...Object.fromEntries(unknown), ...refused }).map(
      ([name, message]) => [name, { __errors: [message] }]
    )
  );
  const context: IFormContext = { trans, isReadOnly, prefix };
  return (
    <FormComponent
      tagName="div"
      // There may be other tabs with such a form.
      idPrefix={prefix}
      validator={validator as ValidatorType<ReadonlyJSONObject>}
      schema={schema}
      uiSchema={Object.fromEntries(names.map(name => [name, field]))}
      formData={options}
      formContext={context}
      extraErrors={extra as ErrorSchema<ReadonlyJSONObject>}
      templates={{ FieldTemplate: OptionTemplate }}
      // What is not set is not to be set by showing it.
      experimental_defaultFormStateBehavior={{
        emptyObjectFields: 'skipDefaults'
      }}
      liveValidate
      showErrorList={false}
      onChange={({ formData }) => onChange(withoutUnset(formData))}
    />
  );
}

function withoutUnset(
  options: ReadonlyJSONObject | undefined
): ReadonlyJSONObject {
  return Object.fromEntries(
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
  );
}

/** Our own checks as rjsf wants them. */
function validatorOf(trans: TranslationBundle): ValidatorType {
  const check = (schema: unknown, value: unknown) =>
    validate(value as ReadonlyJSONValue, schema as ISchema, trans);
  return {
    validateFormData: (formData, schema) => {
      const found = check(schema, formData);
      const errorSchema: Record<string, { __errors: string[] }> = {};
      for (const { path, message } of found) {
        const [name, ...inner] = path;
        const where = inner.length > 0 ? `${inner.join('.')}: ` : '';
        (errorSchema[name] ??= { __errors: [] }).__errors.push(where + message);
      }
      const errors = found.map(({ path, message }) => ({
        property: `.${path.join('.')}`,
        message,
        stack: message
      }));
      return { errors, errorSchema: errorSchema as ErrorSchema };
    },
    isValid: (schema, formData) => check(schema, formData).length === 0,
    rawValidation: () => ({}),
    toErrorList: () => []
  };
}

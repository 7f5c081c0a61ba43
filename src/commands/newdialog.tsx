import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { CreateCluster, Template, TemplateField } from '../tokens';

/**
 * A Python that a cluster can run with: that of a kernel.
 */
export interface IKernel {
  readonly name: string;
  readonly title: string;
}

type Values = Record<string, number | string | boolean>;

/**
 * Let a person say what kind of cluster they want.
 *
 * @param templates - What it can be made from; there is one at least.
 * @param kernels - Whose Python it can run with.
 * @param trans - The translations.
 *
 * @returns What is wanted; null when the person wants none after all.
 */
export async function askCluster(
  templates: readonly Template[],
  kernels: readonly IKernel[],
  trans: TranslationBundle
): Promise<CreateCluster | null> {
  const { button, value } = await showDialog({
    title: trans.__('New cluster'),
    body: new NewForm(templates, kernels, trans),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Start') })
    ],
    focusNodeSelector: 'select'
  });
  return button.accept ? value : null;
}

class NewForm extends ReactWidget implements Dialog.IBodyWidget<CreateCluster> {
  constructor(
    private readonly _templates: readonly Template[],
    private readonly _kernels: readonly IKernel[],
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-SpecCluster-newForm');
    this._request = { template: _templates[0].name };
  }

  getValue(): CreateCluster {
    return this._request;
  }

  protected override render(): React.JSX.Element {
    return (
      <NewFields
        templates={this._templates}
        kernels={this._kernels}
        trans={this._trans}
        onChange={request => {
          this._request = request;
        }}
      />
    );
  }

  private _request: CreateCluster;
}

/**
 * The fields of a new cluster: those of every cluster, and those of the
 * template. The dialog cannot be confirmed while one of them is not valid.
 */
export function NewFields(props: {
  templates: readonly Template[];
  kernels: readonly IKernel[];
  trans: TranslationBundle;
  onChange: (request: CreateCluster) => void;
}): React.JSX.Element {
  const { templates, kernels, trans, onChange } = props;
  const [chosen, setChosen] = React.useState(templates[0].name);
  const [name, setName] = React.useState('');
  const [kernel, setKernel] = React.useState('');
  const [values, setValues] = React.useState<Values>({});
  const template = templates.find(one => one.name === chosen) ?? templates[0];
  const fields = Object.entries(template.fields ?? {});
  const request = React.useMemo<CreateCluster>(
    () => ({
      template: template.name,
      ...(name.trim() === '' ? {} : { name: name.trim() }),
      ...(kernel === '' ? {} : { kernel }),
      fields: values
    }),
    [template, name, kernel, values]
  );
  React.useEffect(() => onChange(request), [onChange, request]);
  return (
    <div className="jp-SpecCluster-fields">
      <Labelled
        label={trans.__('Template')}
        help={template.description}
        field={id => (
          <select
            id={id}
            className="jp-mod-styled"
            value={template.name}
            onChange={event => {
              setChosen(event.target.value);
              setValues({});
            }}
          >
            {templates.map(one => (
              <option key={one.name} value={one.name}>
                {one.title}
              </option>
            ))}
          </select>
        )}
      />
      <Labelled
        label={trans.__('Name')}
        help={trans.__('One is found when this is left empty')}
        field={id => (
          <input
            id={id}
            type="text"
            className="jp-mod-styled"
            maxLength={NAME_LENGTH}
            autoComplete="off"
            value={name}
            onChange={event => setName(event.target.value)}
          />
        )}
      />
      {fields.map(([key, field]) => (
        <Labelled
          key={`${template.name} ${key}`}
          label={field.title}
          help={field.description}
          field={id => (
            <FieldInput
              id={id}
              field={field}
              value={values[key] ?? field.default}
              onChange={value => setValues({ ...values, [key]: value })}
            />
          )}
        />
      ))}
      {kernels.length > 0 && (
        <Labelled
          label={trans.__('Python')}
          help={trans.__('Notebooks compute with the packages of their kernel')}
          field={id => (
            <select
              id={id}
              className="jp-mod-styled"
              value={kernel}
              onChange={event => setKernel(event.target.value)}
            >
              <option value="">{trans.__('as the template says')}</option>
              {kernels.map(one => (
                <option key={one.name} value={one.name}>
                  {one.title}
                </option>
              ))}
            </select>
          )}
        />
      )}
    </div>
  );
}

/** What the server takes of a name. */
const NAME_LENGTH = 100;

function Labelled(props: {
  label: string;
  help: string;
  field: (id: string) => React.JSX.Element;
}): React.JSX.Element {
  const id = React.useId();
  return (
    <div className="jp-SpecCluster-labelled">
      <label htmlFor={id}>{props.label}</label>
      {props.field(id)}
      {props.help && <small>{props.help}</small>}
    </div>
  );
}

function FieldInput(props: {
  id: string;
  field: TemplateField;
  value: number | string | boolean;
  onChange: (value: number | string | boolean) => void;
}): React.JSX.Element {
  const { id, field, value, onChange } = props;
  switch (field.type) {
    case 'boolean':
      return (
        <input
          id={id}
          type="checkbox"
          checked={value === true}
          onChange={event => onChange(event.target.checked)}
        />
      );
    case 'string':
      return (
        <input
          id={id}
          type="text"
          className="jp-mod-styled"
          required={field.default !== ''}
          value={String(value)}
          onChange={event => onChange(event.target.value)}
        />
      );
    case 'integer':
    case 'number':
      return (
        <input
          id={id}
          type="number"
          className="jp-mod-styled"
          required
          min={field.minimum ?? undefined}
          max={field.maximum ?? undefined}
          step={field.type === 'integer' ? 1 : 'any'}
          value={String(value)}
          onChange={event => {
            // What is no number yet is shown as it was typed, and is not valid.
            const text = event.target.value;
            onChange(text === '' ? text : Number(text));
          }}
        />
      );
  }
}

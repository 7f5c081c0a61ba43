import { EditorView } from '@codemirror/view';
import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import { CodeEditor, CodeEditorWrapper } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { Panel } from '@lumino/widgets';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { AskingDialog } from './askingdialog';
import { codeHelp } from './codehelp';
import { Labelled } from './labelled';
import { NewCluster } from './newcluster';
import { OptionsForm } from './optionsform';
import { Resumed } from './resumed';
import { fieldsSchema } from './templatespec';
import { undoKeys } from './undo';
import type { IUnfinished, Unfinished } from './unfinished';

/**
 * Let a person say what they want of a new cluster, and make it.
 *
 * @param options - What can be wanted.
 * @param left - What was begun before and left.
 * @param factory - Makes the editor of the whole spec.
 *
 * @returns The cluster; null when the person wants none after all.
 */
export async function askCluster(
  options: Omit<NewCluster.IOptions, 'text' | 'unfinished'>,
  left: Unfinished<IUnfinished>,
  factory: CodeEditor.Factory
): Promise<ICluster | null> {
  const { trans, template } = options;
  const wanted = new NewCluster({
    ...options,
    unfinished: left.take(template),
    text: new CodeEditor.Model()
  });
  const keep = () => {
    const { unfinished } = wanted;
    if (unfinished) {
      left.keep(unfinished.template, unfinished);
    }
  };
  // eslint-disable-next-line jupyter/require-disposable-ownership -- gone when it is closed
  const dialog = new AskingDialog<ICluster>(
    {
      title: trans.__('New cluster'),
      body: new NewForm(wanted, factory, trans),
      buttons: [
        Dialog.cancelButton(),
        Dialog.okButton({ label: trans.__('Start') })
      ]
    },
    async () => {
      const cluster = await wanted.create();
      if (cluster) {
        // It may have been left while it was made.
        left.take(wanted.template.name);
      }
      return cluster;
    },
    keep
  );
  return dialog.ask().finally(() => wanted.dispose());
}

/**
 * The fields of a new cluster, and below them the whole spec once it is asked for.
 */
class NewForm extends Panel {
  constructor(
    private readonly _wanted: NewCluster,
    factory: CodeEditor.Factory,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-SpecCluster-newForm');
    this.addWidget(
      ReactWidget.create(<NewFields wanted={_wanted} trans={_trans} />)
    );
    this._code = new CodeEditorWrapper({
      factory,
      model: _wanted.whole.text,
      editorOptions: {
        config: { lineNumbers: true, lineWrap: true },
        extensions: [
          EditorView.contentAttributes.of({
            'aria-label': _trans.__('Spec of the new cluster')
          }),
          undoKeys(_wanted.whole.text)
        ]
      }
    });
    this._code.addClass('jp-SpecCluster-newCode');
    this._code.hide();
    this.addWidget(this._code);
    if (_wanted.isWhole) {
      this._showCode();
    }
    _wanted.changed.connect(this._onWanted, this);
  }

  private _onWanted(): void {
    const { isWhole } = this._wanted;
    if (isWhole && this._code.isHidden) {
      this._showCode();
      this._code.editor.focus();
    } else if (!isWhole) {
      this._code.hide();
    }
  }

  private _showCode(): void {
    this._code.show();
    if (!this._isHelped) {
      this._isHelped = true;
      this._code.editor.injectExtension?.(
        codeHelp(this._wanted.whole, this._trans)
      );
    }
  }

  private readonly _code: CodeEditorWrapper;
  private _isHelped = false;
}

/**
 * The fields of a new cluster: those of every cluster, and those of the template.
 */
export function NewFields(props: {
  wanted: NewCluster;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { wanted, trans } = props;
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const slot = () => draw();
    wanted.changed.connect(slot);
    return () => {
      wanted.changed.disconnect(slot);
    };
  }, [wanted]);
  const nameField = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    // What most people change, or leave as it is.
    nameField.current?.focus();
    nameField.current?.select();
  }, []);
  const { template, templates, kernels, wrong } = wanted;
  const { isResumed, isWhole, isEdited, isBusy } = wanted;
  const keptId = React.useId();
  const resumedId = React.useId();
  const schema = React.useMemo(() => fieldsSchema(template), [template]);
  const names = Object.keys(template.fields);
  return (
    <fieldset
      className="jp-SpecCluster-form"
      disabled={isBusy}
      aria-describedby={isResumed ? resumedId : undefined}
    >
      <legend className="jp-SpecCluster-hidden">
        {trans.__('What is wanted')}
      </legend>
      {isResumed && <Resumed id={resumedId} trans={trans} />}
      <Labelled
        label={trans.__('Name')}
        help={trans.__(
          'Shown in the panel; one is found when this is left empty'
        )}
        error={wrong.name}
      >
        {ids => (
          <input
            {...ids}
            ref={nameField}
            type="text"
            autoComplete="off"
            spellCheck={false}
            value={wanted.name}
            onChange={event => wanted.setName(event.target.value)}
          />
        )}
      </Labelled>
      <Labelled
        label={trans.__('Template')}
        help={template.description}
        error={wrong.template}
      >
        {ids => (
          <select
            {...ids}
            value={template.name}
            disabled={isEdited}
            onChange={event =>
              wanted.setTemplate(
                templates.find(({ name }) => name === event.target.value)!
              )
            }
          >
            {templates.map(one => (
              <option
                key={one.name}
                value={one.name}
                disabled={Boolean(one.unusable)}
              >
                {one.title}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      {!isWhole && names.length > 0 && (
        <OptionsForm
          // Another template is another form: nothing of what was typed is carried over.
          key={template.name}
          schema={schema}
          names={names}
          options={wanted.values}
          refused={wrong.fields}
          isReadOnly={isBusy}
          onChange={(values: ReadonlyJSONObject) => wanted.setValues(values)}
          trans={trans}
        />
      )}
      {kernels.length > 0 && (
        <Labelled
          label={trans.__('Python')}
          help={trans.__('Notebooks compute with the packages of their kernel')}
          error={wrong.kernel}
        >
          {ids => (
            <select
              {...ids}
              value={wanted.kernel}
              onChange={event => wanted.setKernel(event.target.value)}
            >
              <option value="">{trans.__('as the template says')}</option>
              {kernels.map(one => (
                <option key={one.name} value={one.name}>
                  {one.title}
                </option>
              ))}
            </select>
          )}
        </Labelled>
      )}
      {isEdited && (
        <p id={keptId} className="jp-SpecCluster-kept">
          {trans.__(
            'The cluster is made as the text says. Discard it to choose another template or to use its form.'
          )}
        </p>
      )}
      <button
        type="button"
        className="jp-SpecCluster-button"
        aria-expanded={isWhole}
        aria-describedby={isEdited ? keptId : undefined}
        onClick={() => wanted.setWhole(!isWhole)}
      >
        {isEdited
          ? trans.__('Discard the text')
          : isWhole
            ? trans.__('Back to the form')
            : trans.__('Edit the whole spec before starting')}
      </button>
      {wrong.all && (
        <p ref={show} className="jp-SpecCluster-fieldError" role="alert">
          {wrong.all}
        </p>
      )}
      {isBusy && <p role="status">{trans.__('The cluster is made…')}</p>}
    </fieldset>
  );
}

/** Bring into view what appears. */
function show(node: HTMLElement | null): void {
  node?.scrollIntoView?.({ block: 'nearest' });
}

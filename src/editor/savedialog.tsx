import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { ApiError } from '../api/errors';
import { describeError } from '../model/describe';
import type { ICluster, IClusterManager, Template } from '../tokens';
import { AskingDialog } from './askingdialog';
import { isSame } from './changes';
import { Labelled } from './labelled';
import { Resumed } from './resumed';
import type { Fate } from './templatespec';
import {
  canBeAsked,
  firstFates,
  templateName,
  templateOf
} from './templatespec';
import type { IUnfinishedTemplate, Unfinished } from './unfinished';

/** One of these dialogs is open at a time. */
const RESUMED_ID = 'jp-SpecCluster-resumed';

/**
 * Let a person keep a cluster's spec as a template of their own.
 *
 * @param cluster - The cluster.
 * @param manager - Has the templates.
 * @param left - What was begun before and left.
 * @param trans - The translations.
 *
 * @returns The template; null when the person wants none after all.
 */
export async function askTemplate(
  cluster: ICluster,
  manager: IClusterManager,
  left: Unfinished<IUnfinishedTemplate>,
  trans: TranslationBundle
): Promise<Template | null> {
  const { id } = cluster;
  const kept = new KeptTemplate(cluster, manager, left.take(id), trans);
  // eslint-disable-next-line jupyter/require-disposable-ownership -- gone when it is closed
  const dialog = new AskingDialog<Template>(
    {
      title: trans.__('Save %1 as a template', cluster.document.display_name),
      body: kept,
      buttons: [
        Dialog.cancelButton(),
        Dialog.okButton({ label: trans.__('Save') })
      ],
      focusNodeSelector: 'input'
    },
    async () => {
      const template = await kept.save();
      if (template) {
        // It may have been left while it was saved.
        left.take(id);
      }
      return template;
    },
    () => {
      if (kept.unfinished) {
        left.keep(id, kept.unfinished);
      }
    }
  );
  return dialog.ask();
}

/** What was refused of an option, and what of the rest. */
interface IRefused {
  name?: string;
  title?: string;
  options: Record<string, string>;
  all?: string;
}

/**
 * What a template is to be called, and what is to be asked for when a cluster
 * is made from it.
 */
export class KeptTemplate extends ReactWidget {
  /**
   * @param cluster - The cluster whose spec is kept.
   * @param manager - Has the templates.
   * @param unfinished - What to go on with, if anything.
   * @param trans - The translations.
   */
  constructor(
    private readonly _cluster: ICluster,
    private readonly _manager: IClusterManager,
    unfinished: IUnfinishedTemplate | null,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-SpecCluster-newForm');
    const { display_name, spec, template } = _cluster.document;
    this._origin = _manager.templates.find(({ name }) => name === template);
    this._title = display_name;
    this._firstFates = firstFates(spec, this._origin);
    this._fates = this._firstFates;
    this._isResumed = unfinished !== null;
    if (unfinished) {
      this._resume(unfinished);
    }
  }

  /**
   * What was typed, to go on with it later; null when nothing was.
   */
  get unfinished(): IUnfinishedTemplate | null {
    const { display_name } = this._cluster.document;
    const isAsItWas =
      this._title === display_name &&
      this._typedName === null &&
      this._description === '' &&
      isSame(this._fates, this._firstFates);
    return isAsItWas
      ? null
      : {
          title: this._title,
          name: this._typedName,
          description: this._description,
          fates: this._fates
        };
  }

  /**
   * Write the template.
   *
   * @returns Null when it was not written, which the form says then.
   */
  async save(): Promise<Template | null> {
    this._refused = { options: {} };
    const trans = this._trans;
    if (this._title.trim() === '') {
      this._refused.title = trans.__('must not be empty');
    }
    if (this._name === '') {
      this._refused.name = trans.__('must have a letter or a digit');
    } else if (this._there && !this._isReplaced) {
      this._refused.name = this._there.own
        ? trans.__('There is a template of this name.')
        : trans.__('This name is of a template that is not yours.');
    }
    if (this._refused.name || this._refused.title) {
      this.update();
      return null;
    }
    const words = {
      name: this._name,
      title: this._title.trim(),
      description: this._description.trim()
    };
    const template = templateOf(
      this._cluster.document,
      words,
      this._fates,
      this._blank,
      this._origin
    );
    try {
      return await this._manager.saveTemplate(
        template,
        this._isReplaced,
        this._origin?.name ?? null
      );
    } catch (error) {
      this._take(error);
      return null;
    }
  }

  protected override render(): React.JSX.Element {
    const trans = this._trans;
    const options = this._cluster.document.spec.worker?.options ?? {};
    const change = (act: () => void) => {
      act();
      this._refused = { options: {} };
      this.update();
    };
    const words: Record<Fate, string> = {
      keep: trans.__('as it is now'),
      ask: trans.__('asked for'),
      drop: trans.__('left out')
    };
    return (
      <div
        role="group"
        className="jp-SpecCluster-form"
        aria-label={trans.__('Template')}
        aria-describedby={this._isResumed ? RESUMED_ID : undefined}
      >
        {this._isResumed && <Resumed id={RESUMED_ID} trans={trans} />}
        {this._refused.all && (
          <p className="jp-SpecCluster-fieldError" role="alert">
            {this._refused.all}
          </p>
        )}
        <Labelled label={trans.__('Title')} error={this._refused.title}>
          {ids => (
            <input
              {...ids}
              type="text"
              autoComplete="off"
              value={this._title}
              onChange={({ target }) =>
                change(() => {
                  this._title = target.value;
                  this._isReplaced = false;
                })
              }
            />
          )}
        </Labelled>
        <Labelled
          label={trans.__('Name')}
          help={trans.__('By which notebooks and the command line know it')}
          error={this._refused.name}
        >
          {ids => (
            <input
              {...ids}
              type="text"
              autoComplete="off"
              spellCheck={false}
              value={this._name}
              onChange={({ target }) =>
                change(() => {
                  this._typedName = target.value;
                  this._isReplaced = false;
                })
              }
            />
          )}
        </Labelled>
        {this._there?.own && (
          <Labelled
            label={trans.__('Replace')}
            help={trans.__('Clusters that were made from it stay as they are.')}
          >
            {ids => (
              <span className="jp-SpecCluster-check">
                <input
                  {...ids}
                  type="checkbox"
                  checked={this._isReplaced}
                  onChange={({ target }) =>
                    change(() => {
                      this._isReplaced = target.checked;
                    })
                  }
                />
                {trans.__('the template of this name')}
              </span>
            )}
          </Labelled>
        )}
        <Labelled label={trans.__('Description')}>
          {ids => (
            <input
              {...ids}
              type="text"
              autoComplete="off"
              value={this._description}
              onChange={({ target }) =>
                change(() => {
                  this._description = target.value;
                })
              }
            />
          )}
        </Labelled>
        {Object.keys(options).length > 0 && (
          <h3>{trans.__('Options of the workers')}</h3>
        )}
        {Object.entries(options).map(([name, value]) => (
          <Labelled
            key={name}
            label={name}
            help={shown(value)}
            error={this._refused.options[name]}
          >
            {ids => (
              <select
                {...ids}
                value={this._fates[name]}
                onChange={({ target }) =>
                  change(() => {
                    this._fates = {
                      ...this._fates,
                      [name]: target.value as Fate
                    };
                  })
                }
              >
                {(Object.keys(words) as Fate[])
                  .filter(fate => fate !== 'ask' || canBeAsked(value))
                  .map(fate => (
                    <option key={fate} value={fate}>
                      {words[fate]}
                    </option>
                  ))}
              </select>
            )}
          </Labelled>
        ))}
      </div>
    );
  }

  /** The options may be others than those that it was begun with. */
  private _resume({
    title,
    name,
    description,
    fates
  }: IUnfinishedTemplate): void {
    const options = this._cluster.document.spec.worker?.options ?? {};
    const known = Object.entries(fates).filter(
      ([option, fate]) =>
        option in options && (fate !== 'ask' || canBeAsked(options[option]))
    );
    this._title = title;
    this._typedName = name;
    this._description = description;
    this._fates = { ...this._firstFates, ...Object.fromEntries(known) };
  }

  private get _name(): string {
    return this._typedName === null
      ? templateName(this._title)
      : this._typedName.trim();
  }

  /** The template that has this name already. */
  private get _there(): Template | undefined {
    return this._manager.templates.find(({ name }) => name === this._name);
  }

  private _take(error: unknown): void {
    const field = error instanceof ApiError ? error.field : null;
    const message = describeError(error, this._trans);
    const said = field ? message.replace(`${field}: `, '') : message;
    const option = /^spec\.worker\.options\.(.+)$/.exec(field ?? '')?.[1];
    if (option !== undefined && option in this._fates) {
      // What was refused as it is may be asked for without it.
      this._blank.add(option);
      this._refused.options[option] = said;
    } else if (field === 'name' || field === 'title') {
      this._refused[field] = said;
    } else {
      this._refused.all = message;
    }
    this.update();
  }

  private readonly _origin: Template | undefined;
  private readonly _blank = new Set<string>();
  private _title: string;
  private _typedName: string | null = null;
  private _description = '';
  private _fates: Readonly<Record<string, Fate>>;
  private readonly _firstFates: Readonly<Record<string, Fate>>;
  private readonly _isResumed: boolean;
  private _isReplaced = false;
  private _refused: IRefused = { options: {} };
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { ApiError } from '../api/errors';
import type { CreateCluster, Template } from '../api/types';
import { describeError } from '../model/describe';
import type { ICluster, IClusterManager } from '../tokens';
import { isSame, valueAt } from './changes';
import type { IWritten } from './codehelp';
import { pathOf } from './field';
import type { Values } from './templatespec';
import {
  defaultValues,
  fieldOf,
  fieldsSchema,
  filledSpec,
  freeName
} from './templatespec';
import type { IUnfinished } from './unfinished';
import { validate } from './validate';
import { WholeSpec } from './wholespec';

/** What the server takes of a name. */
const NAME_LENGTH = 128;

/**
 * A Python that a cluster can run with: that of a kernel.
 */
export interface IKernel {
  readonly name: string;
  readonly title: string;
}

/**
 * What is wrong with what is wanted, by where it is said.
 */
export interface IWrong {
  template?: string;
  name?: string;
  kernel?: string;

  /**
   * What the server says of the values of the form.
   */
  fields: Record<string, string>;

  /**
   * What has no field of its own.
   */
  all?: string;
}

/**
 * What a person wants of a cluster that is not there yet: a template and the
 * values of its form, or a whole spec.
 */
export class NewCluster implements IDisposable {
  /**
   * @param options - What can be wanted.
   */
  constructor(options: NewCluster.IOptions) {
    const { manager, kernels, template, unfinished, text, trans } = options;
    this._manager = manager;
    this._trans = trans;
    this.kernels = kernels;
    this.whole = new WholeSpec(text, manager, trans);
    const { templates } = manager;
    const first = unfinished?.template ?? template;
    this.setTemplate(
      templates.find(one => one.name === first) ??
        templates.find(one => !one.unusable) ??
        templates[0]
    );
    this.whole.textChanged.connect(this._touch, this);
    this.isResumed = unfinished !== null;
    if (unfinished) {
      this._resume(unfinished);
    }
  }

  /**
   * Whose Python it can run with.
   */
  readonly kernels: readonly IKernel[];

  /**
   * The whole spec, once it is asked for.
   */
  readonly whole: WholeSpec;

  /**
   * Whether it was begun before, and goes on as it was left.
   */
  readonly isResumed: boolean;

  /**
   * What it can be made from.
   */
  get templates(): readonly Template[] {
    return this._manager.templates;
  }

  /**
   * Emitted when anything that can be read here may have changed.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get template(): Template {
    return this._template;
  }

  get name(): string {
    return this._name;
  }

  get kernel(): string {
    return this._kernel;
  }

  get values(): Values {
    return this._values;
  }

  /**
   * Whether it is the whole spec that is edited, and not the template's form.
   */
  get isWhole(): boolean {
    return this._isWhole;
  }

  /**
   * Whether the text says something else than the form made of it. Then the
   * template stays: another one would replace what was typed.
   */
  get isEdited(): boolean {
    return this._isWhole && this.whole.isEdited;
  }

  /**
   * What was typed, to go on with it later; null when nothing was.
   */
  get unfinished(): IUnfinished | null {
    const { name: template } = this._template;
    const name = this._name === this._suggested ? null : this._name;
    const text = this.isEdited ? this.whole.source : null;
    const { _kernel: kernel, _values: values } = this;
    const isAsItWas =
      name === null &&
      text === null &&
      kernel === '' &&
      isSame(values, defaultValues(this._template));
    return isAsItWas ? null : { template, name, kernel, values, text };
  }

  /**
   * Whether the cluster is being made.
   */
  get isBusy(): boolean {
    return this._isBusy;
  }

  /**
   * What is wrong, as far as it can be known here, and as the server says.
   */
  get wrong(): IWrong {
    const wrong = this._ownFindings();
    const { field, message } = this._refusal ?? { field: null, message: '' };
    if (this._refusal === null) {
      return wrong;
    }
    const said = field ? message.replace(`${field}: `, '') : message;
    const option = this._fieldAt(field);
    switch (field) {
      case 'template':
      case 'name':
      case 'kernel':
        wrong[field] ??= said;
        break;
      case 'python':
        wrong.kernel ??= said;
        break;
      default:
        if (option !== null && !this._isWhole) {
          wrong.fields[option] ??= said;
        } else {
          wrong.all = message;
        }
    }
    return wrong;
  }

  /**
   * Choose another template: its form begins anew, and so does a text that
   * nobody has edited.
   */
  setTemplate(template: Template): void {
    if (this.isEdited) {
      return;
    }
    const isSuggested = this._name === this._suggested;
    const taken = this._manager.clusters.map(one => one.document.display_name);
    this._template = template;
    this._values = defaultValues(template);
    this._suggested = freeName(template.title, new Set(taken));
    if (isSuggested) {
      this._name = this._suggested;
    }
    this._touch();
    if (this._isWhole) {
      this._beginWhole();
    }
  }

  setName(name: string): void {
    this._name = name;
    this._touch();
  }

  setKernel(kernel: string): void {
    this._kernel = kernel;
    this._touch();
  }

  setValues(values: Values): void {
    this._values = values;
    this._touch();
  }

  /**
   * Edit the whole spec, as the form makes it; or the form again, which
   * discards what was typed.
   */
  setWhole(isWhole: boolean): void {
    if (isWhole === this._isWhole) {
      return;
    }
    this._isWhole = isWhole;
    this._touch();
    if (isWhole) {
      this._beginWhole();
    }
  }

  /**
   * Make the cluster.
   *
   * @returns Null when it was not made: `wrong` says why.
   */
  async create(): Promise<ICluster | null> {
    if (this._isBusy || !this._isRight) {
      this._changed.emit();
      return null;
    }
    this._isBusy = true;
    this._touch();
    try {
      return await this._manager.create(this._request);
    } catch (error) {
      this._refuse({
        field: error instanceof ApiError ? error.field : null,
        message: describeError(error, this._trans),
        isAloud: true
      });
      return null;
    } finally {
      this._isBusy = false;
      if (!this._isDisposed) {
        this._changed.emit();
      }
    }
  }

  /**
   * Free what is held.
   */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.whole.dispose();
    Signal.clearData(this);
  }

  /**
   * Whether it has ended.
   */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** What it was begun with may have gone: a template, one of its fields, a kernel. */
  private _resume({ name, kernel, values, text }: IUnfinished): void {
    const { fields } = this._template;
    const known = Object.entries(values).filter(([key]) => key in fields);
    this._values = { ...this._values, ...Object.fromEntries(known) };
    this._name = name ?? this._name;
    this._kernel = this.kernels.some(one => one.name === kernel) ? kernel : '';
    if (text !== null) {
      this.setWhole(true);
      this.whole.resume(text);
    }
  }

  private get _isRight(): boolean {
    const { template, name, all } = this._ownFindings();
    // The form itself says what is wrong with its values.
    const schema = fieldsSchema(this._template);
    const found = this._isWhole
      ? []
      : validate(this._values, schema, this._trans);
    return !template && !name && !all && found.length === 0;
  }

  private get _request(): CreateCluster {
    const name = this._name.trim();
    const given = Object.entries(this._values).filter(
      ([key, value]) =>
        !isSame(value, this._template.fields[key]?.default ?? null)
    );
    return {
      template: this._template.name,
      ...(name !== '' && { name }),
      ...(this._kernel !== '' && { kernel: this._kernel }),
      fields: Object.fromEntries(given),
      ...(this._isWhole && { whole: this.whole.spec! })
    };
  }

  private _ownFindings(): IWrong {
    const wrong: IWrong = {
      fields: {},
      template: this._template.unusable ?? undefined
    };
    const trans = this._trans;
    const name = this._name.trim();
    const { clusters } = this._manager;
    if ([...name].length > NAME_LENGTH) {
      wrong.name = trans.__('must have %1 characters or fewer', NAME_LENGTH);
    } else if (clusters.some(one => one.document.display_name === name)) {
      wrong.name = trans.__('There is a cluster of this name.');
    }
    if (this._isWhole) {
      wrong.all = this.whole.problem?.message;
    }
    return wrong;
  }

  /** The field of the form that a refused field of the request comes from. */
  private _fieldAt(field: string | null): string | null {
    if (field === null) {
      return null;
    }
    const own = /^fields\.(.+)$/.exec(field)?.[1];
    if (own !== undefined) {
      return own in this._template.fields ? own : null;
    }
    const spec = this._template.spec as ReadonlyJSONValue;
    return fieldOf(valueAt(spec, pathOf(field, spec)));
  }

  private _beginWhole(): void {
    this.whole.begin(filledSpec(this._template, this._values));
  }

  private _touch(): void {
    this._refuse(null);
    this._changed.emit();
  }

  private _refuse(refusal: IWritten['refusal']): void {
    this._refusal = refusal;
    this.whole.refuse(refusal);
  }

  private readonly _manager: IClusterManager;
  private readonly _trans: TranslationBundle;
  private readonly _changed = new Signal<this, void>(this);
  private _template!: Template;
  private _suggested = '';
  private _name = '';
  private _kernel = '';
  private _values: Values = {};
  private _isWhole = false;
  private _isBusy = false;
  private _refusal: IWritten['refusal'] = null;
  private _isDisposed = false;
}

/**
 * Types of `NewCluster`.
 */
export namespace NewCluster {
  /**
   * What can be wanted.
   */
  export interface IOptions {
    /**
     * Has the templates; there is one at least.
     */
    manager: IClusterManager;

    /**
     * Whose Python it can run with.
     */
    kernels: readonly IKernel[];

    /**
     * The template that is chosen at first.
     */
    template: string | null;

    /**
     * What to go on with, if anything.
     */
    unfinished: IUnfinished | null;

    /**
     * Holds the whole spec; it is owned from now on.
     */
    text: CodeEditor.IModel;

    /**
     * The translations.
     */
    trans: TranslationBundle;
  }
}

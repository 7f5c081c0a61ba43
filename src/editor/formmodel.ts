import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { WorkerClass, WorkerSpec } from '../api/types';
import type { SpecDraft } from './draft';
import type { Part } from './entries';
import {
  alike,
  freeName,
  isEntry,
  isFree,
  partOf,
  renamed,
  withPart,
  withParts
} from './entries';
import type { ISchema } from './schema';
import { optionsSchema } from './schema';

/** What most people come for, of dask's classes and of those for queues. */
const MAIN = [
  'cores',
  'memory',
  'nthreads',
  'memory_limit',
  'queue',
  'walltime'
];

/**
 * The fields that a command can be asked to be typed in.
 */
export type TypedField = 'name' | 'option';

/**
 * What the form shows of a draft, one entry at a time, and what its buttons and the commands do
 * there. All of it is written into the draft, so that it is planned and undone like what is typed.
 */
export class FormModel {
  /**
   * @param draft - What is edited; the form lives as long.
   */
  constructor(readonly draft: SpecDraft) {
    this._name = Object.keys(draft.base.workers ?? {})[0] ?? null;
    draft.changed.connect(this._onDraft, this);
  }

  /**
   * Emitted when the draft has changed, or what is shown of it.
   */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * The parts that can be shown: the entries, and the form of new ones.
   */
  get parts(): readonly Part[] {
    const names = Object.keys(this.draft.spec?.workers ?? {});
    return [...names, null].map(name => ({ name }));
  }

  /**
   * The part that is shown: the form of new entries where the one that was chosen has gone.
   */
  get part(): Part {
    return { name: this._isThere ? this._name : null };
  }

  /**
   * What is written of the part that is shown, whatever that is.
   */
  get entry(): WorkerSpec | null | undefined {
    const { spec } = this.draft;
    return spec ? partOf(spec, this.part) : undefined;
  }

  /**
   * Another number whenever another part is shown, by whatever name.
   */
  get choice(): number {
    return this._choice;
  }

  /**
   * Whether an entry can be added: there is something that it can be.
   */
  get canAdd(): boolean {
    return Boolean(this.draft.spec?.worker ?? this.entry);
  }

  /**
   * The other parts that are the same: of those that were when it was said, when they are
   * changed together. While something is typed, others may come to be.
   */
  get others(): readonly Part[] {
    const { spec } = this.draft;
    return spec ? alike(spec, this.part, this._together) : [];
  }

  /**
   * Whether what is changed is changed in the others as well.
   */
  get isTogether(): boolean {
    return this._together !== null;
  }
  set isTogether(value: boolean) {
    if (value !== this.isTogether) {
      this._together = value ? this.others : null;
      this._changed.emit();
    }
  }

  /**
   * What is known of the class of the entry that is shown.
   */
  get known(): WorkerClass | undefined {
    const { entry } = this;
    return this.draft.classes.all.find(({ cls }) => cls === entry?.cls);
  }

  /**
   * The schema of the options of the entry that is shown.
   */
  get schema(): ISchema {
    return optionsSchema(this.draft.classes.all, this.entry?.cls);
  }

  /**
   * Which options have a field: the usual ones, those that are set, and those that were asked for.
   */
  get shown(): readonly string[] {
    const { entry, known } = this;
    if (!isEntry(entry)) {
      return [];
    }
    const properties = this.schema.properties ?? {};
    const usual = MAIN.filter(name => Object.hasOwn(properties, name));
    const set = Object.keys(entry.options ?? {});
    const names = new Set([...usual, ...set, ...this._more]);
    // The size of the group says it.
    if (known?.count && entry.group) {
      names.delete(known.count);
    }
    return [...names];
  }

  /**
   * The options that the class has beside those.
   */
  get hidden(): readonly string[] {
    const { shown, schema } = this;
    return Object.entries(schema.properties ?? {})
      .filter(([name, { readOnly }]) => !shown.includes(name) && !readOnly)
      .map(([name]) => name);
  }

  /**
   * Whether there are any, or the class may have options that it does not name.
   */
  get hasMore(): boolean {
    return (
      isEntry(this.entry) &&
      (this.hidden.length > 0 || this.schema.additionalProperties !== false)
    );
  }

  /**
   * Whether there is such a part.
   */
  has({ name }: Part): boolean {
    const { spec } = this.draft;
    return (
      spec !== null && (name === null || partOf(spec, { name }) !== undefined)
    );
  }

  /**
   * Show another part.
   *
   * @returns Whether there is such a part.
   */
  choose(part: Part): boolean {
    const isThere = this.has(part);
    if (isThere) {
      this._choose(part);
      this._changed.emit();
    }
    return isThere;
  }

  /**
   * Add an entry: like those that scaling adds, else like the one that is shown. It is shown.
   *
   * @param name - What it is called; a free number when left out.
   *
   * @returns Its name; null when it cannot be called so.
   */
  add(name?: string): string | null {
    return this._make(this.draft.spec?.worker ?? this.entry, name);
  }

  /**
   * Add an entry that is the same as a part. It is shown.
   *
   * @returns Its name; null when it cannot be called so, or there is no such part.
   */
  duplicate(part: Part, name?: string): string | null {
    const { spec } = this.draft;
    return this._make(spec && partOf(spec, part), name);
  }

  /**
   * Leave out an entry. Where it was shown, the next one is.
   *
   * @returns Whether there was such an entry.
   */
  remove(name: string): boolean {
    const { spec } = this.draft;
    if (!spec || !this.has({ name })) {
      return false;
    }
    if (name === this.part.name) {
      const names = Object.keys(spec.workers ?? {});
      const at = names.indexOf(name);
      this._choose({ name: names[at + 1] ?? names[at - 1] ?? null });
    }
    this.draft.write(withPart(spec, { name }, null));
    return true;
  }

  /**
   * Call an entry by another name. It stays where it is, and is shown if it was.
   *
   * @returns Whether it can be called so.
   */
  rename(name: string, to: string): boolean {
    const { spec } = this.draft;
    const spelt = spec && this.has({ name }) && renamed(spec, name, to);
    if (spelt) {
      // Before it is written: the one that is shown would have gone.
      this._name = this._name === name ? to : this._name;
      this.draft.write(spelt);
    }
    return Boolean(spelt) || name === to;
  }

  /**
   * Change what is shown, and the others where they are changed together.
   */
  change(next: Partial<WorkerSpec>): void {
    const { spec } = this.draft;
    const { entry, part } = this;
    if (spec && isEntry(entry)) {
      const others = this.isTogether ? this.others : [];
      this.draft.write(
        withParts(spec, [part, ...others], { ...entry, ...next })
      );
    }
  }

  /**
   * Whether another option can be shown.
   */
  canShow(option: string): boolean {
    const isOpen = this.schema.additionalProperties !== false;
    return this.hidden.includes(option) || (isOpen && option !== '');
  }

  /**
   * Show the field of another option.
   *
   * @returns Whether there is such an option.
   */
  show(option: string): boolean {
    if (this.shown.includes(option)) {
      return true;
    }
    const isKnown = this.canShow(option);
    if (isKnown) {
      this._more = [...this._more, option];
      this._changed.emit();
    }
    return isKnown;
  }

  /**
   * Let something be typed: a field has the focus once it is drawn.
   */
  ask(field: TypedField): void {
    this._asked = field;
    this._changed.emit();
  }

  /**
   * Whether a field, which is drawn, is to have the focus now.
   */
  takesFocus(field: TypedField): boolean {
    const isAsked = this._asked === field;
    if (isAsked) {
      this._asked = null;
    }
    return isAsked;
  }

  private _make(
    entry: WorkerSpec | null | undefined,
    name?: string
  ): string | null {
    const { spec } = this.draft;
    const next = name ?? (spec ? freeName(spec) : '');
    if (!spec || !entry || !isFree(spec, next)) {
      return null;
    }
    this._choose({ name: next });
    this.draft.write(withPart(spec, { name: next }, entry));
    return next;
  }

  private _choose({ name }: Part): void {
    this._name = name;
    this._begin(true);
  }

  /** Of what was asked for elsewhere nothing is carried over. */
  private _begin(isThere: boolean): void {
    this._isThere = isThere;
    this._choice += 1;
    this._more = [];
    this._together = null;
    this._asked = null;
  }

  private _onDraft(): void {
    const isThere = this.has({ name: this._name });
    // What has no entries for a moment, as it is no spec, has lost none.
    if (this.draft.spec && isThere !== this._isThere) {
      this._begin(isThere);
    }
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _name: string | null;
  private _isThere = true;
  private _choice = 0;
  private _more: readonly string[] = [];
  private _together: readonly Part[] | null = null;
  private _asked: TypedField | null = null;
}

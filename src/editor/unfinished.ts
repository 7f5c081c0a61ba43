import type { Fate, Values } from './templatespec';

/**
 * What a person has typed of a new cluster and not made yet.
 */
export interface IUnfinished {
  /**
   * The name of the template.
   */
  readonly template: string;

  /**
   * What to call the cluster; null when it is the name that was suggested.
   */
  readonly name: string | null;
  readonly kernel: string;

  /**
   * The values of the template's form.
   */
  readonly values: Values;

  /**
   * The whole spec; null when nobody has edited it.
   */
  readonly text: string | null;
}

/**
 * What a person has typed of a template and not saved yet.
 */
export interface IUnfinishedTemplate {
  readonly title: string;

  /**
   * The name; null when it is the one that the title gives.
   */
  readonly name: string | null;
  readonly description: string;

  /**
   * What becomes of each option of the workers.
   */
  readonly fates: Readonly<Record<string, Fate>>;
}

/**
 * What persons have left unfinished in this page: one for each thing that it is about.
 */
export class Unfinished<T> {
  /**
   * Take one out, to go on with it.
   *
   * @param about - What it is about; null for the one left last.
   */
  take(about: string | null): T | null {
    const key = about ?? [...this._left.keys()].at(-1) ?? '';
    const one = this._left.get(key) ?? null;
    this._left.delete(key);
    return one;
  }

  /**
   * Keep one for later, in place of another about the same.
   */
  keep(about: string, one: T): void {
    this._left.delete(about);
    this._left.set(about, one);
  }

  private readonly _left = new Map<string, T>();
}

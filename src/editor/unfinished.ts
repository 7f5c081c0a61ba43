import type { Values } from './templatespec';

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
 * The new clusters that persons have left unfinished in this page: one for each
 * template.
 */
export class Unfinished {
  /**
   * Take one out, to go on with it.
   *
   * @param template - The name of its template; null for the one left last.
   */
  take(template: string | null): IUnfinished | null {
    const name = template ?? [...this._left.keys()].at(-1) ?? '';
    const one = this._left.get(name) ?? null;
    this._left.delete(name);
    return one;
  }

  /**
   * Keep one for later, in place of another of its template.
   */
  keep(one: IUnfinished): void {
    this._left.delete(one.template);
    this._left.set(one.template, one);
  }

  private readonly _left = new Map<string, IUnfinished>();
}

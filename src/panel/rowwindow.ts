import * as React from 'react';

/** How high a row is before one has been seen, in pixels. */
const USUAL = 24;

/** How many rows are there above and below those in view. */
const AROUND = 10;

/** How many right after a jump: where unseen rows are is known but nearly. */
const BARELY = 2;

/** How long after a jump to other rows those around them are made, in milliseconds. */
const PAUSE = 50;

/**
 * The rows of a long list that are there, and what stands for the others.
 */
export interface IWindow {
  /**
   * The first row that is there.
   */
  readonly first: number;

  /**
   * The one after the last that is there.
   */
  readonly last: number;

  /**
   * The height of the rows before, in pixels.
   */
  readonly before: number;

  /**
   * The height of the rows after, in pixels.
   */
  readonly after: number;
}

/**
 * What a list may need to know of a row.
 */
export interface IKeyed {
  readonly key: string;

  /**
   * How deep it is: rows of one level are nearly all of one height.
   */
  readonly level: number;
}

/**
 * Knows which rows of a long list are in view, of whatever height.
 */
export class RowWindow {
  /**
   * The rows that are there now.
   */
  get shown(): IWindow {
    return this._shown;
  }

  /**
   * The rows of the list have changed.
   */
  setRows(rows: readonly IKeyed[]): void {
    if (rows !== this._rows) {
      this._rows = rows;
      this._measure();
      this._take(this._from, this._to);
    }
  }

  /**
   * Follow a list in the page.
   *
   * @param list - Its children are the rows that are there.
   *
   * @returns Ends it.
   */
  attach(list: HTMLElement): () => void {
    const view = scrollerOf(list);
    const look = () => this.look();
    this._list = list;
    this._view = view;
    view.addEventListener('scroll', look, { passive: true });
    // What is above may grow, and move the list.
    const sizes = new ResizeObserver(look);
    sizes.observe(view);
    if (view.firstElementChild) {
      sizes.observe(view.firstElementChild);
    }
    return () => {
      view.removeEventListener('scroll', look);
      sizes.disconnect();
      clearTimeout(this._pause);
      this._list = this._view = null;
    };
  }

  /**
   * Note how high the rows are, and which of them are in view.
   */
  look(): void {
    if (!this._list || !this._view) {
      return;
    }
    const list = this._list.getBoundingClientRect();
    const view = this._view.getBoundingClientRect();
    if (list.top > view.bottom || list.bottom < view.top) {
      // A tree without any row would be none to assistive technology.
      this._show(0, 1);
      return;
    }
    const from = Math.min(this._at(view.top - list.top), this._rows.length - 1);
    const to = this._at(view.bottom - list.top) + 1;
    const { first, last } = this._shown;
    const isThere = first <= from && Math.min(to, this._rows.length) <= last;
    if (first < last && (last <= from || to <= first)) {
      // All rows are other ones: what is seen first, and the rest when nobody waits for it.
      const [above, below] = [from - BARELY, to + BARELY];
      this._show(above, below);
      clearTimeout(this._pause);
      this._pause = setTimeout(() => {
        if (this._from === above && this._to === below) {
          this._show(from - AROUND, to + AROUND);
        }
      }, PAUSE);
    } else if (
      !isThere ||
      first < from - 3 * AROUND ||
      last > to + 3 * AROUND
    ) {
      this._show(from - AROUND, to + AROUND);
    }
  }

  /**
   * Note how high the rows are that are there.
   */
  measure(): void {
    // One question to the page, not one for each row.
    if (this._list?.offsetHeight === this._offsets[this._rows.length]) {
      return;
    }
    let isNews = false;
    let index = this._shown.first;
    for (const node of this._list?.children ?? []) {
      const row = this._rows[index++];
      const height = (node as HTMLElement).offsetHeight;
      if (row === undefined || height === 0) {
        continue;
      }
      const { key, level } = row;
      const usual = this._usual.get(level);
      const assumed = this._heights.get(key) ?? usual;
      this._heights.set(key, height);
      if (assumed !== height) {
        this._usual.set(level, Math.min(usual ?? height, height));
        isNews = true;
      }
    }
    if (isNews) {
      this._measure();
      this._show(this._from, this._to);
    }
  }

  /**
   * Scroll until a row is in view.
   */
  reveal(index: number): void {
    if (!this._list || !this._view) {
      return;
    }
    const list = this._list.getBoundingClientRect();
    const view = this._view.getBoundingClientRect();
    const top = list.top - view.top + this._offsets[index];
    const bottom = list.top - view.top + this._offsets[index + 1];
    if (top < 0) {
      this._view.scrollTop += top;
    } else if (bottom > view.height) {
      this._view.scrollTop += bottom - view.height;
    }
    const { first, last } = this._shown;
    if (index < first || index >= last) {
      this._show(index - 2 * AROUND, index + 2 * AROUND);
    }
  }

  /**
   * Be told when other rows are there.
   */
  readonly subscribe = (notify: () => void): (() => void) => {
    this._listeners.add(notify);
    return () => {
      this._listeners.delete(notify);
    };
  };

  /** The row at a height of the list. */
  private _at(height: number): number {
    let low = 0;
    let high = this._rows.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this._offsets[middle] <= height) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  private _measure(): void {
    const count = this._rows.length;
    const offsets = new Float64Array(count + 1);
    for (let index = 0; index < count; index++) {
      const { key, level } = this._rows[index];
      const known = this._heights.get(key) ?? this._usual.get(level);
      offsets[index + 1] = offsets[index] + (known ?? USUAL);
    }
    this._offsets = offsets;
  }

  private _show(from: number, to: number): void {
    if (this._take(from, to)) {
      this._listeners.forEach(notify => notify());
    }
  }

  private _take(from: number, to: number): boolean {
    this._from = from;
    this._to = to;
    const count = this._rows.length;
    const first = Math.max(0, Math.min(from, count));
    const last = Math.max(first, Math.min(to, count));
    const before = this._offsets[first];
    const after = this._offsets[count] - this._offsets[last];
    const shown = this._shown;
    const isNews =
      first !== shown.first ||
      last !== shown.last ||
      before !== shown.before ||
      after !== shown.after;
    if (isNews) {
      this._shown = { first, last, before, after };
    }
    return isNews;
  }

  private readonly _heights = new Map<string, number>();
  private readonly _listeners = new Set<() => void>();
  private _rows: readonly IKeyed[] = [];
  private _offsets = new Float64Array(1);
  private _shown: IWindow = { first: 0, last: 0, before: 0, after: 0 };
  /** The least height that was seen of a level. */
  private readonly _usual = new Map<number, number>();
  private _from = 0;
  private _to = 0;
  private _pause: ReturnType<typeof setTimeout> | undefined;
  private _list: HTMLElement | null = null;
  private _view: HTMLElement | null = null;
}

/**
 * Show only those rows of a long list that are in view.
 *
 * @param rows - All rows; another list when one of them is another.
 * @param list - The element that the rows are children of.
 */
export function useRowWindow(
  rows: readonly IKeyed[],
  list: React.RefObject<HTMLElement>
): RowWindow {
  const [window] = React.useState(() => new RowWindow());
  // Told of by the rendering itself, so nobody has to be notified.
  window.setRows(rows);
  React.useSyncExternalStore(window.subscribe, () => window.shown);
  React.useLayoutEffect(() => window.attach(list.current!), [window, list]);
  React.useLayoutEffect(() => {
    window.measure();
    window.look();
  });
  return window;
}

/**
 * What scrolls when an element is to come into view.
 */
export function scrollerOf(node: HTMLElement): HTMLElement {
  for (let one = node.parentElement; one; one = one.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(one).overflowY)) {
      return one;
    }
  }
  return document.documentElement;
}

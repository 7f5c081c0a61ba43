import * as React from 'react';

/**
 * Have something done when an element goes that has the focus, or has what has
 * it: the browser would leave it to nobody.
 *
 * @param place - The element; it is there as long as the component is.
 * @param handOn - Is called while the element is still there, and must be the same always.
 */
export function useFocusHandedOn(
  place: React.RefObject<HTMLElement>,
  handOn: (node: HTMLElement) => void
): void {
  React.useLayoutEffect(() => {
    const node = place.current!;
    return () => {
      if (node.contains(document.activeElement)) {
        handOn(node);
      }
    };
  }, [place, handOn]);
}

/**
 * The card that an element is a part of has the focus from now on.
 */
export function focusCard(part: HTMLElement): void {
  cardOf(part)?.focus();
}

/**
 * The card that an element is a part of.
 */
export function cardOf(part: HTMLElement): HTMLElement | null {
  return part.closest<HTMLElement>('[data-cluster-id]');
}

/**
 * What clusters are looked for with has the focus from now on.
 */
export function focusFilter(part: HTMLElement): void {
  part
    .closest('.jp-SpecCluster')
    ?.querySelector<HTMLElement>('[type=search]')
    ?.focus();
}

/**
 * The way to a new cluster has the focus from now on, where there is one.
 */
export function focusNew(part: HTMLElement): void {
  part
    .closest('.jp-SpecCluster')
    ?.querySelector<HTMLElement>('.jp-SpecCluster-top > button')
    ?.focus();
}

/**
 * The row of a tree that an element is a part of has the focus from now on. Who has scrolled on
 * stays where they are.
 */
export function focusRow(part: HTMLElement): void {
  part.closest<HTMLElement>('[role=treeitem]')?.focus({ preventScroll: true });
}

/**
 * Has the focus go on from a card that goes: to the same cluster, where it is
 * shown elsewhere now, else to what is in its place.
 */
export class CardFocus {
  /**
   * A card that has the focus goes.
   */
  readonly leave = (card: HTMLElement): void => {
    const list = card.parentElement!;
    this._left = {
      id: card.dataset.clusterId,
      index: cardsOf(list).indexOf(card)
    };
  };

  /**
   * What is there in place of cards goes, and has the focus.
   */
  readonly leaveOthers = (): void => {
    this._left = { id: undefined, index: 0 };
  };

  /**
   * The list is as it is now.
   */
  settle(list: HTMLElement): void {
    if (!this._left) {
      return;
    }
    const { id, index } = this._left;
    this._left = null;
    const cards = cardsOf(list);
    const next =
      cards.find(({ dataset }) => dataset.clusterId === id) ??
      cards[Math.min(index, cards.length - 1)] ??
      list.querySelector<HTMLElement>('section');
    next?.focus();
  }

  private _left: { id: string | undefined; index: number } | null = null;
}

function cardsOf(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>('[data-cluster-id]')];
}

import { MessageLoop } from '@lumino/messaging';
import type { Menu } from '@lumino/widgets';

/**
 * Open a menu below a button, which gets the focus back. The menu is disposed
 * when it closes.
 */
export function openBelow(anchor: HTMLElement, menu: Menu): void {
  anchor.setAttribute('aria-expanded', 'true');
  menu.aboutToClose.connect(() => {
    anchor.setAttribute('aria-expanded', 'false');
    anchor.focus();
    // The item that was chosen is carried out after this signal.
    setTimeout(() => menu.dispose());
  });
  const { left, bottom } = anchor.getBoundingClientRect();
  menu.open(left, bottom + 2);
  // The menu takes the focus with a message of its own; the first item is to have it, so that a
  // screen reader says which it is.
  MessageLoop.flush();
  menu.activateNextItem();
}

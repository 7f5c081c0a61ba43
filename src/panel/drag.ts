import type * as React from 'react';

/** How far the pointer moves before it is a drag, in pixels. */
const THRESHOLD = 5;

/**
 * Make a pointer that is pressed and moved a drag.
 *
 * @param start - Called once, with the movement that made it a drag.
 *
 * @returns What to do when the pointer is pressed.
 */
export function whenDragged(
  start: (event: PointerEvent) => void
): (event: React.PointerEvent) => void {
  return pressed => {
    // A finger scrolls.
    if (pressed.button !== 0 || pressed.pointerType === 'touch') {
      return;
    }
    const { clientX, clientY } = pressed;
    const end = new AbortController();
    const options = { capture: true, signal: end.signal };
    const onMove = (event: PointerEvent) => {
      const distance = Math.max(
        Math.abs(event.clientX - clientX),
        Math.abs(event.clientY - clientY)
      );
      if (distance >= THRESHOLD) {
        end.abort();
        start(event);
      }
    };
    document.addEventListener('pointermove', onMove, options);
    document.addEventListener('pointerup', () => end.abort(), options);
    document.addEventListener('pointercancel', () => end.abort(), options);
  };
}

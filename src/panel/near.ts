import * as React from 'react';
import { scrollerOf } from './rowwindow';

/** How far out of view something may be and still count as near, in pixels. */
const MARGIN = 600;

/**
 * Whether an element is in view or near it, or has been.
 *
 * @param place - The element.
 * @param isAtFirst - Whether it is near without being looked at.
 */
export function useNear(
  place: React.RefObject<HTMLElement>,
  isAtFirst: boolean
): boolean {
  const [isNear, setNear] = React.useState(isAtFirst);
  React.useEffect(() => {
    if (isNear) {
      return;
    }
    const node = place.current!;
    const observer = new IntersectionObserver(
      seen => {
        if (seen.some(({ isIntersecting }) => isIntersecting)) {
          setNear(true);
        }
      },
      { root: scrollerOf(node), rootMargin: `${MARGIN}px` }
    );
    observer.observe(node);
    return () => observer.disconnect();
  }, [place, isNear]);
  return isNear;
}

import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

/**
 * Read something from a model, and render anew when it has changed.
 *
 * @param signal - Emitted when it may have changed.
 * @param read - Reads it; the same value is the same object.
 */
export function useSignal<T>(
  signal: ISignal<unknown, unknown>,
  read: () => T
): T {
  const subscribe = React.useCallback(
    (notify: () => void) => {
      const slot = () => notify();
      signal.connect(slot);
      return () => {
        signal.disconnect(slot);
      };
    },
    [signal]
  );
  return React.useSyncExternalStore(subscribe, read);
}

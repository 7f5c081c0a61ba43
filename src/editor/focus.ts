import * as React from 'react';
import type { FormModel, TypedField } from './formmodel';

/**
 * What a field is found by, which has the focus when it is asked for.
 */
export function useAskedFor(
  form: FormModel,
  field: TypedField
): React.RefObject<HTMLInputElement> {
  const input = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (input.current && form.takesFocus(field)) {
      input.current.focus();
    }
  });
  return input;
}

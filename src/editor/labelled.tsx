import * as React from 'react';

/**
 * What the element of a labelled field has to have.
 */
export interface IFieldIds {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': true | undefined;
}

/**
 * A field with its name, what it takes, and what is wrong with it.
 */
export function Labelled(props: {
  label: string;
  help?: string;
  error?: string;
  children: (ids: IFieldIds) => React.JSX.Element;
}): React.JSX.Element {
  const { label, help, error, children } = props;
  const id = React.useId();
  const isMore = help !== undefined || error !== undefined;
  return (
    <div className="jp-SpecCluster-field" data-invalid={error !== undefined}>
      <label htmlFor={id}>{label}</label>
      <div>
        {children({
          id,
          'aria-describedby': isMore ? `${id}-more` : undefined,
          'aria-invalid': error !== undefined || undefined
        })}
        <div id={`${id}-more`}>
          {error && <p className="jp-SpecCluster-fieldError">{error}</p>}
          {help && <small>{help}</small>}
        </div>
      </div>
    </div>
  );
}

import * as React from 'react';

/**
 * What a class says of itself: a text in which code is between backticks.
 */
export function Marked({ text }: { text: string }): React.JSX.Element {
  return (
    <>
      {text
        .split('`')
        .map((part, index) =>
          index % 2 === 1 ? <code key={index}>{part}</code> : part
        )}
    </>
  );
}

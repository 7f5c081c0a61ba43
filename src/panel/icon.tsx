import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** What was read of the icons' texts, to be copied. */
const drawn = new Map<string, Element>();

function draw(icon: LabIcon): Node {
  const known = drawn.get(icon.svgstr);
  const drawing = known ?? icon.element().querySelector('svg')!;
  drawn.set(icon.svgstr, drawing);
  return drawing.cloneNode(true);
}

/**
 * An icon of which there are many. JupyterLab's own component reads the text
 * of the icon anew for each, which takes longer than all the rest of a row.
 */
function IconView(props: {
  icon: LabIcon;
  className?: string;
}): React.JSX.Element {
  const { icon, className } = props;
  const place = React.useCallback(
    (node: HTMLElement | null) => node?.replaceChildren(draw(icon)),
    [icon]
  );
  return <span ref={place} className={className} />;
}

export const Icon = React.memo(IconView);

import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Cluster } from '../api/types';
import { kindIcons } from '../icons';
import { clusterKind, specEntries } from '../model/facts';
import { usePanel, useReadOnly } from './context';
import { whenDragged } from './drag';
import { PhaseLabel } from './phase';
import { Ticking } from './ticking';

/**
 * What a cluster is called, how it is, and where it comes from; it can be
 * dragged into a notebook.
 */
function CardHeaderView(
  document: Pick<
    Cluster,
    | 'id'
    | 'display_name'
    | 'template'
    | 'owner'
    | 'phase'
    | 'created'
    | 'spec'
    | 'adaptive'
  >
): React.JSX.Element {
  const { trans, clientCode } = usePanel();
  const { id, display_name, template, phase, adaptive } = document;
  // Else it is said where it can be changed.
  const isRangeSaid = !useReadOnly() && phase !== 'failed';
  const onPointerDown = whenDragged(event =>
    clientCode.drag(id, display_name, event)
  );
  const owner = ownerText(document, trans);
  const KindIcon = kindIcons[clusterKind(document)];
  return (
    <header
      className="jp-SpecCluster-header"
      title={trans.__('Drag into a notebook to connect to %1', id)}
      onPointerDown={onPointerDown}
    >
      <span className="jp-SpecCluster-grip" aria-hidden="true" />
      <KindIcon.react tag="span" className="jp-SpecCluster-kindIcon" />
      <h3 className="jp-SpecCluster-name" title={display_name}>
        {display_name}
      </h3>
      <PhaseLabel phase={phase} />
      <p
        className="jp-SpecCluster-origin"
        title={trans.__('Owner: %1', owner.whole)}
      >
        {template && <span>{template}</span>}
        <span className="jp-SpecCluster-entries">
          {trans._n('%1 entry', '%1 entries', specEntries(document))}
        </span>
        {adaptive && !isRangeSaid && <span>{rangeText(adaptive, trans)}</span>}
        {owner.text && (
          <span className="jp-SpecCluster-owner" title={owner.whole}>
            {owner.text}
          </span>
        )}
      </p>
      <p className="jp-SpecCluster-age">
        <span className="jp-SpecCluster-hidden">{trans.__('made')}</span>{' '}
        <Ticking moment={document.created} />
      </p>
    </header>
  );
}

export const CardHeader = React.memo(CardHeaderView);

/**
 * Between how many workers a cluster scales by itself.
 */
export function rangeText(
  { minimum, maximum }: NonNullable<Cluster['adaptive']>,
  trans: TranslationBundle
): string {
  return maximum === null
    ? trans.__('Adaptive, from %1', minimum)
    : trans.__('Adaptive, %1 to %2', minimum, maximum);
}

/** In view nothing for a cluster of this server from a template, which is what one expects. */
function ownerText(
  { owner, template }: Pick<Cluster, 'owner' | 'template'>,
  trans: TranslationBundle
): { text: string | null; whole: string } {
  const { kind, detail } = owner;
  const as = (whole: string, text: string | null = whole) => ({ text, whole });
  switch (kind) {
    case 'server':
      return detail !== null
        ? as(detail)
        : as(trans.__('server'), template ? null : undefined);
    case 'notebook':
      // There is little room: its name says more than where it is.
      return detail !== null
        ? as(trans.__('notebook %1', detail), detail.split('/').pop())
        : as(trans.__('notebook'));
    case 'command':
      return as(detail ?? trans.__('command line'));
  }
}

import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { conditionProblems, entryProblems } from '../model/facts';
import type { ICluster } from '../tokens';
import { Actions } from './actions';
import { CardHeader } from './cardheader';
import { usePanel } from './context';
import { Figures, Progress } from './figures';
import { useFocusHandedOn } from './focus';
import { useNear } from './near';
import { Problems } from './problems';
import { useSignal } from './signals';
import { EntryTree } from './tree';

/**
 * One cluster. Far out of view it has only its name, until it comes near.
 */
function ClusterCardView({
  cluster,
  isAtTop,
  onLeave
}: {
  cluster: ICluster;
  isAtTop: boolean;
  /** The card goes, and has the focus. */
  onLeave: (card: HTMLElement) => void;
}): React.JSX.Element {
  const name = useSignal(cluster.changed, () => cluster.document.display_name);
  const phase = useSignal(cluster.changed, () => cluster.document.phase);
  const place = React.useRef<HTMLElement>(null);
  const isNear = useNear(place, isAtTop);
  useFocusHandedOn(place, onLeave);
  return (
    <article
      ref={place}
      className="jp-SpecCluster-card"
      aria-label={name}
      tabIndex={-1}
      data-cluster-id={cluster.id}
      data-phase={phase}
      data-far={!isNear || undefined}
    >
      {isNear ? <Content cluster={cluster} /> : <h3>{name}</h3>}
    </article>
  );
}

export const ClusterCard = React.memo(ClusterCardView);

function Content({ cluster }: { cluster: ICluster }): React.JSX.Element {
  const { trans, view } = usePanel();
  const isOpen = useSignal(view.openedChanged, () => view.isOpen(cluster.id));
  const workersId = React.useId();
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  return (
    <>
      <Facts cluster={cluster} isOpen={isOpen} />
      <Actions cluster={cluster} />
      <button
        type="button"
        className="jp-SpecCluster-disclosure"
        aria-expanded={isOpen}
        aria-controls={workersId}
        onClick={() => view.setOpen(cluster.id, !isOpen)}
      >
        <Caret.react tag="span" className="jp-SpecCluster-buttonIcon" />
        {isOpen ? trans.__('Hide workers') : trans.__('Show workers')}
      </button>
      <div id={workersId} hidden={!isOpen}>
        {isOpen && <Workers cluster={cluster} />}
      </div>
    </>
  );
}

/**
 * How a cluster is: all that changes while nobody does anything with it.
 */
function Facts({
  cluster,
  isOpen
}: {
  cluster: ICluster;
  isOpen: boolean;
}): React.JSX.Element {
  const document = useSignal(cluster.changed, () => cluster.document);
  const problems = [
    ...conditionProblems(document),
    // Opened, each entry says it itself.
    ...(isOpen ? [] : entryProblems(document))
  ];
  return (
    <>
      <Progress document={document} />
      <CardHeader
        id={document.id}
        display_name={document.display_name}
        template={document.template}
        owner={document.owner}
        phase={document.phase}
        created={document.created}
        spec={document.spec}
        adaptive={document.adaptive}
      />
      <Figures counts={document.counts} />
      <Problems cluster={document.id} problems={problems} />
    </>
  );
}

function Workers({ cluster }: { cluster: ICluster }): React.JSX.Element {
  const document = useSignal(cluster.changed, () => cluster.document);
  return <EntryTree cluster={document} />;
}
